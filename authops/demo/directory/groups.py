"""Requests on groups and on who is in them. Source: group resource, group-list, -list-members, -list-transitivemembers,
-list-memberof; user-list-memberof, directoryobject-getmembergroups, -checkmembergroups; aad-advanced-queries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authops.demo.directory.users import found_user, ordered, shown_user
from authops.demo.odata import query as odata
from authops.demo.odata.calls import Answer, chosen, counted, no_such, paged, refuse_options
from authops.demo.world.roles import NAMES, ROLES
from authops.demo.world.tenant import Refusal

if TYPE_CHECKING:
    from authops.demo.odata.calls import Call
    from authops.demo.world.groups import Group, Memberships
    from authops.demo.world.tenant import Tenant

_FIELDS = (
    "id", "displayName", "description", "securityEnabled", "isAssignableToRole", "mailEnabled", "mail",
    "mailNickname", "groupTypes", "createdDateTime", "renewedDateTime", "visibility", "proxyAddresses",
    "classification", "deletedDateTime", "expirationDateTime", "membershipRule", "membershipRuleProcessingState",
    "onPremisesDomainName", "onPremisesLastSyncDateTime", "onPremisesNetBiosName", "onPremisesProvisioningErrors",
    "onPremisesSamAccountName", "onPremisesSecurityIdentifier", "onPremisesSyncEnabled", "preferredDataLocation",
    "preferredLanguage", "securityIdentifier", "serviceProvisioningErrors", "theme", "uniqueName",
    "isManagementRestricted",
)  # fmt: skip
_LISTS = frozenset(
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
_SEARCHED = frozenset({"displayName", "description", "mail", "mailNickname"})
_SORTS = ("displayName", "createdDateTime")
_SIZES = (100, 999)
_GROUP, _ROLE = "#microsoft.graph.group", "#microsoft.graph.directoryRole"


def _full(row: dict[str, Any]) -> dict[str, Any]:
    """Return a group with every property that a group has."""
    return {name: row.get(name, [] if name in _LISTS else None) for name in _FIELDS}


class Groups:
    """Requests on the groups of one tenant."""

    def __init__(self, memberships: Memberships) -> None:
        """Answer from `memberships`."""
        self.memberships = memberships

    def of(self, _tenant: Tenant | None = None) -> dict[str, Group]:
        """Return the groups by id."""
        return self.memberships.groups

    def list_groups(self, call: Call) -> Answer:
        """List groups."""
        options = refuse_options(call, "$top", "$select", "$filter", "$count", "$skiptoken", "$orderby", "$search")
        advanced = counted(call) or (call.number and call.eventual)
        rows = [_full(group.row()) for group in self.memberships.groups.values()]
        if "$filter" in options:
            rules = odata.Rules(_EQUAL, _STARTS, _LISTS, _TIMES, None, frozenset(_FIELDS), advanced=advanced)
            test = odata.parse(options["$filter"], rules)
            rows = [row for row in rows if test(row)]
        if "$search" in options:
            if not call.eventual:
                raise odata.unsupported("Request with $search needs the header 'ConsistencyLevel: eventual'.")
            found = odata.search(options["$search"], _SEARCHED)
            rows = [row for row in rows if found(row)]
        if "$orderby" in options:
            if "$filter" in options and not advanced:
                raise odata.unsupported("Sorting is not supported for the current query.")
            rows = ordered(rows, options["$orderby"], _SORTS)
        wanted = chosen(call, _FIELDS, "group") or _FIELDS
        return paged(call, rows, "groups", lambda row: {name: row[name] for name in wanted}, _SIZES)

    def get_group(self, call: Call, key: str) -> Answer:
        """Get one group."""
        refuse_options(call, "$select")
        row, wanted = _full(self._group(key).row()), chosen(call, _FIELDS, "group") or _FIELDS
        shown = {name: row[name] for name in wanted}
        return Answer(body={"@odata.context": call.context("groups/$entity"), **shown})

    def members(self, call: Call, key: str) -> Answer:
        """List direct members: users and groups."""
        group = self._group(key)
        return self.objects(call, [*group.members, *group.groups], typed=True)

    def member_users(self, call: Call, key: str) -> Answer:
        """List direct members that are users."""
        return self.objects(call, self._group(key).members, typed=False)

    def member_groups(self, call: Call, key: str) -> Answer:
        """List direct members that are groups."""
        return self.objects(call, self._group(key).groups, typed=False)

    def transitive(self, call: Call, key: str) -> Answer:
        """List members at any depth."""
        return self.objects(call, self._deep(key), typed=True)

    def transitive_users(self, call: Call, key: str) -> Answer:
        """List users at any depth: a cast, so an advanced query."""
        _advanced(call)
        users = [key for key in self._deep(key) if key not in self.memberships.groups]
        return self.objects(call, users, typed=False)

    def transitive_groups(self, call: Call, key: str) -> Answer:
        """List groups at any depth: a cast, so an advanced query."""
        _advanced(call)
        return self.objects(call, [k for k in self._deep(key) if k in self.memberships.groups], typed=False)

    def owners(self, call: Call, key: str) -> Answer:
        """List owners: none."""
        self._group(key)
        return self.objects(call, [], typed=True)

    def member_of(self, call: Call, key: str) -> Answer:
        """List the groups and roles that a user is in."""
        return self.objects(call, self._above(found_user(call, key).id, deep=False), typed=True)

    def transitive_member_of(self, call: Call, key: str) -> Answer:
        """List the groups and roles that a user is in at any depth."""
        return self.objects(call, self._above(found_user(call, key).id, deep=True), typed=True)

    def member_of_groups(self, call: Call, key: str) -> Answer:
        """List the groups that a user is in."""
        return self._cast(call, self._above(found_user(call, key).id, deep=False))

    def transitive_member_of_groups(self, call: Call, key: str) -> Answer:
        """List the groups that a user is in at any depth."""
        return self._cast(call, self._above(found_user(call, key).id, deep=True))

    def group_member_of(self, call: Call, key: str) -> Answer:
        """List the groups and roles that a group is in."""
        return self.objects(call, self._above(self._group(key).id, deep=False), typed=True)

    def group_transitive_member_of(self, call: Call, key: str) -> Answer:
        """List the groups and roles that a group is in at any depth."""
        return self.objects(call, self._above(self._group(key).id, deep=True), typed=True)

    def get_member_groups(self, call: Call, key: str) -> Answer:
        """Return the ids of all groups that a user is in at any depth."""
        if not isinstance(call.body, dict) or not isinstance(_named(call.body, "securityEnabledOnly"), bool):
            raise Refusal(400, "Request_BadRequest", "securityEnabledOnly must be true or false.")
        ids = [group.id for group in self.memberships.of(found_user(call, key).id, deep=True)]
        return Answer(body={"@odata.context": call.context("Collection(Edm.String)"), "value": ids})

    def get_member_objects(self, call: Call, key: str) -> Answer:
        """Return the ids of all groups and roles that a user is in at any depth."""
        answer = self.get_member_groups(call, key)
        roles = [ROLES[name] for name in self.memberships.roles(found_user(call, key).id)]
        answer.body["value"] += roles
        return answer

    def check_member_groups(self, call: Call, key: str) -> Answer:
        """Return those of the groups named that a user is in."""
        asked = _named(call.body, "groupIds") if isinstance(call.body, dict) else None
        if not isinstance(asked, list) or not 1 <= len(asked) <= 20:
            raise Refusal(400, "Request_BadRequest", "groupIds must name 1 to 20 groups.")
        mine = {group.id for group in self.memberships.of(found_user(call, key).id, deep=True)}
        found = [group for group in asked if str(group).lower() in mine]
        return Answer(body={"@odata.context": call.context("Collection(Edm.String)"), "value": found})

    def _group(self, key: str) -> Group:
        found = self.memberships.groups.get(key.lower())
        if found is None:
            raise Refusal(404, "Request_ResourceNotFound", no_such(key))
        return found

    def _deep(self, key: str) -> list[str]:
        return self.memberships.deep(self._group(key).id)

    def _above(self, key: str, *, deep: bool) -> list[str]:
        """Return the ids of the groups and roles that somebody, or a group, is in."""
        groups = [group.id for group in self.memberships.of(key, deep=deep)]
        holders = {key, *groups} if deep else {key}
        roles = [row["roleDefinitionId"] for row in self.memberships.active if row["principalId"] in holders]
        return list(dict.fromkeys([*groups, *roles]))

    def _cast(self, call: Call, keys: list[str]) -> Answer:
        _advanced(call)
        return self.objects(call, [key for key in keys if key in self.memberships.groups], typed=False)

    def objects(self, call: Call, ids: list[str], *, typed: bool) -> Answer:
        """List users, groups and roles by their ids."""
        refuse_options(call, "$top", "$select", "$count", "$skiptoken")
        present = [k for k in ids if k in self.memberships.groups or k in NAMES or call.tenant.find(k)]
        return paged(call, present, "directoryObjects", lambda key: self.one(call, key, typed=typed), _SIZES)

    def one(self, call: Call, key: str, *, typed: bool = True, whole: bool = False) -> dict[str, Any]:
        """Return a user, group or role as `$select` shows it; `whole`: as if none were given."""
        if key in self.memberships.groups or key in NAMES:
            group = key in self.memberships.groups
            row = _full(self.memberships.groups[key].row()) if group else role_row(key)
            # A property that only users have is left out of a group.
            named = None if whole else call.options.get("$select")
            wanted = row if named is None else [odata.canonical(k.strip(), row) for k in named.split(",")]
            return {"@odata.type": _GROUP if group else _ROLE, **{k: row[k] for k in wanted if k}}
        user = call.tenant.users[key]
        shown = shown_user(call, user, whole=whole)
        return {"@odata.type": "#microsoft.graph.user", **shown} if typed else shown


def role_row(role: str) -> dict[str, Any]:
    """Return an activated directory role as Graph shows it."""
    about = {"displayName": NAMES[role], "description": f"Holds what {NAMES[role]} may do."}
    return {"id": role, "deletedDateTime": None, **about, "roleTemplateId": role}


def _advanced(call: Call) -> None:
    if not (call.eventual and (call.number or call.options.get("$count", "").lower() == "true")):
        raise odata.unsupported("The specified filter to the reference property query is currently not supported.")


def _named(body: dict[str, Any], name: str) -> Any:
    return next((value for key, value in body.items() if key.lower() == name.lower()), None)
