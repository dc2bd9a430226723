"""The authentication methods policy: what the tenant allows whom. Source: authenticationmethodspolicy-get, -update;
the authenticationMethodConfiguration pages.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from authops.demo.odata.calls import NO_PROPERTY, Answer, chosen, refuse_options
from authops.demo.odata.query import canonical
from authops.demo.world.tenant import Refusal, Tenant, User, new_id

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Set

    from authops.demo.odata.calls import Call
    from authops.demo.reports.audits import Audits

_CHANGED = "2026-01-05T10:00:00Z"
_CAMPAIGN_TARGET = {"id": "all_users", "targetType": "group", "targetedAuthenticationMethod": "microsoftAuthenticator"}
_EVERYONE: dict[str, Any] = {"targetType": "group", "id": "all_users", "isRegistrationRequired": False}
_NO_KEYS: dict[str, Any] = {"isEnforced": False, "enforcementType": "block", "aaGuids": []}
_STATES = ("enabled", "disabled")
_CAMPAIGN_STATES = ("default", *_STATES)
_CAMPAIGN = "authenticationMethodsRegistrationCampaign"
_CAMPAIGN_FIELDS = frozenset({"snoozeDurationInDays", "state", "includeTargets", "excludeTargets"})
_REGISTRATION, _OPT_OUT = "registrationEnforcement", "optOutSettings"
# Beta only: the switch against the passkey migration of 2026, and which methods the system prefers.
_OPTED_IN = {"passkeyDynamicMigration": False}
_SYSTEM = {"state": "default", "includeTargets": [{"id": "all_users", "targetType": "group"}], "excludeTargets": []}
_ENFORCE = "enforceRegistrationAfterAllowedSnoozes"
# Configurations that Graph has and this tenant has not (authenticationMethodsPolicy, beta).
_ELSEWHERE = ("HardwareOath", "VerifiableCredentials", "ExternalAuthenticationMethod")
_EXCLUDE_FIELDS = frozenset({"id", "targetType"})
_INCLUDE_FIELDS = _EXCLUDE_FIELDS | {"targetedAuthenticationMethod"}
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def defaults(seed: str) -> dict[str, Any]:
    """Return the policy a new demo tenant has: SMS sign-in for the frontline group, everything else for everybody."""
    campaign = {"snoozeDurationInDays": 1, "state": "default", "excludeTargets": []}
    frontline = {**_EVERYONE, "id": new_id(seed, "group/sms-sign-in"), "isUsableForSignIn": True}
    sms = [{**_EVERYONE, "isUsableForSignIn": False}, frontline]
    tap = {"defaultLength": 8, "defaultLifetimeInMinutes": 60, "minimumLifetimeInMinutes": 60}
    tap |= {"maximumLifetimeInMinutes": 480, "isUsableOnce": False}
    fido = {"isAttestationEnforced": True, "isSelfServiceRegistrationAllowed": True, "keyRestrictions": _NO_KEYS}
    everyone = [_EVERYONE]
    app = {"includeTargets": [{**_EVERYONE, "authenticationMode": "any"}], "isSoftwareOathEnabled": True}
    return {
        "campaign": campaign | {"includeTargets": [_CAMPAIGN_TARGET]},
        "changed": _CHANGED,
        "configurations": {
            "Fido2": {"state": "enabled", "includeTargets": everyone, **fido},
            "MicrosoftAuthenticator": {"state": "enabled", **app},
            "Sms": {"state": "enabled", "includeTargets": sms},
            "TemporaryAccessPass": {"state": "enabled", "includeTargets": everyone, **tap},
            "SoftwareOath": {"state": "enabled", "includeTargets": everyone},
            "Voice": {"state": "enabled", "includeTargets": everyone, "isOfficePhoneAllowed": True},
            "X509Certificate": {"state": "disabled", "includeTargets": everyone, "certificateUserBindings": []},
            "QRCodePin": {"state": "disabled", "includeTargets": everyone, "pinLength": 8},
            "Email": {"state": "enabled", "includeTargets": everyone, "allowExternalIdToUseEmailOtp": "default"},
        },
    }


class Policies:
    """The policy of one tenant, kept with its facts."""

    def __init__(self, tenant: Tenant, audits: Audits) -> None:
        """Rule `tenant`, and write changes down in `audits`."""
        self.tenant, self.audits = tenant, audits
        tenant.sms_sign_in_for = self.sms_sign_in_for
        tenant.passes_allowed = self.pass_for
        self.members: Callable[[str], Container[str]] = lambda _group: ()

    @property
    def current(self) -> dict[str, Any]:
        """What is in force."""
        found: dict[str, Any] = self.tenant.meta.get("policy") or defaults(str(self.tenant.meta["seed"]))
        return found

    def pass_for(self, user: User) -> bool:
        """Return whether the policy lets a user use a temporary access pass."""
        found = self._of("TemporaryAccessPass")
        left_out = any(self._means(target, user) for target in found.get("excludeTargets", []))
        meant = any(self._means(target, user) for target in found["includeTargets"])
        return found["state"] == "enabled" and meant and not left_out

    def _means(self, target: dict[str, Any], user: User) -> bool:
        return target["id"] in (user.id, "all_users") or user.id in self.members(target["id"])

    def sms_sign_in_for(self, user: User) -> bool:
        """Return whether the policy lets a user sign in with a text message (never a guest)."""
        sms = self.current["configurations"]["Sms"]
        if sms["state"] != "enabled" or user.profile.get("userType") == "Guest":
            return False
        mine = {user.id, "all_users"}
        if user.sms_policy:
            mine.add(new_id(str(self.tenant.meta["seed"]), "group/sms-sign-in"))
        if any(target["id"] in mine for target in sms.get("excludeTargets", [])):
            return False
        return any(t["id"] in mine and t.get("isUsableForSignIn") for t in sms["includeTargets"])

    def get(self, call: Call) -> Answer:
        """Tell the whole policy."""
        refuse_options(call, "$select")
        shown = self._shown(call)
        wanted = chosen(call, [name for name in shown if "@odata" not in name], "authenticationMethodsPolicy")
        if call.version == "beta":
            self._hide(shown, by_name=_OPT_OUT in (wanted or ()))
        kept = shown if wanted is None else {n: shown[n] for n in ("@odata.context", *wanted) if n in shown}
        return Answer(body=kept)

    def _hide(self, shown: dict[str, Any], *, by_name: bool) -> None:
        """Show whether the tenant opted out as it is assumed that Graph does."""
        read = self.tenant.assume["opt_out_read"]
        if read == "refused" and by_name:
            raise Refusal(400, "BadRequest", f"{NO_PROPERTY} '{_OPT_OUT}' on type 'authenticationMethodsPolicy'.")
        if read == "null":
            shown[_OPT_OUT] = None
        elif read in ("absent", "refused") or (read == "selected" and not by_name):
            del shown[_OPT_OUT]

    def change(self, call: Call) -> Answer:
        """Change the registration campaign: 200 with the policy."""
        beta, names = call.version == "beta", {_REGISTRATION} | ({_OPT_OUT} if call.version == "beta" else set())
        fields = _object(call, names)
        for name in sorted(set(fields) - names):
            raise Refusal(400, "badRequest", f"The property '{name}' cannot be updated.")
        policy = dict(self.current)
        if _OPT_OUT in fields:
            old = self._opted_out
            policy[_OPT_OUT] = old | _flags(_part(fields, _OPT_OUT, set(_OPTED_IN)))
            self._keep(policy, "Authentication Methods Policy Update", _OPT_OUT, old, policy[_OPT_OUT])
        enforcement = _part(fields, _REGISTRATION, {_CAMPAIGN})
        asked = _part(enforcement, _CAMPAIGN, _CAMPAIGN_FIELDS | self._unconfirmed_fields(beta=beta))
        methods = {"microsoftAuthenticator"}
        methods |= {"fido2"} if beta or self.tenant.assume["campaign_passkey"] == "accepted" else set()
        old = self.current["campaign"]
        policy["campaign"] = {**old, **_campaign(asked, methods)}
        self._keep(policy, "Authentication Methods Policy Update", _REGISTRATION, old, policy["campaign"])
        return Answer(body=self._shown(call))

    @property
    def _opted_out(self) -> dict[str, bool]:
        found: dict[str, bool] = self.current.get(_OPT_OUT, _OPTED_IN)
        return found

    def _unconfirmed_fields(self, *, beta: bool) -> set[str]:
        return {_ENFORCE} if beta or self.tenant.assume["campaign_enforce"] == "accepted" else set()

    def list_all(self, call: Call) -> Answer:
        """Tell the configurations of all methods."""
        refuse_options(call)
        context = call.context("policies/authenticationMethodsPolicy/authenticationMethodConfigurations")
        rows = [_configuration(call, name, known) for name, known in self.current["configurations"].items()]
        return Answer(body={"@odata.context": context, "value": rows})

    def get_configuration(self, call: Call, name: str) -> Answer:
        """Tell the configuration of one method."""
        refuse_options(call)
        known = self._name(name)
        context = call.context("policies/authenticationMethodsPolicy/authenticationMethodConfigurations/$entity")
        return Answer(body={"@odata.context": context, **_configuration(call, known, self._of(known))})

    def change_configuration(self, call: Call, name: str) -> Answer:
        """Change the configuration of one method: 204."""
        known = self._name(name)
        allowed = set(self._of(known)) | {"excludeTargets", "id"}
        fields = _object(call, allowed)
        if str(fields.pop("@odata.type", "")).lstrip("#").lower() != _type(known).lstrip("#").lower():
            raise Refusal(400, "badRequest", f"The body needs @odata.type {_type(known)}.")
        for unknown in sorted(set(fields) - allowed):
            raise Refusal(400, "badRequest", f"The property '{unknown}' does not exist on {_type(known)}.")
        if "state" in fields:
            fields["state"] = _state(fields["state"], _STATES)
        for sent in {"includeTargets", "excludeTargets"} & set(fields):
            if not all(isinstance(t, dict) and isinstance(t.get("id"), str) for t in _targets(fields, sent)):
                raise Refusal(400, "badRequest", "Targets are a list of objects, each with an id.")
        fields.pop("id", None)
        self._put(known, {**self._of(known), **fields}, "Authentication Methods Policy Update")
        return Answer(204)

    def reset_configuration(self, call: Call, name: str) -> Answer:
        """Return one method to its defaults: 204."""
        refuse_options(call)
        known = self._name(name)
        fresh = defaults(str(self.tenant.meta["seed"]))["configurations"][known]
        self._put(known, fresh, "Authentication Methods Policy Reset")
        return Answer(204)

    def _name(self, name: str) -> str:
        names: dict[str, str] = {known.lower(): known for known in self.current["configurations"]}
        found = names.get(name.lower())
        if found is None and canonical(name, _ELSEWHERE):
            raise Refusal(501, "notImplemented", f"The demo tenant does not implement the configuration {name}.")
        if found is None:
            raise Refusal(404, "resourceNotFound", f"The configuration '{name}' does not exist.")
        return found

    def _of(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.current["configurations"][name]
        return found

    def _put(self, name: str, wanted: dict[str, Any], activity: str) -> None:
        policy, old = dict(self.current), self._of(name)
        policy["configurations"] = {**policy["configurations"], name: wanted}
        self._keep(policy, activity, name, old, wanted)

    def _keep(self, policy: dict[str, Any], activity: str, name: str, old: Any, new: Any) -> None:
        policy["changed"] = self.tenant.stamp()
        self.tenant.meta["policy"] = policy
        self.tenant.store.set("policy", policy)
        self.audits.policy(activity, name, old, new)

    def _shown(self, call: Call) -> dict[str, Any]:
        policy = self.current
        more = {_OPT_OUT: self._opted_out, "systemCredentialPreferences": _SYSTEM} if call.version == "beta" else {}
        return {
            "@odata.context": call.context("authenticationMethodsPolicy"),
            "id": "authenticationMethodsPolicy",
            "displayName": "Authentication Methods Policy",
            "description": "The tenant-wide policy that controls which authentication methods are allowed",
            "lastModifiedDateTime": policy["changed"],
            "policyVersion": "1.5",
            "policyMigrationState": "migrationComplete",
            "reconfirmationInDays": None,
            "registrationEnforcement": {"authenticationMethodsRegistrationCampaign": policy["campaign"]},
            "authenticationMethodConfigurations": [
                _configuration(call, name, shown) for name, shown in policy["configurations"].items()
            ],
            **more,
        }


def _object(call: Call, names: Set[str]) -> dict[str, Any]:
    if not isinstance(call.body, dict):
        raise Refusal(400, "badRequest", "The request needs a JSON object as body.")
    known = {canonical(name, {*names, "@odata.type"}) or name: value for name, value in call.body.items()}
    return {name: value for name, value in known.items() if name == "@odata.type" or "@odata" not in name}


def _state(said: Any, states: tuple[str, ...]) -> str:
    found = canonical(str(said), states)
    if found is None:
        raise Refusal(400, "badRequest", f"The state '{said}' is not valid.")
    return found


def _flags(asked: dict[str, Any]) -> dict[str, bool]:
    for name, value in asked.items():
        if not isinstance(value, bool):
            raise Refusal(400, "badRequest", f"The property '{name}' must be true or false.")
    return asked


def _part(whole: dict[str, Any], name: str, allowed: Set[str]) -> dict[str, Any]:
    """Return an object within an object, without annotations; what its type does not have is refused."""
    found = whole.get(name, {})
    if not isinstance(found, dict):
        raise Refusal(400, "badRequest", f"The property '{name}' must be an object.")
    plain = {canonical(key, allowed) or key: value for key, value in found.items() if "@odata" not in key}
    for unknown in sorted(set(plain) - allowed):
        raise Refusal(400, "badRequest", f"The property '{unknown}' does not exist on '{name}'.")
    return plain


def _campaign(asked: dict[str, Any], methods: Set[str]) -> dict[str, Any]:
    """Return the part of a campaign that may be sent, refusing what the type does not allow."""
    days = asked.get("snoozeDurationInDays", 1)
    if not isinstance(days, int) or isinstance(days, bool) or not 0 <= days <= 14:
        raise Refusal(400, "badRequest", "snoozeDurationInDays must be between 0 and 14.")
    if "state" in asked:
        asked = {**asked, "state": _state(asked["state"], _CAMPAIGN_STATES)}
    for name, fields in (("includeTargets", _INCLUDE_FIELDS), ("excludeTargets", _EXCLUDE_FIELDS)):
        for target in _targets(asked, name):
            _target(target, name, fields)
    for target in _targets(asked, "includeTargets"):
        if target.get("targetedAuthenticationMethod") not in methods:
            raise Refusal(400, "badRequest", f"A campaign on v1.0 targets {' or '.join(sorted(methods))}.")
    return asked


def _targets(asked: dict[str, Any], name: str) -> list[Any]:
    found = asked.get(name, [])
    if not isinstance(found, list):
        raise Refusal(400, "badRequest", f"The property '{name}' must be a collection.")
    return found


def _target(target: Any, name: str, fields: Set[str]) -> None:
    """Refuse a target that is not one user, one group, or all users."""
    if not isinstance(target, dict) or {k for k in target if "@odata" not in k} - fields:
        raise Refusal(400, "badRequest", f"A target in '{name}' has a property its type does not have.")
    if target.get("targetType") not in ("user", "group"):
        raise Refusal(400, "badRequest", f"A target in '{name}' needs targetType user or group.")
    everybody = target.get("id") == "all_users" and target["targetType"] == "group"
    if not everybody and not _GUID.fullmatch(str(target.get("id"))):
        raise Refusal(400, "badRequest", f"A target in '{name}' needs the id of a user or group, or all_users.")


def _type(name: str) -> str:
    known = {"QRCodePin": "qrCodePin"}.get(name, name[0].lower() + name[1:])
    return f"#microsoft.graph.{known}AuthenticationMethodConfiguration"


def _configuration(call: Call, name: str, known: dict[str, Any]) -> dict[str, Any]:
    context = call.context(f"policies/authenticationMethodsPolicy/authenticationMethodConfigurations('{name}')")
    targets = {"includeTargets@odata.context": f"{context}/includeTargets"}
    return {"@odata.type": _type(name), "id": name, "excludeTargets": [], **known, **targets}
