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
)

_METHOD_WRITE = frozenset({"UserAuthenticationMethod.ReadWrite.All"})
_METHOD_READ = _METHOD_WRITE | {"UserAuthenticationMethod.Read.All"}
_DIRECTORY = frozenset({"Directory.Read.All", "Directory.ReadWrite.All"})

METHODS = _METHOD_READ
PHONE_READ = _METHOD_READ | {"UserAuthMethod-Phone.Read.All", "UserAuthMethod-Phone.ReadWrite.All"}
PHONE_WRITE = _METHOD_WRITE | {"UserAuthMethod-Phone.ReadWrite.All"}
EMAIL_READ = _METHOD_READ | {"UserAuthMethod-Email.Read.All", "UserAuthMethod-Email.ReadWrite.All"}
EMAIL_WRITE = _METHOD_WRITE | {"UserAuthMethod-Email.ReadWrite.All"}
USERS_FULL = _DIRECTORY | {"User.Read.All", "User.ReadWrite.All"}
USERS = USERS_FULL | {"User.ReadBasic.All"}
REPORTS = frozenset({"AuditLog.Read.All"})
POLICY = frozenset({"Policy.Read.AuthenticationMethod", "Policy.Read.All", "Policy.ReadWrite.AuthenticationMethod"})
POLICY_WRITE = frozenset({"Policy.ReadWrite.AuthenticationMethod"})
GROUPS = _DIRECTORY | {"GroupMember.Read.All", "Group.Read.All", "Group.ReadWrite.All", "GroupMember.ReadBasic.All"}
ROLES = _DIRECTORY | {"RoleManagement.Read.Directory", "RoleManagement.ReadWrite.Directory", "RoleManagement.Read.All"}
ELIGIBILITY = (ROLES - _DIRECTORY) | {
    "RoleEligibilitySchedule.Read.Directory", "RoleEligibilitySchedule.ReadWrite.Directory",
}  # fmt: skip
PASS_READ = _METHOD_READ | {"UserAuthMethod-TAP.Read.All", "UserAuthMethod-TAP.ReadWrite.All"}
PASS_WRITE = _METHOD_WRITE | {"UserAuthMethod-TAP.ReadWrite.All"}
METHODS_WRITE = _METHOD_WRITE
LICENCES = _DIRECTORY | {"LicenseAssignment.Read.All", "Organization.Read.All"}
ORGANIZATION = _DIRECTORY | {"Organization.Read.All", "Organization.ReadWrite.All"}
# What User.ReadBasic.All shows of a user.
BASIC = frozenset({"id", "displayName", "givenName", "surname", "mail", "userPrincipalName"})

# The three ways a workload refuses (code, text).
AUTHENTICATION_REFUSAL = ("accessDenied", "Request Authorization failed")
DIRECTORY_REFUSAL = ("Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
REPORT_REFUSAL = (
    "Authentication_MSGraphPermissionMissing",
    "Calling principal does not have required MSGraph permissions AuditLog.Read.All",
)
