"""Everything nobody could confirm about Graph, in one place: named, with alternatives, each switchable.

A refusal is written `STATUS code`. `--assume NAME=VALUE` or `PUT /_demo/assumptions` changes one.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Assumption:
    """One unconfirmed behaviour: what is assumed, and what else it might be."""

    name: str
    default: str
    alternatives: tuple[str, ...]
    about: str


def _refusal(name: str, default: str, about: str) -> Assumption:
    others = (
        "400 badRequest",
        "404 resourceNotFound",
        "404 Request_ResourceNotFound",
        "409 conflict",
        "409 badRequest",
        "405 methodNotAllowed",
    )
    return Assumption(name, default, tuple(o for o in others if o != default), about)


ALL = (
    _refusal("post_existing_type", "400 badRequest", "POST of a phone type the user already has"),
    _refusal("alternate_without_mobile", "400 badRequest", "POST of alternateMobile without mobile"),
    _refusal("malformed_number", "400 badRequest", "a phone number Graph cannot read"),
    _refusal("second_email", "400 badRequest", "POST of a second email method"),
    _refusal("malformed_email", "400 badRequest", "an e-mail address Graph cannot read"),
    _refusal("method_not_found", "404 resourceNotFound", "GET, PATCH or DELETE of a method that is not registered"),
    _refusal("user_not_found", "404 Request_ResourceNotFound", "a method request for an unknown user"),
    _refusal("mobile_before_alternate", "400 badRequest", "DELETE of mobile while alternateMobile exists"),
    _refusal("sms_outside_policy", "400 badRequest", "enableSmsSignIn for a user outside the SMS sign-in policy"),
    _refusal("preference_unregistered", "400 badRequest", "PATCH of signInPreferences to a method the user lacks"),
    _refusal("sms_wrong_type", "400 badRequest", "enableSmsSignIn on a phone that is not mobile"),
    _refusal("generic_method_write", "404 UnknownError", "PATCH, PUT or DELETE of /authentication/methods/{id}"),
    _refusal("method_verb", "404 UnknownError", "a verb that a kind of method does not have, such as PUT of a phone"),
    Assumption("sms_taken_text", "The phone number is already in use for SMS sign-in.", ("*",), "text of the 409"),
    Assumption("sms_taken_stores", "yes", ("no",), "whether a 409 phoneNumberNotUnique stores the phone all the same"),
    Assumption(
        "first_phone_becomes_default", "yes", ("no",), "an admin adds the first phone of a user without default"
    ),
    Assumption("others_than_default", "mfa", ("any",), "which methods forbid deleting the default: MFA ones, or any"),
    Assumption("default_refusal_text", "phone", ("general",), "which of the two known texts refuses a default phone"),
    Assumption("spaceless_number", "accepted", ("refused",), "+31612345678, without the documented space"),
    Assumption("leading_zero", "refused", ("accepted",), "a national trunk zero after the country code"),
    Assumption("read_only_sent", "refused", ("ignored",), "id or createdDateTime in a body"),
    Assumption("created_date_time", "present", ("absent",), "whether phone answers carry createdDateTime"),
    Assumption("phone_filter", "works", ("refused",), "$filter=phoneType eq on phoneMethods (seen in practice)"),
    Assumption("count_without_header", "ignored", ("refused",), "$count=true without ConsistencyLevel: eventual"),
    Assumption("per_user_mfa_in_users", "works", ("refused",), "$select=perUserMfaState on v1.0 /users (practice)"),
    Assumption("organization_by_user_read", "yes", ("no",), "whether User.Read.All opens GET /organization"),
    Assumption("report_page_size", "100", ("500", "999"), "default page of userRegistrationDetails"),
    Assumption("report_max_top", "999", ("100", "500", "10000"), "largest $top of userRegistrationDetails"),
    Assumption("report_is_admin_filter", "works", ("refused",), "$filter=isAdmin eq on the registration report"),
    Assumption(
        "authentication_bucket",
        "identity",
        ("reports", "own", "none"),
        "which limit /users/{id}/authentication counts under; own: one of its own, for reads and writes alike",
    ),
    Assumption("throttle_shape", "bucket", ("window",), "whether a limit refills steadily or all at once"),
    Assumption("throttled_batch", "200", ("424",), "what a batch of which some was throttled is answered (two pages)"),
    Assumption("throttled_requests_count", "yes", ("no",), "whether a refused request uses the limit up all the same"),
    Assumption(
        "tenant_licence", "premium", ("p1", "free"), "free: the report refuses as the sign-in reports do; p1: no PIM"
    ),
    Assumption(
        "registered_by_application", "works", ("refused",), "usersRegisteredByMethod and -ByFeature for an application"
    ),
    Assumption("report_admin", "active", ("active-or-eligible",), "whose isAdmin the registration report shows"),
    Assumption(
        "audit_correlation", "client-request-id", ("request-id",), "what a directory audit's correlationId repeats"
    ),
    Assumption("audit_property_names", "present", ("absent",), "displayName of a method's modifiedProperties"),
    Assumption(
        "audit_deleted_reason", "Admin deleted phone method for user", ("*",), "resultReason of a phone's deletion"
    ),
    Assumption(
        "report_without_premium",
        "refused",
        ("answered",),
        "the registration report of a tenant without P1, as sign-ins",
    ),
    Assumption("campaign_passkey", "refused", ("accepted",), "a registration campaign for fido2 on v1.0"),
    Assumption(
        "campaign_enforce", "refused", ("accepted",), "enforceRegistrationAfterAllowedSnoozes on v1.0 (an Entra sample)"
    ),
    Assumption(
        "opt_out_read",
        "selected",
        ("shown", "absent", "null", "refused"),
        "when GET of beta's policy shows optOutSettings: asked for by name, always, never, empty, or 400 by name",
    ),
    Assumption(
        "batch_write_without_body", "refused", ("accepted",), "a POST without a body in a batch (refused in practice)"
    ),
    Assumption(
        "arguments_without_comma", "accepted", ("refused",), "usersRegisteredBy… as msgraph-sdk for Python writes it"
    ),
    Assumption(
        "qr_code_pin_in_v1", "yes", ("no",), "whether v1.0 has /authentication/qrCodePinMethod (a page says so)"
    ),
    Assumption(
        "pass_outside_policy",
        "given",
        ("refused",),
        "a pass for somebody whom the pass policy leaves out (pages differ)",
    ),
    Assumption("pass_policy_off", "refused", ("given",), "a pass for anybody while the pass policy is off"),
    Assumption(
        "pass_once_by_policy", "made", ("refused",), "isUsableOnce false where the policy makes every pass one-time"
    ),
    Assumption("masked_number", "stars", ("last-two",), "how an Authentication Administrator sees a number"),
)
_BY_NAME = {a.name: a for a in ALL}


class Assumptions:
    """The assumptions in force."""

    def __init__(self, changed: dict[str, str] | None = None) -> None:
        """Start from the defaults, then apply what was changed."""
        self._values = {a.name: a.default for a in ALL}
        self.change(changed or {})

    def __getitem__(self, name: str) -> str:
        """Return the value in force."""
        return self._values[name]

    def change(self, values: dict[str, str]) -> None:
        """Apply changes; an unknown name or value is refused before any is applied."""
        for name, value in values.items():
            known = _BY_NAME.get(name)
            if known is None:
                raise ValueError(f"no assumption named {name!r}; known: {', '.join(sorted(_BY_NAME))}")
            if "*" not in known.alternatives and value not in (known.default, *known.alternatives):
                raise ValueError(f"{name}: {value!r} is not one of {(known.default, *known.alternatives)}")
        self._values.update(values)

    def refusal(self, name: str) -> tuple[int, str]:
        """Return status and code of a refusal."""
        status, code = self._values[name].split(" ", 1)
        return int(status), code

    def listing(self) -> list[dict[str, object]]:
        """Return every assumption with its value, for the knob."""
        return [
            {
                "name": a.name,
                "value": self[a.name],
                "default": a.default,
                "alternatives": a.alternatives,
                "about": a.about,
            }
            for a in ALL
        ]
