"""Requests on groups and on who is in them. Source: group resource, group-list, -list-members, -list-transitivemembers,
-list-memberof; user-list-memberof, directoryobject-getmembergroups, -checkmembergroups; aad-advanced-queries.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from authops.demo.directory.objects import (
    GROUP_FIELDS,
    GROUP_KNOWN,
    GROUP_SEARCHED,
    GROUP_SORTS,
    Objects,
    full_group,
    group_rules,
)
from authops.demo.directory.users import found_user, ordered
from authops.demo.odata import query as odata
from authops.demo.odata.calls import Answer, chosen, counted, no_such, paged, refuse_options
from authops.demo.world.roles import ROLES
from authops.demo.world.tenant import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from authops.demo.odata.calls import Call
    from authops.demo.world.groups import Group, Memberships
    from authops.demo.world.tenant import Tenant

_SIZES = (100, 999)


class Groups:
    """Requests on the groups of one tenant."""

    def __init__(self, memberships: Memberships) -> None:
        """Answer from `memberships`."""
        self.memberships, self.objects = memberships, Objects(memberships)

    def of(self, _tenant: Tenant | None = None) -> dict[str, Group]:
        """Return the groups by id."""
        return self.memberships.groups

    def list_groups(self, call: Call) -> Answer:
        """List groups."""
        options = refuse_options(
            call, "$top", "$select", "$filter", "$count", "$skiptoken", "$orderby", "$search", "$expand"
        )
        advanced = counted(call) or (call.number and call.eventual)
        rows = [full_group(group.row()) for group in self.memberships.groups.values()]
        if "$filter" in options:
            test = odata.parse(options["$filter"], group_rules(advanced=advanced))
            rows = [row for row in rows if test(row)]
        if "$search" in options:
            if not call.eventual:
                raise odata.unsupported("Request with $search needs the header 'ConsistencyLevel: eventual'.")
            found = odata.search(options["$search"], GROUP_SEARCHED, GROUP_KNOWN)
            rows = [row for row in rows if found(row)]
        if "$orderby" in options:
            if "$filter" in options and not advanced:
                raise odata.unsupported("Sorting is not supported for the current query.")
            rows = ordered(rows, options["$orderby"], GROUP_SORTS, GROUP_KNOWN)
        wanted = chosen(call, GROUP_FIELDS, "group") or GROUP_FIELDS
        expand = self._expanded(call)

        def shown(row: dict[str, Any]) -> dict[str, Any]:
            return {**{name: row[name] for name in wanted}, **expand(row["id"])}

        return paged(call, rows, "groups", shown, _SIZES)

    def _expanded(self, call: Call) -> Callable[[str], dict[str, Any]]:
        above = partial(self._above, deep=False)
        return self.objects.expanded(call, {"members": self._members, "owners": lambda _key: (), "memberOf": above})

    def get_group(self, call: Call, key: str) -> Answer:
        """Get one group."""
        refuse_options(call, "$select", "$expand")
        row, wanted = full_group(self._group(key).row()), chosen(call, GROUP_FIELDS, "group") or GROUP_FIELDS
        shown = {name: row[name] for name in wanted}
        more = self._expanded(call)(row["id"])
        return Answer(body={"@odata.context": call.context("groups/$entity"), **shown, **more})

    def members(self, call: Call, key: str, cast: str = "") -> Answer:
        """List direct members: users and groups."""
        return self.objects.listed(call, self._members(self._group(key).id), cast)

    def _members(self, key: str) -> list[str]:
        group = self.memberships.groups[key]
        return [*group.members, *group.groups]

    def transitive(self, call: Call, key: str, cast: str = "") -> Answer:
        """List members at any depth; a cast is an advanced query."""
        return self.objects.listed(call, self.memberships.deep(self._group(key).id), cast, advanced=True)

    def owners(self, call: Call, key: str) -> Answer:
        """List owners: none."""
        self._group(key)
        return self.objects.listed(call, [])

    def member_of(self, call: Call, key: str, cast: str = "") -> Answer:
        """List the groups and roles that a user is in."""
        return self.objects.listed(call, self._above(found_user(call, key).id, deep=False), cast)

    def transitive_member_of(self, call: Call, key: str, cast: str = "") -> Answer:
        """List the groups and roles that a user is in at any depth."""
        return self.objects.listed(call, self._above(found_user(call, key).id, deep=True), cast, advanced=True)

    def group_member_of(self, call: Call, key: str, cast: str = "") -> Answer:
        """List the groups and roles that a group is in."""
        return self.objects.listed(call, self._above(self._group(key).id, deep=False), cast)

    def group_transitive_member_of(self, call: Call, key: str, cast: str = "") -> Answer:
        """List the groups and roles that a group is in at any depth."""
        return self.objects.listed(call, self._above(self._group(key).id, deep=True), cast, advanced=True)

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
        groups = {group.id for group in self.memberships.of(found_user(call, key).id, deep=True)}
        return self._checked(call, "groupIds", groups)

    def check_member_objects(self, call: Call, key: str) -> Answer:
        """Return those of the groups and roles named that a user is in."""
        return self._checked(call, "ids", set(self._above(found_user(call, key).id, deep=True)))

    def _checked(self, call: Call, name: str, mine: set[str]) -> Answer:
        asked = _named(call.body, name) if isinstance(call.body, dict) else None
        if not isinstance(asked, list) or not 1 <= len(asked) <= 20:
            raise Refusal(400, "Request_BadRequest", f"{name} must name 1 to 20 objects.")
        found = [group for group in asked if str(group).lower() in mine]
        return Answer(body={"@odata.context": call.context("Collection(Edm.String)"), "value": found})

    def _group(self, key: str) -> Group:
        found = self.memberships.groups.get(key.lower())
        if found is None:
            raise Refusal(404, "Request_ResourceNotFound", no_such(key))
        return found

    def _above(self, key: str, *, deep: bool) -> list[str]:
        """Return the ids of the groups and roles that somebody, or a group, is in."""
        groups = [group.id for group in self.memberships.of(key, deep=deep)]
        holders = {key, *groups} if deep else {key}
        roles = [row["roleDefinitionId"] for row in self.memberships.active if row["principalId"] in holders]
        return list(dict.fromkeys([*groups, *roles]))


def _named(body: dict[str, Any], name: str) -> Any:
    return next((value for key, value in body.items() if key.lower() == name.lower()), None)
