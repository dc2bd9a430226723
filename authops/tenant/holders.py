"""What everybody holds, for the retirement: the directory, the report, the policy, roles, and typed methods of those
whom a phone or the report's silence makes worth a request of their own. Reads only.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import pandas as pd

from authops.graph import requests
from authops.graph.answer import flag, text
from authops.graph.client import Graph
from authops.methods.kind import Policy
from authops.methods.kinds import KINDS, numbers, reported_phones
from authops.methods.reported import beside, of_type
from authops.phone.country import country
from authops.tenant import directory, policy, roles
from authops.tenant.roles import Roles
from authops.tenant.unknown import said
from authops.words.errors import GraphError
from authops.words.frames import CONTACTS, HOLDERS, REGISTRATIONS, Gathered, empty
from authops.words.retirement import is_external

# Column → what of the policy lets somebody use it, by themselves.
_ALLOWED: Final = {
    "in_sms": Policy("Sms"),
    "in_voice": Policy("Voice"),
    "may_passkey": Policy("Fido2", "isSelfServiceRegistrationAllowed"),
    "may_app": Policy("MicrosoftAuthenticator"),
    "may_pass": Policy("TemporaryAccessPass"),
}
# Properties of a user that no metadata promises, or that need a licence: asked of one user first.
STATE: Final = "perUserMfaState"
SEEN: Final = "signInActivity"
_SEEN_PAGE: Final = 500
_STATES: Final = ("disabled", "enabled", "enforced")
_WORDS: Final = {True: "yes", False: "no", None: "unknown"}
_ACCOUNTS: Final = {True: "enabled", False: "disabled", None: "unknown"}
_CONTACTS: Final = ("mobilePhone", "businessPhones", "otherMails")
_CHUNK: Final = 1000
_AT_ONCE: Final = 2
Tick = Callable[[int], None]


def _nothing(_: int) -> None:
    return None


@dataclass(frozen=True)
class Holders:
    """`people`: HOLDERS, one row a person. `contacts`: what their profiles say (CONTACTS).

    `unread`: what could not be read, and why, for the page. `asked`: how many people were read one by one.
    `targets`: whose groups were read, so that nobody reads them again.
    """

    people: pd.DataFrame
    contacts: pd.DataFrame
    unread: Mapping[str, str] = field(default_factory=dict)
    asked: int = 0
    targets: policy.Targets | None = None


async def read(graph: Graph, *, last_seen: bool = False, tick: Tick = _nothing) -> Holders:
    """Everybody (HOLDERS). What is missing or refused is unknown in the row and named in `unread`.

    The report is what Graph limits most, so everything else is read beside it: the methods of who has a phone as soon
    as the report says so, of whom it leaves out at the end. `last_seen`: ask for the last sign-in as well, 500 people
    to a page, ten pages a minute. Raises `GraphError` when people cannot be read at all.
    """
    unread: dict[str, str] = {}
    typed, targets = _Typed(graph, tick), policy.Targets(graph)
    listed, report, held, called, reaches = await _together(
        _people(graph, last_seen, unread, typed),
        _or(unread, "registration report", directory.registrations(graph, seen=typed.report), empty(REGISTRATIONS)),
        roles.read(graph),
        _or(unread, "names of roles", roles.names(graph), {}),
        _reaches(targets, unread),
    )
    people, contacts = listed
    typed.also(set(people["user_id"]) - set(report["user_id"]))
    await typed.finish()
    unread |= {"methods one by one": typed.refused} if typed.refused else typed.failed(set(people["user_id"]))
    unread |= {"roles": held.unknown[0]} if held.unknown else {}
    full = _joined(people, report, typed.found, held, held.called(called), reaches)
    return Holders(full, contacts, unread, len(typed.found), targets)


async def _together(*doing: Awaitable[Any]) -> list[Any]:
    """All at once; when one fails, none goes on."""
    tasks = [asyncio.ensure_future(one) for one in doing]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


async def _or(unread: dict[str, str], what: str, reading: Awaitable[Any], without: Any) -> Any:
    try:
        return await reading
    except GraphError as error:
        unread[what] = said(error)
        return without


async def _people(
    graph: Graph, last_seen: bool, unread: dict[str, str], typed: _Typed
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Everybody (HOLDERS, as far as the directory tells) and what their profiles say (CONTACTS).

    Disabled accounts are never in the report, so their methods are asked for at once.
    """
    names = await directory.licence_names(graph)
    wanted = {STATE: "per-user MFA state"} | ({SEEN: "last sign-in"} if last_seen else {})
    told = [name for name, what in wanted.items() if await _readable(graph, name, what, unread)]
    rows, contacts = Gathered(HOLDERS), Gathered(CONTACTS)
    async for user in graph.pages(requests.holders(told, _SEEN_PAGE if SEEN in told else 999)):
        row = _row(user, names)
        rows.add(row)
        typed.also([row["user_id"]] if row["account"] == "disabled" else [])
        if contact := _contact(user):
            contacts.add(contact)
    people = rows.frame().drop_duplicates("user_id", ignore_index=True)
    if STATE in told and len(people) and (people["per_user_mfa"] == "unknown").all():
        unread[wanted[STATE]] = "Graph left it out of its answers"
    return people, contacts.frame().drop_duplicates("user_id", ignore_index=True)


async def _readable(graph: Graph, name: str, what: str, unread: dict[str, str]) -> bool:
    """Whether users may be asked for a property: of one of them first, since a refusal is one of the whole list."""
    try:
        await graph.page(requests.one_with(name))
    except GraphError as error:
        if error.status not in directory.NOT_FOR_US:
            raise
        unread[what] = said(error)
        return False
    return True


def _row(user: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    state, upn = text(user, STATE).casefold(), text(user, "userPrincipalName")
    skus = [str(licence.get("skuId")) for licence in _list(user, "assignedLicenses") if isinstance(licence, dict)]
    found = {
        "user_id": directory.object_id(user.get("id")),
        "user_principal_name": upn,
        "display_name": text(user, "displayName"),
        "department": text(user, "department"),
        "country": text(user, "usageLocation"),
        "licences": " ".join(sorted(names.get(sku, sku) for sku in skus)),
        "account": _ACCOUNTS[flag(user, "accountEnabled")],
        "user_type": text(user, "userType"),
        "external": is_external(upn),
        "per_user_mfa": state if state in _STATES else "unknown",
        "profile_value": _has_contact(user),
        "last_sign_in": _last_seen(user.get(SEEN)),
    }
    # Two hundred thousand people say the same few things.
    return {name: sys.intern(value) for name, value in found.items()}


def _list(user: Mapping[str, Any], name: str) -> list[Any]:
    value = user.get(name)
    return value if isinstance(value, list) else []


def _last_seen(activity: Any) -> str:
    told = activity if isinstance(activity, dict) else {}
    return text(told, "lastSuccessfulSignInDateTime") or text(told, "lastSignInDateTime")


def _has_contact(user: Mapping[str, Any]) -> str:
    if any(user.get(name) for name in _CONTACTS):
        return "yes"
    return "no" if all(name in user for name in _CONTACTS) else "unknown"


def _contact(user: Mapping[str, Any]) -> dict[str, str]:
    """What a profile says, where it says anything."""
    first = {name: next((v for v in _list(user, name) if isinstance(v, str) and v), "") for name in _CONTACTS[1:]}
    found = {"mobile": text(user, "mobilePhone"), "office": first["businessPhones"], "email": first["otherMails"]}
    return {"user_id": directory.object_id(user.get("id")), **found} if any(found.values()) else {}


async def _reaches(targets: policy.Targets, unread: dict[str, str]) -> dict[str, policy.Reach]:
    """Column → whom the policy means, groups at any depth."""
    found: dict[str, Any] = await _or(unread, "methods policy", directory.methods_policy(targets.graph), {})
    reaches = {column: await targets.allowed(found, one) for column, one in _ALLOWED.items()}
    if found and (doubtful := [name for name, reach in reaches.items() if reach.more or reach.fewer]):
        unread["targets of the policy"] = f"not all could be read, for {', '.join(doubtful)}"
    return reaches


@dataclass(frozen=True, slots=True)
class _Held:
    """A person's methods one by one: names as the report has them, countries of numbers; or why they are not known."""

    names: str = ""
    countries: str = ""
    error: str = ""


@dataclass
class _Typed:
    """Reads methods one by one, a thousand people after another, beside whatever else is read.

    When the first are all refused, so would the others be: nobody else is asked.
    """

    graph: Graph
    tick: Tick
    found: dict[str, _Held] = field(default_factory=dict)
    refused: str = ""
    _waiting: list[str] = field(default_factory=list)
    _asked: set[str] = field(default_factory=set)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))

    def report(self, row: Mapping[str, Any]) -> None:
        """A row of the report came: who has a phone is asked for."""
        if set(row["methods_registered"].split()) & reported_phones():
            self.also([row["user_id"]])

    def also(self, ids: Sequence[str] | set[str]) -> None:
        """These people, too."""
        for user in (user for user in ids if user and user not in self._asked):
            self._asked.add(user)
            self._waiting.append(user)
            if len(self._waiting) >= _CHUNK:
                self._begin()

    def _begin(self) -> None:
        chunk, self._waiting = self._waiting, []
        self._tasks.append(asyncio.ensure_future(self._read(chunk)))

    async def finish(self) -> None:
        """Everybody who was asked for is read."""
        self._begin()
        await _together(*self._tasks)

    def failed(self, people: set[str]) -> dict[str, str]:
        """Of how many of these people the methods could not be read, for the page."""
        count = sum(bool(held.error) for user, held in self.found.items() if user in people)
        words = f"{count:,} could not be read one by one; the report's word stands where there is one"
        return {"methods of some people": words} if count else {}

    async def _read(self, ids: Sequence[str]) -> None:
        async with self._gate:
            asked = {requests.authentication_methods(user): user for user in ids}
            try:
                async for answer in directory.answers(self.graph, () if self.refused else asked, _nothing):
                    self.found[asked[answer.request]] = await self._held(answer)
                    self.tick(len(self.found))
            except GraphError as error:
                self.refused = said(error)
        for user in ids:
            self.found.setdefault(user, _Held(error=self.refused))

    async def _held(self, answer: Any) -> _Held:
        with suppress(GraphError):
            return _understood(await self.graph.items(answer))
        return _Held(error=said(answer.error) if answer.error else "the answer is no list")


def _understood(items: Sequence[Mapping[str, Any]]) -> _Held:
    phones = [KINDS[name] for name in numbers()]
    values = [kind.value(item) for item in items for kind in phones if kind.is_in(item)]
    names = dict.fromkeys(filter(None, map(of_type, items)))
    return _Held(sys.intern(" ".join(names)), sys.intern(" ".join(dict.fromkeys(filter(None, map(country, values))))))


def _joined(
    people: pd.DataFrame,
    report: pd.DataFrame,
    typed: Mapping[str, _Held],
    held: Roles,
    called: Mapping[str, str],
    reaches: Mapping[str, policy.Reach],
) -> pd.DataFrame:
    """HOLDERS in full. The typed answer is the later word; where it fails, or cannot tell, the report's stands."""
    ids = list(people["user_id"])
    told = report.drop_duplicates("user_id").set_index("user_id").reindex(ids).set_index(people.index)
    listed = told["methods_registered"].notna()
    one_by_one = [typed.get(user, _NOT_ASKED) for user in ids]
    read_well = pd.Series([not one.error for one in one_by_one], index=people.index, dtype=bool)
    reported = told["methods_registered"].fillna("").astype("str")
    more = {words: beside(words.split()) for words in reported.unique()}
    names = [
        sys.intern(" ".join(dict.fromkeys([*one.names.split(), *more[words]])))
        for one, words in zip(one_by_one, reported, strict=True)
    ]
    why = pd.Series([f"not in the report; {one.error}" for one in one_by_one], index=people.index, dtype="str")
    admin = _admins(told["is_admin"].map({True: "yes", False: "no"}).fillna("unknown"), held, ids)
    return people.assign(
        methods=pd.Series(names, index=people.index, dtype="str").where(read_well, reported),
        known=why.mask(listed | read_well, "yes"),
        number_country=[one.countries for one in one_by_one],
        default_method=told["default_method"].fillna("").astype("str"),
        sspr=told["sspr_enabled"].fillna("unknown").astype("str"),
        admin=admin,
        roles=roles.told(ids, admin, called),
        global_admin=[held.rank(user) for user in ids],
        **{column: [_WORDS[reach.has(user)] for user in ids] for column, reach in reaches.items()},
    ).astype(dict.fromkeys(HOLDERS, "str"))[list(HOLDERS)]


_NOT_ASKED: Final = _Held(error="not asked")


def _admins(reported: Iterable[str], held: Roles, ids: Sequence[str]) -> list[str]:
    """Who holds a role; where roles could not all be read, the report's own word stands for the others."""
    others = (said if held.unknown or said == "yes" else "no" for said in reported)
    return ["yes" if user in held.holders else word for user, word in zip(ids, others, strict=True)]
