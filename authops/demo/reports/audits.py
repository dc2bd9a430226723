"""The directory audit log: two records for every change of a method. Source: directoryaudit-list, reference-audit-
activities; texts of `resultReason` and the second record as seen in practice.
"""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING, Any

from authops.demo.odata import query as odata
from authops.demo.odata.calls import Answer, chosen, no_such, paged, refuse_options
from authops.demo.world.actor import Actor
from authops.demo.world.tenant import PHONE_TYPES, Refusal, Tenant, User, new_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authops.demo.odata.calls import Call
    from authops.demo.world.tenant import Method

_SIZES = (1000, 1000)
_NAMES = (
    "id", "category", "correlationId", "result", "resultReason", "activityDisplayName", "activityDateTime",
    "loggedByService", "operationType", "initiatedBy", "targetResources", "additionalDetails",
)  # fmt: skip
_EQUAL = frozenset(
    [
        "id", "activityDateTime", "activityDisplayName", "loggedByService", "correlationId", "category",
        "initiatedBy/user/id", "initiatedBy/user/displayName", "initiatedBy/user/userPrincipalName",
        "initiatedBy/app/appId", "initiatedBy/app/displayName",
    ]
)  # fmt: skip
_RULES = odata.Rules(
    _EQUAL,
    starts=frozenset({"activityDisplayName"}),
    lists=frozenset({"targetResources"}),
    orders=frozenset({"activityDateTime"}),
    known=frozenset({"result", "resultReason", "operationType", "initiatedBy", "additionalDetails", "userAgent"}),
    advanced=None,
)
_KINDS = {"phone": "phone", "email": "email", "temporaryAccessPass": "temporary access pass"}
_DELETED = "Admin deleted phone method for user"


class Audits:
    """Writes down every change of `tenant`, and lists what was written; `lag` seconds late."""

    def __init__(self, tenant: Tenant) -> None:
        """Begin with what the store holds."""
        self.tenant, self.lag = tenant, 0.0
        self.actor = Actor("", tenant.meta["client_id"])
        self._hidden: deque[tuple[float, str]] = deque()
        self._asked: tuple[Any, ...] = ()
        self._found: list[dict[str, Any]] = []
        tenant.observe = self.changed

    def changed(self, user: User, before: dict[str, Method], after: dict[str, Method]) -> None:
        """Write down what became of a user's methods."""
        for key in before.keys() | after.keys():
            old, new = before.get(key), after.get(key)
            if old != new and (old or new):
                by = "User" if self.actor.is_(user) else "Admin"
                self._write(self._worded(_own(by, user, old, new)))
                self._write(_core(user, old, new))

    def _worded(self, record: dict[str, Any]) -> dict[str, Any]:
        """Return the record in the words that are assumed."""
        if record["resultReason"] == _DELETED:
            record["resultReason"] = self.tenant.assume["audit_deleted_reason"]
        if self.tenant.assume["audit_property_names"] == "absent":
            for value in record["targetResources"][0]["modifiedProperties"]:
                value["displayName"] = None
        return record

    def policy(self, activity: str, name: str, old: Any, new: Any) -> None:
        """Write down a change of the authentication methods policy."""
        values = [{"displayName": name, "oldValue": json.dumps(old), "newValue": json.dumps(new)}]
        target = {"id": None, "displayName": name, "type": "Policy", "userPrincipalName": None, "groupType": None}
        self._write(
            {
                "category": "ApplicationManagement",
                "activityDisplayName": activity,
                "operationType": "Update",
                "loggedByService": "Authentication Methods",
                "resultReason": "",
                "targetResources": [{**target, "modifiedProperties": values}],
            }
        )

    def preferences(self, user: User, before: tuple[bool, str], after: tuple[bool, str]) -> None:
        """Write down a change of a person's sign-in preferences (reference-audit-activities)."""
        pairs = zip(("isSystemPreferred", "userPreferredMethod"), before, after, strict=True)
        values = [{"displayName": n, "oldValue": json.dumps(o), "newValue": json.dumps(v)} for n, o, v in pairs]
        self._write(
            {
                "category": "ApplicationManagement",
                "activityDisplayName": "PATCH UserAuthMethod.PatchSignInPreferencesAsync",
                "operationType": "Update",
                "loggedByService": "Authentication Methods",
                "resultReason": "",
                "targetResources": _target(user, values),
            }
        )

    def _write(self, record: dict[str, Any]) -> None:
        tenant, space = self.tenant, str(self.tenant.meta["seed"])
        number = tenant.store.count_audits() + 1
        shown = {
            "id": f"Directory_{new_id(space, f'audit/{number}')}_{number}",
            "activityDateTime": tenant.stamp(),
            "correlationId": self.actor.correlation_id,
            "result": "success",
            "additionalDetails": [],
            "initiatedBy": self.actor.initiated_by(space),
            **record,
        }
        if record["loggedByService"] == "Core Directory":
            service = {"appId": None, "displayName": "Azure MFA StrongAuthenticationService"}
            shown["initiatedBy"] = {
                "user": None,
                "app": {**service, "servicePrincipalId": new_id(space, "mfa"), "servicePrincipalName": None},
            }
        tenant.store.add_audit(shown["id"], json.dumps(shown))
        self._hidden.append((tenant.now(), shown["id"]))

    def list_all(self, call: Call) -> Answer:
        """List records, the newest first; those of the last seconds do not show yet."""
        options = refuse_options(call, "$filter", "$top", "$orderby", "$skiptoken", "$select")
        order = options.get("$orderby", "activityDateTime desc").strip().lower()
        if odata.canonical(order.split()[0] if order else "", _NAMES) not in (None, "activityDateTime"):
            raise Refusal(501, "notImplemented", f"The demo tenant does not implement $orderby={order} on {call.path}.")
        oldest_first = order in ("activitydatetime", "activitydatetime asc")
        if not oldest_first and order != "activitydatetime desc":
            raise Refusal(400, "BadRequest", f"The query option $orderby={options['$orderby']} is not supported.")
        test = odata.parse(options["$filter"], _RULES) if "$filter" in options else None
        horizon = self.tenant.now() - self.lag
        while self._hidden and self._hidden[0][0] <= horizon:
            self._hidden.popleft()
        # Kept from page to page: reading forty thousand records anew for each would take longer than Graph does.
        world = (self.tenant.store.count_audits(), len(self._hidden), self.tenant.staff_version)
        asked = (options.get("$filter"), options.get("$orderby"), *world)
        if asked != self._asked:
            rows = [row for row in self._visible() if test is None or test(row)]
            self._asked, self._found = asked, rows if oldest_first else rows[::-1]
        wanted = chosen(call, _NAMES, "directoryAudit") or _NAMES
        return paged(call, self._found, "auditLogs/directoryAudits", lambda r: {n: r[n] for n in wanted}, _SIZES)

    def get(self, call: Call, key: str) -> Answer:
        """Get one record."""
        refuse_options(call)
        found = next((row for row in self._visible() if row["id"] == key), None)
        if found is None:
            raise Refusal(404, "Request_ResourceNotFound", no_such(key))
        return Answer(body={"@odata.context": call.context("auditLogs/directoryAudits/$entity"), **found})

    def _visible(self) -> Iterator[dict[str, Any]]:
        late = {name for _, name in self._hidden}
        for name, body in self.tenant.store.audits():
            if name not in late:
                yield json.loads(body)


def _target(user: User, values: list[dict[str, Any]]) -> list[dict[str, Any]]:
    upn = user.profile["userPrincipalName"]
    who = {"id": user.id, "displayName": user.profile["displayName"], "type": "User", "userPrincipalName": upn}
    return [{**who, "groupType": None, "modifiedProperties": values}]


def _value(method: Method | None) -> str | None:
    if method is None:
        return None
    return method.fields.get("phoneNumber") or method.fields.get("emailAddress")


def _own(by: str, user: User, old: Method | None, new: Method | None) -> dict[str, Any]:
    """Return the record of the Authentication Methods service: of an admin's change, or of the person's own."""
    method = new or old
    assert method is not None
    verb = "registered" if old is None else "deleted" if new is None else "updated"
    said = {"registered": "registered", "updated": "changed", "deleted": "deleted"}[verb]
    whose = " for user" if by == "Admin" else ""
    name = f"{method.fields['phoneType']} phone" if method.kind == "phone" else method.kind
    values: list[dict[str, Any]] = [
        {"displayName": "AuthenticationMethodId", "oldValue": None, "newValue": method.id},
        {"displayName": "AuthenticationMethodType", "oldValue": None, "newValue": name},
    ]
    if method.id in PHONE_TYPES or method.kind == "email":
        values.append({"displayName": "PhoneNumber", "oldValue": _value(old), "newValue": _value(new)})
    return {
        "category": "UserManagement",
        "activityDisplayName": f"{by} {verb} security info",
        "operationType": {"registered": "Add", "updated": "Update", "deleted": "Delete"}[verb],
        "loggedByService": "Authentication Methods",
        "resultReason": f"{by} {said} {_KINDS.get(method.kind, method.kind)} method{whose}",
        "targetResources": _target(user, values),
    }


def _core(user: User, old: Method | None, new: Method | None) -> dict[str, Any]:
    """Return the directory's own record of the same change."""
    values: list[dict[str, Any]] = [
        {
            "displayName": "StrongAuthenticationUserDetails",
            "oldValue": json.dumps([_value(old)] if old else []),
            "newValue": json.dumps([_value(new)] if new else []),
        },
        {"displayName": "Included Updated Properties", "oldValue": None,
         "newValue": json.dumps("StrongAuthenticationUserDetails")},
    ]  # fmt: skip
    return {
        "category": "UserManagement",
        "activityDisplayName": "Update user",
        "operationType": "Update",
        "loggedByService": "Core Directory",
        "resultReason": "",
        "targetResources": _target(user, values),
    }
