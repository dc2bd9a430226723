"""What the campaign's settings mean, in words: what Microsoft sets by itself, who is never asked, the opt-out. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

OPT_OUT: Final = "passkeyDynamicMigration"
_ENDS: Final = "it ends by itself with the retirement, which nobody can opt out of"
_STATES: Final = {
    "default": "Microsoft managed: of these settings only who is asked and who is not are the tenant's own. Microsoft "
    "asks for a passkey whoever may set one up (after one day again, as often as it takes), else for Authenticator "
    "(after one day again, the fourth time there is no putting it off).",
    "enabled": "Enabled: one method for the whole tenant. For a passkey Entra asks after any second factor, for "
    "Authenticator only after a text message or call.",
    "disabled": "Disabled: nobody is asked. On 1 September 2026 some tenants saw their campaign switched on "
    "all the same.",
}
_NOT_TOLD: Final = "The state of the campaign is not known, so neither is who is asked."
NEVER: Final = (
    "Never asked for a passkey: guests, anybody on Linux, and native apps on Android. Entra looks at the system and "
    "the browser: a passkey counts where it works, a security key everywhere. On phones and tablets nobody is asked "
    "for Authenticator.",
    "Nobody is asked in a single sign-on session, right after registering something else, under terms of use or "
    "custom controls, or where Conditional Access blocks registering security information: this forecast sees none "
    "of that.",
)
_LIMITS: Final = {True: "three times, then it is forced", False: "as often as they like"}


def opt_out(settings: Mapping[str, Any]) -> str:
    """on, off, or not known."""
    return {True: "on", False: "off"}.get(settings.get(OPT_OUT), "not known")  # type: ignore[arg-type]


def meaning(settings: Mapping[str, Any], unread: str = "") -> list[str]:
    """Sentences for the page. `unread`: why it is not known whether the tenant opted out."""
    state = settings.get("state")
    said = [_STATES.get(str(state), _NOT_TOLD)]
    if state == "enabled":
        limit = _LIMITS.get(settings.get("enforceRegistrationAfterAllowedSnoozes"), "not known")  # type: ignore[arg-type]
        said.append(f"How often a person may put it off: {limit}.")
    return [*said, _opted(settings, unread), *NEVER]


def _opted(settings: Mapping[str, Any], unread: str) -> str:
    managed = settings.get("state") == "default"
    return {
        "on": f"The tenant opted out of the passkey migration: {_ENDS}."
        + (" Whether Microsoft's own campaign asks for passkeys meanwhile, Microsoft does not say." if managed else ""),
        "off": "The tenant did not opt out of the passkey migration of 1 September 2026.",
    }.get(
        opt_out(settings),
        f"Whether the tenant opted out of the passkey migration is not known ({unread or 'it was not told'})"
        + ("; if it did, Microsoft's own campaign may ask nobody for a passkey." if managed else "."),
    )
