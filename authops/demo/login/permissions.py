"""Which application permissions open which request: least or broader. Source: Graph permissions reference."""

from __future__ import annotations

DEFAULT = (
    "User.Read.All",
    "UserAuthenticationMethod.ReadWrite.All",
    "AuditLog.Read.All",
    "Policy.Read.AuthenticationMethod",
    "GroupMember.Read.All",
    "RoleManagement.Read.Directory",
    "LicenseAssignment.Read.All",
    "Policy.ReadWrite.AuthenticationMethod",
    "Policy.Read.ConditionalAccess",
    "IdentityRiskyUser.Read.All",
    "User.RevokeSessions.All",
)

_METHOD_WRITE = frozenset({"UserAuthenticationMethod.ReadWrite.All"})
_METHOD_READ = _METHOD_WRITE | {"UserAuthenticationMethod.Read.All"}
DIRECTORY = frozenset({"Directory.Read.All", "Directory.ReadWrite.All"})

METHODS = _METHOD_READ
PHONE_READ = _METHOD_READ | {"UserAuthMethod-Phone.Read.All", "UserAuthMethod-Phone.ReadWrite.All"}
PHONE_WRITE = _METHOD_WRITE | {"UserAuthMethod-Phone.ReadWrite.All"}
EMAIL_READ = _METHOD_READ | {"UserAuthMethod-Email.Read.All", "UserAuthMethod-Email.ReadWrite.All"}
EMAIL_WRITE = _METHOD_WRITE | {"UserAuthMethod-Email.ReadWrite.All"}
USERS_FULL = DIRECTORY | {"User.Read.All", "User.ReadWrite.All"}
USERS_WRITE = frozenset({"User.ReadWrite.All", "Directory.ReadWrite.All"})
USERS_CHANGE = USERS_WRITE | {"User-Phone.ReadWrite.All"}
SESSIONS = USERS_WRITE | {"User.RevokeSessions.All"}
DOMAINS = frozenset({"Domain.Read.All", "Domain.ReadWrite.All", "Directory.Read.All"})
USERS = USERS_FULL | {"User.ReadBasic.All"}
REPORTS = frozenset({"AuditLog.Read.All"})
POLICY = frozenset({"Policy.Read.AuthenticationMethod", "Policy.Read.All", "Policy.ReadWrite.AuthenticationMethod"})
POLICY_WRITE = frozenset({"Policy.ReadWrite.AuthenticationMethod"})
CONDITIONAL_ACCESS = frozenset(
    {"Policy.Read.ConditionalAccess", "Policy.Read.All", "Policy.ReadWrite.ConditionalAccess"}
)
AUTHORIZATION = frozenset({"Policy.Read.All", "Policy.ReadWrite.Authorization"})
SECURITY_DEFAULTS = frozenset({"Policy.Read.All", "Policy.ReadWrite.SecurityDefaults"})
GROUPS = DIRECTORY | {"GroupMember.Read.All", "Group.Read.All", "Group.ReadWrite.All", "GroupMember.ReadBasic.All"}
ROLES = DIRECTORY | {"RoleManagement.Read.Directory", "RoleManagement.ReadWrite.Directory", "RoleManagement.Read.All"}
ELIGIBILITY = (ROLES - DIRECTORY) | {
    "RoleEligibilitySchedule.Read.Directory", "RoleEligibilitySchedule.ReadWrite.Directory",
}  # fmt: skip
ASSIGNMENT_SCHEDULES = (ROLES - DIRECTORY) | {
    "RoleAssignmentSchedule.Read.Directory", "RoleAssignmentSchedule.ReadWrite.Directory",
}  # fmt: skip
METHODS_WRITE = _METHOD_WRITE
RISK = frozenset({"IdentityRiskyUser.Read.All", "IdentityRiskyUser.ReadWrite.All"})


def of_family(family: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return what opens reading and writing one kind of method: `family` is its permissions' middle part."""
    reads, writes = (f"UserAuthMethod-{family}.{verb}.All" for verb in ("Read", "ReadWrite"))
    return _METHOD_READ | {reads, writes}, _METHOD_WRITE | {writes}


# Delegated only: no application permission opens it (password reset).
NOBODY = frozenset[str]()
MFA_STATE_READ = frozenset({"Policy.Read.All", "Policy.ReadWrite.AuthenticationMethod"})
LICENCES = DIRECTORY | {"LicenseAssignment.Read.All", "Organization.Read.All"}
ORGANIZATION = DIRECTORY | {"Organization.Read.All", "Organization.ReadWrite.All"}
# What User.ReadBasic.All shows of a user.
BASIC = frozenset({"id", "displayName", "givenName", "surname", "mail", "userPrincipalName"})

# The ways a workload refuses (code, text).
AUTHENTICATION_REFUSAL = ("accessDenied", "Request Authorization failed")
DIRECTORY_REFUSAL = ("Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
PREMIUM_REFUSAL = (
    "Authentication_RequestFromNonPremiumTenantOrB2CTenant",
    "Neither tenant is B2C or tenant doesn't have premium license",
)
CONDITIONAL_ACCESS_REFUSAL = (
    "AccessDenied",
    "You cannot perform the requested operation, required scopes are missing in the token.",
)
REPORT_REFUSAL = (
    "Authentication_MSGraphPermissionMissing",
    "Calling principal does not have required MSGraph permissions AuditLog.Read.All",
)
