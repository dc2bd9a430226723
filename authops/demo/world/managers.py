"""Who is whose manager: whoever leads a department, of its members; guests have none."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from authops.demo.world.tenant import Tenant, User

_TITLES = ("Director", "Lead", "Manager")


def manager(tenant: Tenant, user: User) -> User | None:
    """Return somebody's manager."""
    if tenant.leads[0] != tenant.staff_version:
        tenant.leads = tenant.staff_version, _leads(tenant)
    found = tenant.leads[1].get(str(user.profile.get("department")))
    return None if found is user or user.profile.get("userType") == "Guest" else found


def _leads(tenant: Tenant) -> dict[str, User]:
    found: dict[str, User] = {}
    for each in tenant.living():
        if each.profile.get("jobTitle") in _TITLES and each.profile.get("userType") != "Guest":
            found.setdefault(str(each.profile.get("department")), each)
    return found
