"""What a user has, and how each property may be filtered, searched and sorted. Source: user resource (property table),
user-list, aad-advanced-queries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authops.demo.odata.elsewhere import ELSEWHERE
from authops.demo.odata.query import Rules

if TYPE_CHECKING:
    from authops.demo.world.tenant import User

DEFAULT_PROPERTIES = (
    "businessPhones", "displayName", "givenName", "jobTitle", "mail", "mobilePhone", "officeLocation",
    "preferredLanguage", "surname", "userPrincipalName", "id",
)  # fmt: skip
LISTS = frozenset(
    [
        "otherMails", "businessPhones", "assignedLicenses", "imAddresses", "proxyAddresses", "identities",
        "assignedPlans", "licenseAssignmentStates", "onPremisesProvisioningErrors", "provisionedPlans",
        "serviceProvisioningErrors",
    ]
)  # fmt: skip
# Structural properties of microsoft.graph.user that the population leaves empty.
EMPTY = frozenset(
    {
        "ageGroup", "authorizationInfo", "consentProvidedForMinor", "creationType", "customSecurityAttributes",
        "deletedDateTime", "employeeHireDate", "employeeLeaveDateTime", "employeeOrgData", "employeeType",
        "externalUserState", "externalUserStateChangeDateTime", "faxNumber", "identities", "identityParentId",
        "imAddresses", "assignedPlans", "isManagementRestricted", "isResourceAccount", "lastPasswordChangeDateTime",
        "legalAgeGroupClassification", "licenseAssignmentStates", "onPremisesDistinguishedName",
        "onPremisesDomainName", "onPremisesExtensionAttributes", "onPremisesImmutableId",
        "onPremisesLastSyncDateTime", "onPremisesProvisioningErrors", "onPremisesSamAccountName",
        "onPremisesSecurityIdentifier", "onPremisesUserPrincipalName", "passwordPolicies", "passwordProfile",
        "postalCode", "preferredDataLocation", "provisionedPlans", "proxyAddresses", "securityIdentifier",
        "serviceProvisioningErrors", "showInAddressList", "signInSessionsValidFromDateTime", "state", "streetAddress",
    }
)  # fmt: skip
FILLED = frozenset(
    [
        "accountEnabled",
        "assignedLicenses",
        "city",
        "companyName",
        "country",
        "createdDateTime",
        "department",
        "employeeId",
        "mailNickname",
        "onPremisesSyncEnabled",
        "otherMails",
        "usageLocation",
        "userType",
    ]
) | frozenset(DEFAULT_PROPERTIES)
# Only for one user at a time (user-list: such a $select on the collection answers 501).
SINGLE = frozenset(
    {
        "aboutMe", "deviceEnrollmentLimit", "birthday", "hireDate", "interests", "mySite", "pastProjects",
        "preferredName", "responsibilities", "schools", "skills", "mailboxSettings",
    }
)  # fmt: skip
_EQUAL = frozenset(
    {
        "accountEnabled", "ageGroup", "city", "companyName", "consentProvidedForMinor", "country", "createdDateTime",
        "creationType", "deletedDateTime", "department", "displayName", "employeeHireDate", "employeeId",
        "employeeLeaveDateTime", "employeeType", "externalUserState", "externalUserStateChangeDateTime", "faxNumber",
        "givenName", "id", "isResourceAccount", "jobTitle", "mail", "mailNickname", "mobilePhone", "officeLocation",
        "onPremisesImmutableId", "onPremisesLastSyncDateTime", "onPremisesSamAccountName",
        "onPremisesSecurityIdentifier", "onPremisesSyncEnabled", "onPremisesUserPrincipalName", "passwordPolicies",
        "postalCode", "preferredLanguage", "securityIdentifier", "state", "streetAddress", "surname", "usageLocation",
        "userPrincipalName", "userType", "perUserMfaState", "signInActivity/lastSignInDateTime",
        "signInActivity/lastNonInteractiveSignInDateTime", "signInActivity/lastSuccessfulSignInDateTime",
    }
)  # fmt: skip
ANY = frozenset({"assignedLicenses", "otherMails", "businessPhones", "proxyAddresses", "identities", "imAddresses"})
_TIMES = frozenset(
    {
        "createdDateTime", "deletedDateTime", "employeeHireDate", "employeeLeaveDateTime",
        "onPremisesLastSyncDateTime", "externalUserStateChangeDateTime", "signInActivity/lastSignInDateTime",
        "signInActivity/lastNonInteractiveSignInDateTime", "signInActivity/lastSuccessfulSignInDateTime",
    }
)  # fmt: skip
_STARTS = frozenset(
    {
        "city", "companyName", "country", "department", "displayName", "employeeId", "employeeType", "faxNumber",
        "givenName", "id", "jobTitle", "mail", "mailNickname", "mobilePhone", "officeLocation",
        "onPremisesImmutableId", "onPremisesSamAccountName", "onPremisesSecurityIdentifier",
        "onPremisesUserPrincipalName", "postalCode", "preferredLanguage", "securityIdentifier", "state",
        "streetAddress", "surname", "usageLocation", "userPrincipalName",
    }
)  # fmt: skip
_ENDS = frozenset({"mail", "otherMails", "userPrincipalName", "proxyAddresses"})
SEARCHED = frozenset({"displayName", "userPrincipalName", "mail", "givenName", "surname", "mailNickname"})
SORTS = ("displayName", "userPrincipalName", "createdDateTime")
SIGN_IN = "signInActivity"
MFA_STATE = "perUserMfaState"
KNOWN = FILLED | EMPTY | SINGLE | {SIGN_IN, MFA_STATE}


def rules(*, advanced: bool) -> Rules:
    """Return what may be filtered how."""
    return Rules(_EQUAL, _STARTS, ANY, _TIMES, _ENDS, KNOWN | ELSEWHERE["user"], advanced=advanced)


def row(user: User) -> dict[str, Any]:
    """Return a user with all properties."""
    found = {"id": user.id, **user.profile, MFA_STATE: user.per_user_mfa}
    domain = str(user.profile["userPrincipalName"]).rpartition("@")[2]
    if mail := user.profile.get("mail"):
        found.setdefault("proxyAddresses", [f"SMTP:{mail}"])
    who = {"signInType": "userPrincipalName", "issuer": domain}
    found.setdefault("identities", [{**who, "issuerAssignedId": user.profile["userPrincipalName"]}])
    return found
