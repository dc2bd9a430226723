"""Who came, went and moved since last time. Source: user-delta."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from authops.demo.directory.users import chosen_properties, shown_user, users_context
from authops.demo.odata import query as odata
from authops.demo.odata.calls import Answer, paged, refuse_options
from authops.demo.world.tenant import LEFT, Refusal

if TYPE_CHECKING:
    from authops.demo.odata.calls import Call
    from authops.demo.world.tenant import Tenant, User

_ID = re.compile(r"\s*\(?\s*id\s+eq\s+'([^']*)'\s*\)?\s*", re.IGNORECASE)
_MOST_IDS = 50
_SIZES = (100, 999)


def delta(call: Call) -> Answer:
    """List users, then what changed since the link of last time; a link of another life is 410."""
    options = refuse_options(call, "$select", "$filter", "$top", "$skiptoken", "$deltatoken")
    wanted_properties = chosen_properties(call)
    tenant = call.tenant
    wanted = _ids(options["$filter"]) if "$filter" in options else None
    since, at = _since(tenant, options.get("$deltatoken")), _begun(call, options)
    minimal = since >= 0 and "return=minimal" in call.headers.get("prefer", "").replace(" ", "").lower()
    users = [user for user in _moved(tenant, since, at) if wanted is None or user.id in wanted]

    def shown(user: User) -> dict[str, Any]:
        if user.deleted:
            return {"id": user.id, "@removed": {"reason": "changed"}}
        # The id is told whatever is selected.
        row = {"id": user.id, **shown_user(call, user)}
        new = {"id"} | {name for name, version in tenant.moved.get(user.id, {}).items() if version > since}
        return {name: row[name] for name in row if not minimal or name in new}

    answer = paged(call, users, users_context(call, wanted_properties), shown, _SIZES)
    if "@odata.nextLink" in answer.body:
        # What changes while pages are read is told next time.
        answer.body["@odata.nextLink"] += f".{at}"
    else:
        link = call.next_link("").partition("?")[0]
        kept = "".join(f"{name}={quote(options[name])}&" for name in ("$select", "$filter") if name in options)
        answer.body["@odata.deltaLink"] = f"{link}?{kept}$deltatoken={_life(tenant)}.{at}"
    return answer


def _life(tenant: Tenant) -> str:
    return f"{tenant.meta['seed']}-{id(tenant)}"


def _since(tenant: Tenant, token: str | None) -> int:
    """Return the version that a link stands for; -1: from the beginning."""
    if token in (None, "latest"):
        return -1 if token is None else tenant.staff_version
    life, _, number = str(token).rpartition(".")
    if life != _life(tenant) or not number.isdecimal() or int(number) < tenant.begun:
        raise Refusal(410, "syncStateNotFound", "The sync state is not found; start over without a token.")
    return int(number)


def _begun(call: Call, options: dict[str, str]) -> int:
    """Return the version at which the first of these pages was read, and take it off the page's token."""
    token, _, at = options.get("$skiptoken", "").partition(".")
    if not token:
        return call.tenant.staff_version
    if not at.isdecimal():
        raise Refusal(400, "Request_BadRequest", "Invalid $skiptoken.")
    call.query = call.query.replace(f"{token}.{at}", token)
    return int(at)


def _moved(tenant: Tenant, since: int, at: int) -> list[User]:
    """Return whom to tell of, in an order that stays while somebody else comes or goes."""
    if since >= 0:
        return [tenant.users[key] for key, names in tenant.moved.items() if max(names.values()) > since]
    if at == tenant.staff_version:
        return tenant.living()
    left = {key for key, names in tenant.moved.items() if names.get(LEFT, at) > at}
    came = {key for key, names in tenant.moved.items() if names.get("id", at) > at}
    return [u for _, u in sorted(tenant.users.items()) if u.id not in came and (not u.deleted or u.id in left)]


def _ids(text: str) -> set[str]:
    """Return the users that a filter names: it may do nothing else, and of no more than fifty."""
    found = [key.lower() for key in _ID.findall(text)]
    if not found or set(_ID.sub(" ", text).lower().split()) - {"or"}:
        raise odata.unsupported("Delta queries are filtered by id only: id eq '...' or id eq '...'.")
    if len(found) > _MOST_IDS:
        raise odata.unsupported(f"Delta queries name {_MOST_IDS} ids at most.")
    return set(found)
