"""What a request may do: an application by its permissions; a person by what was consented to, role, and target.

Source: permissions reference, includes/rbac-for-apis, privileged-roles-permissions, phoneMethods list (masking).
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from authops.demo.login import permissions as p
from authops.demo.world.tenant import Refusal

if TYPE_CHECKING:
    from authops.demo.odata.calls import Call
    from authops.demo.wire.routes import Route
    from authops.demo.world.groups import Memberships
    from authops.demo.world.tenant import Tenant, User

_GLOBAL, _READER = "Global Administrator", "Global Reader"
_AUTHENTICATION, _PRIVILEGED = "Authentication Administrator", "Privileged Authentication Administrator"
_POLICY = "Authentication Policy Administrator"
_EVERY_METHOD = frozenset({_GLOBAL, _PRIVILEGED})
_METHODS = _EVERY_METHOD | {_AUTHENTICATION}
_SECURITY = frozenset({_GLOBAL, _READER, "Reports Reader", "Security Reader", "Security Administrator"})
_ACCESS_READERS = frozenset({_GLOBAL, _READER, "Security Reader", "Security Administrator"})
_ROLE_READERS = frozenset({_GLOBAL, _READER, "Directory Readers", "Privileged Role Administrator"})
_USER_WRITERS = _METHODS | {"User Administrator"}
# What is asked for → the roles that may read it, and those that may write it; None: any member of the organization.
_AREAS = (
    (re.compile(r"/users/\{\}/authentication"), _METHODS | {_READER}, _METHODS),
    (re.compile(r"/users"), None, _USER_WRITERS),
    (re.compile(r"/policies"), frozenset({_GLOBAL, _READER, _POLICY}), frozenset({_GLOBAL, _POLICY})),
    (re.compile(r"/(reports|auditLogs)"), _SECURITY, frozenset[str]()),
    (re.compile(r"/roleManagement|/directoryRoles"), _ROLE_READERS, frozenset({_GLOBAL})),
    (re.compile(r"/identity/conditionalAccess"), _ACCESS_READERS, frozenset({_GLOBAL})),
    (re.compile(r""), None, frozenset({_GLOBAL})),
)
# Roles that an Authentication Administrator may deal with the methods of.
_HARMLESS = frozenset(
    {
        _AUTHENTICATION, "Directory Readers", "Guest Inviter", "Message Center Reader", "Password Administrator",
        "Reports Reader", "User Experience Success Manager", "Usage Summary Reports Reader",
    }
)  # fmt: skip
# What somebody may see of themselves, by the permission that everybody can consent to.
_OWN = (
    (re.compile(r"/users/\{\}"), frozenset({"User.Read", "User.ReadWrite"})),
    (re.compile(r"/users/\{\}/authentication/phoneMethods.*"), frozenset({"UserAuthMethod-Phone.Read"})),
    (re.compile(r"/users/\{\}/authentication/emailMethods.*"), frozenset({"UserAuthMethod-Email.Read"})),
    (re.compile(r"/users/\{\}/authentication.*"), frozenset({"UserAuthenticationMethod.Read"})),
    (re.compile(r"/users/\{\}/licenseDetails"), frozenset({"User.Read"})),
    (re.compile(r"/users/\{\}/(memberOf|transitiveMemberOf)(/.*)?"), frozenset({"User.Read"})),
    (re.compile(r"/users/\{\}/(getMember|checkMember)\w+"), frozenset({"User.Read"})),
)
# What lets somebody delete a method of their own, after a fresh second factor: that is not here.
_SELF = re.compile(r"UserAuth(?:enticationMethod|Method-\w+)\.ReadWrite")
# Actions that change nothing.
_ASKS = re.compile(r".*/(getMember|checkMember|getByIds)\w*")


def _reads(route: Route) -> bool:
    """Return whether a request only asks, whatever its verb."""
    return route.method == "GET" or _ASKS.fullmatch(route.template) is not None


def own_path(call: Call, path: str) -> str:
    """Return the path with `/me` as the person it stands for; an application is nobody."""
    if path.lower() != "/me" and not path.lower().startswith("/me/"):
        return path
    if not call.bearer.person:
        raise Refusal(400, "BadRequest", "/me request is only valid with delegated authentication flow.")
    return f"/users/{call.bearer.person}{path[3:]}"


class Authority:
    """Permits or refuses, for one tenant."""

    def __init__(self, tenant: Tenant, memberships: Memberships) -> None:
        """Know the people of `tenant` and the roles they hold."""
        self.tenant, self.memberships = tenant, memberships

    def permit(self, route: Route, call: Call, keys: tuple[str, ...]) -> None:
        """Refuse what the caller may not do; note on the call what is to be hidden."""
        wanted = route.permissions
        if route.template.startswith("/organization") and self.tenant.assume["organization_by_user_read"] == "yes":
            wanted = wanted | p.USERS_FULL
        if call.bearer.person:
            self._person(route, call, wanted, keys)
        elif not wanted & call.permissions:
            raise Refusal(403, *route.refusal)

    def _person(self, route: Route, call: Call, wanted: frozenset[str], keys: tuple[str, ...]) -> None:
        target = self.tenant.find(unquote(keys[0])) if keys and route.template.startswith("/users/{}") else None
        if target and target.id == call.bearer.person and self._of_oneself(route, call):
            return
        deletes = route.method == "DELETE" and any(_SELF.fullmatch(name) for name in call.permissions)
        mine = target is not None and target.id == call.bearer.person
        if wanted is p.NOBODY or not wanted or (mine and deletes and not wanted & call.permissions):
            raise Refusal(501, "notImplemented", f"The demo tenant does not implement {call.method} {call.path}.")
        if not wanted & call.permissions:
            raise Refusal(403, *route.refusal)
        held = frozenset(self.memberships.roles(call.bearer.person))
        readers, writers = next((r, w) for pattern, r, w in _AREAS if pattern.match(route.template))
        needed = readers if _reads(route) else writers
        if needed is None:
            self._member(route, call)
        elif not needed & held:
            raise Refusal(403, *route.refusal)
        if target and "/authentication" in route.template:
            self._of_somebody(route, call, held, target)

    def _of_oneself(self, route: Route, call: Call) -> bool:
        if not _reads(route):
            return False
        mine = any(pattern.fullmatch(route.template) and names & call.permissions for pattern, names in _OWN)
        if mine:
            call.bearer = replace(call.bearer, permissions=call.permissions | {"User.Read.All"})
        return mine

    def _member(self, route: Route, call: Call) -> None:
        """Refuse a guest, who sees little of the directory."""
        me = self.tenant.find(call.bearer.person)
        if me is None or me.profile.get("userType") == "Guest":
            raise Refusal(403, *route.refusal)

    def _of_somebody(self, route: Route, call: Call, held: frozenset[str], target: User) -> None:
        """Keep an Authentication Administrator from administrators, and numbers from his eyes."""
        free = _EVERY_METHOD | ({_READER} if _reads(route) else set())
        if held & free:
            return
        roles = frozenset(self.memberships.roles(target.id))
        if roles - _HARMLESS or self.memberships.protected(target.id):
            raise Refusal(403, *route.refusal)
        call.masked = target.id != call.bearer.person
