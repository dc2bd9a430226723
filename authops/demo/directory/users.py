"""Requests on users. Source: user-list, user-get, aad-advanced-queries, user-update, user-revokesigninsessions."""

from __future__ import annotations

import datetime as dt
import random
import re
from functools import partial
from typing import TYPE_CHECKING, Any

from authops.demo.directory import properties
from authops.demo.login.permissions import BASIC, PREMIUM_REFUSAL, REPORT_REFUSAL, REPORTS, USERS_FULL, USERS_WRITE
from authops.demo.odata import query as odata
from authops.demo.odata.calls import NO_PROPERTY, Answer, chosen, counted, no_such, paged, refuse_options
from authops.demo.odata.elsewhere import ELSEWHERE
from authops.demo.world.managers import manager
from authops.demo.world.tenant import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from authops.demo.odata.calls import Call
    from authops.demo.world.tenant import User

_PAGE, _LIMIT = 100, 999
# With sign-in activity pages are smaller (user-list).
_ACTIVITY_LIMIT = 500
_EXPANDED = re.compile(r"\s*manager\s*(?:\(\s*\$?select\s*=([\w\s,]*)\))?\s*", re.IGNORECASE)


def sign_in_activity(user: User) -> dict[str, Any] | None:
    """Return when somebody signed in last; nobody who cannot has for months, and guests seldom do."""
    dice = random.Random(user.id)
    if user.profile.get("userType") == "Guest" and dice.random() < 0.3:
        return None
    away = 0 if user.profile["accountEnabled"] else 150
    last = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC) - dt.timedelta(days=away, minutes=dice.randrange(60 * 24 * 120))
    silent = last + dt.timedelta(minutes=dice.randrange(60 * 24))
    activity: dict[str, Any] = {}
    for name, at in (("lastSignIn", last), ("lastNonInteractiveSignIn", silent), ("lastSuccessfulSignIn", last)):
        activity[f"{name}DateTime"] = at.strftime("%Y-%m-%dT%H:%M:%SZ")
        request = "lastSuccessfulSignInRequestId" if name.startswith("lastSuccess") else f"{name}RequestId"
        activity[request] = str(random.Random(user.id + name).getrandbits(64))
    return activity


def full_row(user: User) -> dict[str, Any]:
    """Return a user with all properties, sign-in activity too."""
    return {**properties.row(user), properties.SIGN_IN: sign_in_activity(user)}


def chosen_properties(call: Call) -> tuple[str, ...]:
    """Return the properties that `$select` names, or the default ones: in beta nearly all."""
    wanted = chosen(call, properties.KNOWN, "user")
    if wanted is None:
        return properties.DEFAULT_PROPERTIES if call.version == "v1.0" else tuple(sorted(properties.FILLED))
    for name in wanted:
        if name in properties.SINGLE:
            raise Refusal(501, "NotImplemented", f"The demo tenant does not implement $select={name} on {call.path}.")
    if properties.SIGN_IN in wanted:
        _activity_permitted(call)
    if properties.MFA_STATE in wanted and call.tenant.assume["per_user_mfa_in_users"] == "refused":
        raise Refusal(400, "BadRequest", f"{NO_PROPERTY} '{properties.MFA_STATE}' on type 'microsoft.graph.user'.")
    return wanted


def _activity_permitted(call: Call) -> None:
    """Refuse sign-in activity to whoever may not read the audit log, and to a tenant without a premium licence."""
    if not call.permissions & REPORTS:
        raise Refusal(403, *REPORT_REFUSAL)
    if call.licence == "none":
        raise Refusal(403, *PREMIUM_REFUSAL)


def _render(call: Call, row: dict[str, Any], wanted: tuple[str, ...]) -> dict[str, Any]:
    shown = {name: row.get(name, [] if name in properties.LISTS else None) for name in wanted}
    if not call.permissions & USERS_FULL:
        # User.ReadBasic.All: what it does not cover comes back empty.
        shown = {k: v if k in BASIC else ([] if k in properties.LISTS else None) for k, v in shown.items()}
    if shown.get(properties.SIGN_IN, "") is None:
        # Whoever never signed in has none.
        del shown[properties.SIGN_IN]
    return shown


def shown_user(call: Call, user: User, *, whole: bool = False, wanted: tuple[str, ...] | None = None) -> dict[str, Any]:
    """Return a user as `$select` and the permissions show it; `whole`: as if no properties were named."""
    if wanted is None:
        wanted = properties.DEFAULT_PROPERTIES if whole else chosen_properties(call)
    return _render(call, full_row(user), wanted)


def _needs_header(call: Call, options: dict[str, str]) -> bool:
    """Return whether this is an advanced query, refusing one whose header is missing."""
    counting = counted(call)
    if "$search" in options and not call.eventual:
        text = "Request with $search query parameter only works through MSGraph with a special request header"
        raise odata.unsupported(f"{text}: 'ConsistencyLevel: eventual'")
    sorted_filter = "$orderby" in options and "$filter" in options
    if sorted_filter and not counting:
        raise odata.unsupported("Sorting is not supported for the current query.")
    return counting


def _matching(call: Call, options: dict[str, str], *, advanced: bool) -> list[dict[str, Any]]:
    activity = properties.SIGN_IN.lower() in options.get("$filter", "").lower()
    if activity:
        _activity_permitted(call)
    rows = [(full_row if activity else properties.row)(u) for u in call.tenant.living()]
    if "$filter" in options:
        test = odata.parse(options["$filter"], properties.rules(advanced=advanced))
        rows = [row for row in rows if test(row)]
    if "$search" in options:
        found = odata.search(options["$search"], properties.SEARCHED, properties.KNOWN)
        rows = [row for row in rows if found(row)]
    return ordered(rows, options["$orderby"], properties.SORTS) if "$orderby" in options else rows


def ordered(
    rows: list[dict[str, Any]],
    text: str,
    names: Sequence[str],
    known: Iterable[str] = properties.KNOWN | ELSEWHERE["user"],
) -> list[dict[str, Any]]:
    """Return rows in the order asked for."""
    for part in reversed(text.split(",")):
        name, _, way = part.strip().partition(" ")
        found = odata.canonical(name, names)
        if found is None and odata.canonical(name, known):
            raise Refusal(501, "notImplemented", f"The demo tenant does not implement $orderby by {name}.")
        if found is None or way.strip().lower() not in ("", "asc", "desc"):
            raise odata.unsupported("Sorting is not supported for the current query.")
        # What is sorted by the later property first stays so where the earlier ones are equal.
        rows = sorted(rows, key=partial(_folded, found), reverse=way.strip().lower() == "desc")
    return rows


def _folded(name: str, row: dict[str, Any]) -> str:
    return str(row[name]).lower()


def list_users(call: Call) -> Answer:
    """List users, page by page."""
    if "$skip" in call.options:
        raise Refusal(400, "Request_BadRequest", "'$skip' is not supported by the service.")
    known = ("$top", "$select", "$count", "$filter", "$orderby", "$search", "$skiptoken", "$expand")
    options = refuse_options(call, *known)
    advanced = _needs_header(call, options)
    wanted, expand = chosen_properties(call), _expanded(call, options)
    everybody = not {"$filter", "$orderby", "$search"} & set(options)
    found: Sequence[Any] = call.tenant.living() if everybody else _matching(call, options, advanced=advanced)

    def shown(each: Any) -> dict[str, Any]:
        user = each if everybody else call.tenant.users[each["id"]]
        row = full_row(user) if properties.SIGN_IN in wanted else properties.row(user) if everybody else each
        return {**_render(call, row, wanted), **expand(user)}

    limit = _ACTIVITY_LIMIT if properties.SIGN_IN in wanted else _LIMIT
    return paged(call, found, users_context(call, wanted), shown, (_PAGE, limit))


def _expanded(call: Call, options: dict[str, str]) -> Callable[[User], dict[str, Any]]:
    """Return what `$expand` adds to a user: the manager, or nothing."""
    if "$expand" not in options:
        return lambda _user: {}
    asked = _EXPANDED.fullmatch(options["$expand"])
    if not asked:
        what = f"$expand={options['$expand']} on {call.method} {call.path}"
        raise Refusal(501, "notImplemented", f"The demo tenant does not implement {what}.")
    names = [part.strip() for part in (asked[1] or ",".join(properties.DEFAULT_PROPERTIES)).split(",") if part.strip()]
    known = tuple(odata.canonical(name, properties.KNOWN) or name for name in names)

    def added(user: User) -> dict[str, Any]:
        found = manager(call.tenant, user)
        # Whoever has none does not show the property.
        return {"manager": _typed(_render(call, properties.row(found), known))} if found else {}

    return added


def _typed(shown: dict[str, Any]) -> dict[str, Any]:
    return {"@odata.type": "#microsoft.graph.user", **shown}


def users_context(call: Call, wanted: tuple[str, ...]) -> str:
    """Return what the context of users says."""
    return f"users({','.join(wanted)})" if "$select" in call.options else "users"


def count_users(call: Call) -> Answer:
    """Count users as plain text; an advanced query by nature."""
    options = refuse_options(call, "$filter", "$search")
    if not call.eventual:
        raise Refusal(400, "Request_BadRequest", "$count is not currently supported.")
    return Answer(body=str(len(_matching(call, options, advanced=True))), headers={"Content-Type": "text/plain"})


def found_user(call: Call, key: str) -> User:
    """Return a user by id or UPN, or refuse in the directory's words."""
    user = call.tenant.find(key)
    if user is None:
        raise Refusal(404, "Request_ResourceNotFound", no_such(key))
    return user


def get_user(call: Call, key: str) -> Answer:
    """Get one user by id or UPN."""
    options = refuse_options(call, "$select", "$expand")
    user, wanted, expand = found_user(call, key), chosen_properties(call), _expanded(call, options)
    shown = {**_render(call, full_row(user), wanted), **expand(user)}
    return Answer(body={"@odata.context": call.context(users_context(call, wanted) + "/$entity"), **shown})


def get_manager(call: Call, key: str) -> Answer:
    """Get somebody's manager."""
    refuse_options(call, "$select")
    found = manager(call.tenant, found_user(call, key))
    if found is None:
        raise Refusal(404, "Request_ResourceNotFound", no_such("manager"))
    return Answer(body={"@odata.context": call.context("directoryObjects/$entity"), **_typed(shown_user(call, found))})


def list_reports(call: Call, key: str) -> Answer:
    """List whose manager somebody is."""
    refuse_options(call, "$select", "$top", "$skiptoken")
    user = found_user(call, key)
    rows = [u for u in call.tenant.living() if manager(call.tenant, u) is user]
    return paged(call, rows, "directoryObjects", lambda u: _typed(shown_user(call, u)), (_PAGE, _LIMIT))


_WRITABLE = frozenset(
    {
        "accountEnabled", "businessPhones", "city", "companyName", "country", "department", "displayName",
        "employeeId", "employeeType", "faxNumber", "givenName", "jobTitle", "mailNickname", "mobilePhone",
        "officeLocation", "otherMails", "postalCode", "preferredLanguage", "state", "streetAddress", "surname",
        "usageLocation", "userPrincipalName", "userType",
    }
)  # fmt: skip
_MASTERED = "Unable to update the specified properties for on-premises mastered Directory Sync objects or objects"
_PHONES = frozenset({"mobilePhone", "businessPhones"})
_PHONE_PERMISSION = "User-Phone.ReadWrite.All"


def change_user(call: Call, key: str) -> Answer:
    """Change properties of a user: 204."""
    user = found_user(call, key)
    if not isinstance(call.body, dict):
        raise Refusal(400, "Request_BadRequest", "The request needs a JSON object as body.")
    fields: dict[str, Any] = {}
    for name, value in call.body.items():
        if "@odata." not in name:
            fields[_writable(call, name)] = value
    if not call.permissions - {_PHONE_PERMISSION} & USERS_WRITE and set(fields) - _PHONES:
        raise Refusal(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
    if user.profile.get("onPremisesSyncEnabled") and set(fields) - {"usageLocation"}:
        raise Refusal(400, "Request_BadRequest", f"{_MASTERED} currently undergoing migration.")
    for name, value in fields.items():
        _check_value(name, value)
    call.tenant.change_profile(user, fields)
    return Answer(204)


def _writable(call: Call, name: str) -> str:
    known = odata.canonical(name, properties.KNOWN)
    if known is None:
        raise Refusal(400, "Request_BadRequest", f"Invalid property '{name}'.")
    if known not in _WRITABLE:
        raise Refusal(501, "notImplemented", f"The demo tenant does not implement {call.method} of a user's {known}.")
    return known


def _check_value(name: str, value: Any) -> None:
    if name == "accountEnabled":
        good = isinstance(value, bool)
    elif name in ("businessPhones", "otherMails"):
        good = isinstance(value, list) and all(isinstance(item, str) for item in value)
        if good and name == "businessPhones" and len(value) > 1:
            raise Refusal(400, "Request_BadRequest", "Property businessPhones can hold a single value only.")
    else:
        good = isinstance(value, str) or (value is None and name not in ("displayName", "userPrincipalName"))
    if not good:
        raise Refusal(400, "Request_BadRequest", f"Invalid value specified for property '{name}' of resource 'User'.")


def revoke_sessions(call: Call, key: str) -> Answer:
    """Sign somebody out everywhere."""
    call.tenant.sign_out(found_user(call, key))
    return Answer(body={"@odata.context": call.context("Edm.Boolean"), "value": True})
