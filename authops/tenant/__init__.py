"""What the tenant says: people, methods, roles, groups, policy, audit log.

Reads only, and never decides an action.
"""

from authops.words.rooms import offered

__getattr__ = offered(
    __name__,
    {
        "directory": "current defaults find_users people registrations",
        "inventory": "details profile_phones",
        "roles": "role_holders",
    },
)
