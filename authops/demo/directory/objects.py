"""Objects of the directory, whatever their type: users, groups and roles, as collections of them show, cast, filter and
expand them. Source: directoryobject-get, -getbyids; group-list-members; user-list-memberof; aad-advanced-queries.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from authops.demo.directory import properties
from authops.demo.directory.users import ordered, shown_user
from authops.demo.odata import query as odata
from authops.demo.odata.calls import NO_PROPERTY, OBJECT_TYPES, Answer, no_such, paged, refuse_options
from authops.demo.odata.elsewhere import ELSEWHERE
from authops.demo.world.roles import NAMES
from authops.demo.world.tenant import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from authops.demo.odata.calls import Call
    from authops.demo.world.groups import Memberships

GROUP_FIELDS = (
    "id", "displayName", "description", "securityEnabled", "isAssignableToRole", "mailEnabled", "mail",
    "mailNickname", "groupTypes", "createdDateTime", "renewedDateTime", "visibility", "proxyAddresses",
    "classification", "deletedDateTime", "expirationDateTime", "membershipRule", "membershipRuleProcessingState",
    "onPremisesDomainName", "onPremisesLastSyncDateTime", "onPremisesNetBiosName", "onPremisesProvisioningErrors",
    "onPremisesSamAccountName", "onPremisesSecurityIdentifier", "onPremisesSyncEnabled", "preferredDataLocation",
    "preferredLanguage", "securityIdentifier", "serviceProvisioningErrors", "theme", "uniqueName",
    "isManagementRestricted",
)  # fmt: skip
GROUP_LISTS = frozenset(
    {
        "groupTypes", "proxyAddresses", "onPremisesProvisioningErrors", "serviceProvisioningErrors",
    }
)  # fmt: skip
_EQUAL = frozenset(
    {
        "id", "displayName", "description", "securityEnabled", "mailEnabled", "isAssignableToRole", "mail",
        "mailNickname", "createdDateTime", "renewedDateTime", "expirationDateTime", "onPremisesSyncEnabled",
        "onPremisesSamAccountName", "onPremisesSecurityIdentifier", "onPremisesLastSyncDateTime",
        "securityIdentifier", "classification", "membershipRule", "preferredLanguage",
        "membershipRuleProcessingState", "uniqueName",
    }
)  # fmt: skip
_TIMES = frozenset({"createdDateTime", "renewedDateTime", "expirationDateTime", "onPremisesLastSyncDateTime"})
_STARTS = frozenset({"displayName", "description", "mail", "mailNickname", "onPremisesSamAccountName", "uniqueName"})
GROUP_SEARCHED = frozenset({"displayName", "description", "mail", "mailNickname"})
GROUP_SORTS = ("displayName", "createdDateTime")
# What every object can be asked by, whatever its type.
_COMMON = frozenset({"id", "displayName", "mail"})
GROUP_KNOWN = frozenset(GROUP_FIELDS) | ELSEWHERE["group"]
_KNOWN = GROUP_KNOWN | properties.KNOWN | ELSEWHERE["user"]
_SIZES = (100, 999)
_MOST_EXPANDED, _MOST_IDS = 20, 1000
_EXPANSION = re.compile(r"\s*(\w+)\s*(?:\(\s*\$?select\s*=([\w\s,]*)\))?\s*", re.IGNORECASE)


def group_rules(*, advanced: bool) -> odata.Rules:
    """Return what groups may be filtered by, and how."""
    return odata.Rules(_EQUAL, _STARTS, GROUP_LISTS, _TIMES, None, GROUP_KNOWN, advanced=advanced)


def full_group(row: dict[str, Any]) -> dict[str, Any]:
    """Return a group with every property that a group has."""
    return {name: row.get(name, [] if name in GROUP_LISTS else None) for name in GROUP_FIELDS}


def role_row(role: str) -> dict[str, Any]:
    """Return an activated directory role as Graph shows it."""
    about = {"displayName": NAMES[role], "description": f"Holds what {NAMES[role]} may do."}
    return {"id": role, "deletedDateTime": None, **about, "roleTemplateId": role}


def need_header(call: Call) -> None:
    """Refuse an advanced query on a collection of objects whose header or count is missing."""
    if not (call.eventual and (call.number or call.options.get("$count", "").lower() == "true")):
        raise odata.unsupported("The specified filter to the reference property query is currently not supported.")


class Objects:
    """The objects of one tenant's directory."""

    def __init__(self, memberships: Memberships) -> None:
        """Find groups and roles in `memberships`, users in the tenant that is asked."""
        self.memberships = memberships

    def kind(self, call: Call, key: str) -> str | None:
        """Return what type of object has this id; None: no object that is there."""
        if key in self.memberships.groups:
            return "group"
        if key in NAMES:
            return "directoryRole"
        user = call.tenant.users.get(key)
        return "user" if user and not user.deleted else None

    def listed(self, call: Call, ids: Sequence[str], cast: str = "", *, advanced: bool = False) -> Answer:
        """List objects by their ids; `cast`: those of one type, which may be an advanced query."""
        options = refuse_options(
            call, "$top", "$select", "$count", "$skiptoken", "$filter", "$search", "$orderby"
        )  # fmt: skip
        wanted = odata.canonical(cast, OBJECT_TYPES) if cast else None
        if cast and wanted is None:
            raise Refusal(501, "notImplemented", f"The demo tenant does not implement the type {cast} in {call.path}.")
        if advanced and cast:
            need_header(call)
        # Whoever is a member or holds a role is there: both follow from the living.
        present = ids if wanted is None else [key for key in ids if self.kind(call, key) == wanted]
        if {"$filter", "$search", "$orderby"} & set(options):
            need_header(call)
            present = self._asked(call, options, present, wanted)
        return paged(call, present, "directoryObjects", lambda key: self.one(call, key, typed=not cast), _SIZES)

    def _asked(self, call: Call, options: dict[str, str], keys: Sequence[str], kind: str | None) -> list[str]:
        """Return those that an advanced query finds, in its order."""
        rows = [self.row(call, key) for key in keys]
        if "$filter" in options:
            test = odata.parse(options["$filter"], _rules(kind))
            rows = [row for row in rows if test(row)]
        if "$search" in options:
            names = {"user": properties.SEARCHED, "group": GROUP_SEARCHED}.get(kind or "", frozenset({"displayName"}))
            found = odata.search(options["$search"], names, _KNOWN)
            rows = [row for row in rows if found(row)]
        if "$orderby" in options:
            rows = ordered(rows, options["$orderby"], properties.SORTS if kind == "user" else GROUP_SORTS[:1], _KNOWN)
        return [row["id"] for row in rows]

    def row(self, call: Call, key: str) -> dict[str, Any]:
        """Return an object with all its properties."""
        kind = self.kind(call, key)
        if kind == "group":
            return full_group(self.memberships.groups[key].row())
        return role_row(key) if kind == "directoryRole" else properties.row(call.tenant.users[key])

    def one(
        self, call: Call, key: str, *, typed: bool = True, whole: bool = False, named: str | None = None
    ) -> dict[str, Any]:
        """Return an object as `$select`, or `named`, shows it; `whole`: as if none were given."""
        kind = self.kind(call, key)
        select = named if named is not None else None if whole else call.options.get("$select")
        if kind == "user":
            mine = _of_users(select, expanded=named is not None) if typed and select is not None else None
            shown = shown_user(call, call.tenant.users[key], whole=whole, wanted=mine)
            return {"@odata.type": "#microsoft.graph.user", **shown} if typed else shown
        row = self.row(call, key)
        wanted = row if select is None else [odata.canonical(name.strip(), row) for name in select.split(",")]
        return {"@odata.type": f"#microsoft.graph.{kind}", **{name: row[name] for name in wanted if name}}

    def expanded(
        self, call: Call, relations: dict[str, Callable[[str], Sequence[str]]]
    ) -> Callable[[str], dict[str, Any]]:
        """Return what `$expand` adds to an object: the first of those it is related to, or nothing."""
        said = call.options.get("$expand")
        if said is None:
            return lambda _key: {}
        asked = _EXPANSION.fullmatch(said)
        name = odata.canonical(asked[1], relations) if asked else None
        if asked is None or name is None:
            what = f"$expand={said} on {call.method} {call.path}"
            raise Refusal(501, "notImplemented", f"The demo tenant does not implement {what}.")

        def added(key: str) -> dict[str, Any]:
            found = [other for other in relations[name](key) if self.kind(call, other)][:_MOST_EXPANDED]
            return {name: [self.one(call, other, whole=asked[2] is None, named=asked[2]) for other in found]}

        return added

    def get_object(self, call: Call, key: str) -> Answer:
        """Get one object of whatever type."""
        refuse_options(call, "$select")
        if self.kind(call, key.lower()) is None:
            raise Refusal(404, "Request_ResourceNotFound", no_such(key))
        context = call.context("directoryObjects/$entity")
        return Answer(body={"@odata.context": context, **self.one(call, key.lower())})

    def get_by_ids(self, call: Call) -> Answer:
        """Return the objects of these ids; what is not there, or of another type, is left out."""
        body = call.body if isinstance(call.body, dict) else {}
        asked = {name.lower(): value for name, value in body.items()}
        ids, types = asked.get("ids"), asked.get("types") or ["directoryObject"]
        if not isinstance(ids, list) or not 1 <= len(ids) <= _MOST_IDS or not isinstance(types, list):
            raise Refusal(400, "Request_BadRequest", f"ids must name 1 to {_MOST_IDS} objects.")
        wanted = {str(name).lower() for name in types}
        found = [str(key).lower() for key in ids]
        rows = [
            self.one(call, key)
            for key in dict.fromkeys(found)
            if (kind := self.kind(call, key)) and wanted & {kind.lower(), "directoryobject"}
        ]
        return Answer(body={"@odata.context": call.context("directoryObjects"), "value": rows})


def _rules(kind: str | None) -> odata.Rules:
    if kind == "user":
        return properties.rules(advanced=True)
    if kind == "group":
        return group_rules(advanced=True)
    return odata.Rules(_COMMON, _COMMON, known=_KNOWN, advanced=True)


def _of_users(select: str, *, expanded: bool) -> tuple[str, ...] | None:
    """Return what is shown of a user where properties are named that only groups have; None: just what is named."""
    names = [name.strip() for name in select.split(",")]
    only = [name for name in names if not odata.canonical(name, properties.KNOWN)]
    unknown = [name for name in only if not odata.canonical(name, (*GROUP_FIELDS, "roleTemplateId"))]
    if unknown and expanded:
        raise Refusal(400, "BadRequest", f"{NO_PROPERTY} '{unknown[0]}' on type 'microsoft.graph.directoryObject'.")
    if unknown or not (only or expanded):
        return None
    return tuple(found for name in names if (found := odata.canonical(name, properties.FILLED | properties.EMPTY)))
