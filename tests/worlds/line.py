"""The line between one process and the tenant: what leaves, what arrives, what comes back, and what happens to it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
from starlette.requests import Request

from tests.worlds import luck as bad
from tests.worlds.luck import Luck
from tests.worlds.sky import PASS, ROOT, SLOT_OF, SLOTS
from tests.worlds.spoiled import error, inner_error, spoiled
from tests.worlds.times import NOW

_UP, _DOWN = 0.03, 0.03
_STEPS = {"reports": "report", "roleManagement": "roles", "policies": "policy", "groups": "group", "auditLogs": "audit",
          "identityProtection": "risk"}  # fmt: skip
_KINDS = {"fido2Methods": "fido2", "microsoftAuthenticatorMethods": "microsoftAuthenticator",
          "softwareOathMethods": "softwareOath",
          "windowsHelloForBusinessMethods": "windowsHelloForBusiness"}  # fmt: skip
_DEFAULT = "userPreferredMethodForSecondaryAuthentication"
# Where the rest of a list is that was answered short.
_REST = "skiptoken=rest-"


@dataclass
class Part:
    """One request as it left and as it came back; `said` is what the process was shown of somebody's slots, `made` the
    pass that it made.
    """

    step: str
    method: str
    url: str
    user: str
    slot: str
    value: str
    left: tuple[float, float, float]
    runbook: str = ""
    beta: bool = False
    reached: bool = False
    status: int | None = None
    said: dict[str, str] | None = None
    made: str = ""
    stood_on: Part | None = None
    asked: float = 0.0


@dataclass
class Exchange:
    """One HTTP request of one life of a process."""

    number: int
    life: Any
    parts: list[Part] = field(default_factory=list)
    back: float | None = None


class Line(httpx.AsyncBaseTransport):
    """A life's way to the tenant."""

    def __init__(self, life: Any) -> None:
        self.life, self.play = life, life.play

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body, play = await request.aread(), self.play
        batched = request.url.raw_path.endswith(b"/$batch")
        asked = json.loads(body)["requests"] if batched else []
        version = request.url.raw_path.decode().split("/")[1]
        exchange = Exchange(len(play.exchanges), self.life, [self._part(one, version) for one in asked])
        if not batched:
            exchange.parts = [self._part({"method": request.method, "url": request.url.raw_path.decode()}, version)]
        play.exchanges.append(exchange)
        struck = [(part, luck) for part in exchange.parts for luck in self._struck(part)]
        outer = [luck for _, luck in struck if luck.kind in bad.OUTER][:1]
        first = {luck.kind for _, luck in struck}
        await asyncio.sleep(_UP + self._slowness(struck))
        for _, luck in struck:
            if luck.kind in bad.ELSEWHERE:
                who = luck.who if luck.who >= 0 else self._here(exchange, struck, luck)
                play.say(f"{luck.kind}: person {who}")
                play.sky.turn(luck.kind, who, play.fresh_number)
        self._to_the_process(first, struck)
        if outer and (answer := self._instead(outer[0], exchange, before=True)) is not None:
            return await self._back(exchange, answer)
        inner = {id(part): luck for part, luck in struck if luck.kind in bad.INNER or luck.kind in bad.OF_WRITES}
        twice = bool(outer) and outer[0].kind == "twice"
        answer = await self._arrives(request, body, asked, exchange, inner, twice)
        if outer:
            answer = self._instead(outer[0], exchange, before=False) or answer
        return await self._back(exchange, answer)

    def _here(self, exchange: Exchange, struck: list[tuple[Part, Luck]], luck: Luck) -> int:
        """The person whom the request is about that bad luck strikes; else the first whom anything is about."""
        about = [part.user for part, one in struck if one is luck] + [part.user for part in exchange.parts]
        numbers = {p.id: p.number for p in self.play.world.people} | {p.upn: p.number for p in self.play.world.people}
        return next((numbers[user] for user in about if user in numbers), 0)

    def _slowness(self, struck: list[tuple[Part, Luck]]) -> float:
        slow = [float(luck.what) if luck.kind == "slow" else 55.0 for _, luck in struck if "slow" in luck.kind]
        return max(slow, default=0.0)

    def _part(self, one: dict[str, Any], version: str) -> Part:
        path = urlsplit(one["url"]).path.removeprefix("/v1.0").removeprefix("/beta")
        pieces = path.split("/")
        user = unquote(pieces[2]).lower() if len(pieces) > 2 and pieces[1] == "users" else ""
        slot, value = _slot(one, pieces)
        left = (NOW.true(), NOW.steady(), NOW.wall())
        step = self._step(one, path, user, pieces)
        if step == "others":
            self.life.asked[user] = left[0]
        part = Part(step, one["method"], one["url"], user, slot, value, left, self.life.runbook, version == "beta")
        if step == "write":
            # Devices are read with all that somebody has.
            collection = "methods" if "#" in slot else pieces[4] if len(pieces) > 4 else ""
            part.stood_on = self.life.shown.get((user, collection))
            part.asked = self.life.asked.get(user, -1e9)
            self.life.wrote.add((user, collection))
        return part

    def _step(self, one: dict[str, Any], path: str, user: str, pieces: list[str]) -> str:
        if one["method"] != "GET":
            return "write"
        if path.endswith(("Methods", "/signInPreferences", "/requirements")):
            return "read back" if (user, pieces[-1]) in self.life.wrote else "read"
        if path.endswith("/authentication/methods"):
            return "others"
        if pieces[1] == "users":
            return "find" if user else "size" if "count=true" in one["url"] else "match"
        return _STEPS.get(pieces[1], "find")

    def _struck(self, part: Part) -> list[Luck]:
        return self.play.script.at(self.life.runbook, part.step)

    def _to_the_process(self, kinds: set[str], struck: list[tuple[Part, Luck]]) -> None:
        """What happens to the process while a request is under way."""
        play, life = self.play, self.life
        for _, luck in struck:
            if luck.kind == "killed":
                play.kill(str(luck))
            elif luck.kind in ("suspended", "machine sleeps"):
                play.stand_still(luck)
            elif luck.kind == "clock set back" and not play.slept:
                NOW.set_back(float(luck.what))
                play.set_back = True
                play.say(f"the clock is set back {luck.what} s")
            elif luck.kind == "asked to stop":
                life.ask_to_stop()
            elif luck.kind in ("second apply", "second machine"):
                play.second(luck.kind)
            elif luck.kind == "token revoked":
                play.sky.login.revoke()
                play.say("every token is revoked")
            elif luck.kind == "permission gone":
                play.take_permission()
            elif luck.kind == "sign-in refused":
                play.sky.login.revoke()
                life.tokens.refused += 1
                play.say("sign-in is refused once")

    def _instead(self, luck: Luck, exchange: Exchange, *, before: bool) -> httpx.Response | None:
        """What comes back instead of an answer; None when nothing does at that time."""
        kind = luck.kind
        early = kind == "lost before" or (kind.startswith("outer") and not kind.endswith("after"))
        if early != before:
            return None
        for part in exchange.parts:
            part.status = None
        self.play.say(f"{kind}: {exchange.parts[0].step} of {len(exchange.parts)}", exchange)
        if kind.startswith("outer"):
            status = int(kind.split()[1])
            for part in exchange.parts:
                part.status = status
            return error(status, luck.what)
        if kind in ("lost before", "lost after"):
            raise httpx.ReadError("the connection broke")
        if kind == "no answer":
            raise _NoAnswer
        content = {"garbage": b"<html>no</html>", "empty": b"", "no list": b'{"responses": {}, "value": 7}'}
        return None if kind == "twice" else httpx.Response(200, content=content[kind])

    async def _arrives(
        self,
        request: httpx.Request,
        body: bytes,
        asked: list[Any],
        exchange: Exchange,
        inner: dict[int, Luck],
        twice: bool,
    ) -> httpx.Response:
        """The tenant gets what is not lost, and what it answers may be changed on the way."""
        sky = self.play.sky
        stopped = {id(p) for p in exchange.parts if (luck := inner.get(id(p))) and _no_effect(luck.kind)}
        for luck in inner.values():
            if luck.kind in ("lagging", "flapping"):
                sky.late(float(luck.what), flaps=luck.kind == "flapping")
        sky.sees_now = sky.flaps and all(part.method == "GET" for part in exchange.parts) and bool(exchange.number % 2)
        if asked:
            pairs = list(zip(exchange.parts, asked, strict=True))
            return await self._batch(request, exchange, pairs, inner, stopped, twice)
        part = exchange.parts[0]
        if id(part) in stopped:
            return self._alone(part, inner[id(part)])
        part.reached = True
        if _REST in part.url:
            said = httpx.Response(200, json=self._rest(part.url))
        else:
            said = await self._asked(request, body, exchange)
        part.status = said.status_code
        if luck := inner.get(id(part)):
            return self._page(part, said, luck)
        return said

    async def _batch(
        self,
        request: httpx.Request,
        exchange: Exchange,
        pairs: list[tuple[Part, Any]],
        inner: dict[int, Luck],
        stopped: set[int],
        twice: bool,
    ) -> httpx.Response:
        rests = [one for part, one in pairs if id(part) not in stopped and _REST in one["url"]]
        live = [one for part, one in pairs if id(part) not in stopped and one not in rests]
        said = await self._asked(request, json.dumps({"requests": live}).encode(), exchange) if live else _none()
        for part, _ in pairs:
            part.reached = id(part) not in stopped
        if said.status_code != 200 or exchange.life.dead:
            for part, _ in pairs:
                part.status = said.status_code
            return said
        content = json.loads(said.content)
        part_of = {one["id"]: part for part, one in pairs}
        none: dict[str, Any] = {"status": 0, "headers": {}, "body": {}}
        answers = content["responses"] + [none | {"id": one["id"]} for part, one in pairs if id(part) in stopped]
        answers += [none | {"id": one["id"], "status": 200, "body": self._rest(one["url"])} for one in rests]
        changed = (self._changed(part_of[one["id"]], one, inner.get(id(part_of[one["id"]]))) for one in answers)
        content["responses"] = [answer for some in changed for answer in some]
        if twice:
            content["responses"] *= 2
        return httpx.Response(200, content=json.dumps(content).encode(), headers=_kept(said))

    async def _asked(self, request: httpx.Request, body: bytes, exchange: Exchange) -> httpx.Response:
        path, _, query = request.url.raw_path.partition(b"?")
        headers = [(k.lower(), v) for k, v in request.headers.raw if k.lower() != b"content-length"]
        scope = {
            "type": "http", "method": request.method, "path": unquote(path.decode()), "raw_path": path,
            "query_string": query, "headers": headers, "server": ("demo.localhost", 443), "scheme": "https",
            "client": ("127.0.0.1", 1), "root_path": "", "http_version": "1.1",
        }  # fmt: skip

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        sky = self.play.sky
        earlier, sky.by = sky.by, f"{self.life.name}#{exchange.number}"
        try:
            answer = await sky.front.graph(Request(scope, receive))
        finally:
            sky.by = earlier
        return httpx.Response(answer.status_code, headers=answer.raw_headers, content=bytes(answer.body))

    def _changed(self, part: Part, answer: dict[str, Any], luck: Luck | None) -> list[dict[str, Any]]:
        """An inner answer as the process gets it: none, one, changed."""
        if luck is not None:
            self.play.say(
                f"{luck.kind}{f' ({luck.what})' if luck.what else ''}: {part.step} {self.play.who(part.user)}"
            )
            answer = self._struck_answer(part, answer, luck)
        if not answer:
            return []
        part.status = answer["status"] if isinstance(answer["status"], int) else None
        if part.step in ("read", "read back", "others") and _REST not in part.url:
            collection = part.url.partition("?")[0].rpartition("/")[2]
            self.life.shown[part.user, collection] = part
            part.said = _legible(answer, collection)
            if luck is not None and luck.kind == "short page":
                answer = self._shortened(part, answer)
        return [answer]

    def _shortened(self, part: Part, answer: dict[str, Any]) -> dict[str, Any]:
        body = answer.get("body")
        short = answer.get("status") == 200 and isinstance(body, dict)
        return answer | {"body": self._short(part, body)} if short else answer

    def _short(self, part: Part, body: dict[str, Any]) -> dict[str, Any]:
        """The first half of a list, as Graph may answer any; the rest is where it says."""
        items = body.get("value")
        if not isinstance(items, list):
            return body
        key, half = str(len(self.play.rests)), len(items) // 2
        self.play.rests[key] = {"value": items[half:]} | {k: v for k, v in body.items() if k == "@odata.nextLink"}
        version = "beta" if part.beta else "v1.0"
        path = part.url.partition("?")[0].removeprefix("/v1.0").removeprefix("/beta")
        return body | {"value": items[:half], "@odata.nextLink": f"{ROOT}/{version}{path}?${_REST}{key}"}

    def _rest(self, url: str) -> dict[str, Any]:
        return self.play.rests[url.rpartition(_REST)[2]]

    def _struck_answer(self, part: Part, answer: dict[str, Any], luck: Luck) -> dict[str, Any]:
        kind, body = luck.kind, answer.get("body")
        if kind.startswith(("inner", "409")):
            return answer | inner_error(int(kind.split()[0 if kind[0] == "4" else 1]), luck.what)
        if kind == "left out":
            return {}
        if kind in ("lagging", "flapping"):
            return answer
        if answer.get("status") not in (200, 201) or not isinstance(body, dict):
            return answer
        if kind == "short page" and part.step not in ("read", "read back", "others"):
            return self._shortened(part, answer)
        return answer | {"body": spoiled(body, luck)}

    def _alone(self, part: Part, luck: Luck) -> httpx.Response:
        part.status = int(luck.kind.split()[1]) if luck.kind.startswith("inner") else 0
        self.play.say(f"{luck.kind}: {part.step}")
        if luck.kind.startswith("inner"):
            return error(part.status, luck.what)
        raise httpx.ReadError("the connection broke")

    def _page(self, part: Part, said: httpx.Response, luck: Luck) -> httpx.Response:
        self.play.say(f"{luck.kind}{f' ({luck.what})' if luck.what else ''}: {part.step}")
        if luck.kind == "left out" or said.status_code != 200:
            return said if luck.kind != "left out" else httpx.Response(200, content=b"{}", headers=_kept(said))
        try:
            body = json.loads(said.content)
        except ValueError:
            return said
        less = self._short(part, body) if luck.kind == "short page" else spoiled(body, luck)
        return httpx.Response(200, content=json.dumps(less).encode(), headers=_kept(said))

    async def _back(self, exchange: Exchange, answer: httpx.Response) -> httpx.Response:
        await asyncio.sleep(_DOWN)
        exchange.back = NOW.true()
        return answer


class _NoAnswer(httpx.ReadTimeout):
    def __init__(self) -> None:
        super().__init__("no answer")


def _slot(one: dict[str, Any], pieces: list[str]) -> tuple[str, str]:
    """(slot, value) that a write is about; a pass that is taken back: its id, one that is made: what it is to be."""
    if one["method"] == "GET" or "authentication" not in pieces:
        return "", ""
    body = one.get("body") or {}
    if "emailMethods" in pieces:
        return "email", str(body.get("emailAddress", ""))
    if "temporaryAccessPassMethods" in pieces:
        made = f"{body.get('lifetimeInMinutes')} {'once' if body.get('isUsableOnce') else 'many times'}"
        return PASS, made if body else pieces[-1]
    if pieces[4] in _KINDS:
        return f"{_KINDS[pieces[4]]}#{pieces[-1]}", ""
    last = pieces[-1]
    if last in ("enableSmsSignIn", "disableSmsSignIn"):
        return "smsSignIn", "ready" if last.startswith("enable") else "notEnabled"
    if last in ("signInPreferences", "requirements"):
        return ("defaultMethod", str(body.get(_DEFAULT, ""))) if _DEFAULT in body else (last, "")
    slot = SLOT_OF.get(last.lower()) or str(body.get("phoneType", ""))
    return slot, str(body.get("phoneNumber", ""))


def _legible(answer: dict[str, Any], collection: str) -> dict[str, str] | None:
    """Slot → value, as an answer shows them; None for what shows nothing, or not all."""
    body = answer["body"] if answer["status"] == 200 and isinstance(answer.get("body"), dict) else {}
    if collection == "signInPreferences":
        return {"defaultMethod": body[_DEFAULT]} if isinstance(body.get(_DEFAULT), str) else None
    items = body.get("value")
    if not isinstance(items, list):
        return None
    found: dict[str, str] = {}
    for item in items:
        slot, value = _shown(item, collection)
        if not slot or not isinstance(value, str):
            if collection == "methods" and item.get("id") and item.get("@odata.type"):
                continue  # no device
            return None
        found[slot] = value
        if slot == "mobile" and item.get("smsSignInState"):
            found["smsSignIn"] = str(item["smsSignInState"])
    return found


def _shown(item: dict[str, Any], collection: str) -> tuple[str, Any]:
    if collection == "methods":
        kind = str(item.get("@odata.type")).removeprefix("#microsoft.graph.").removesuffix("AuthenticationMethod")
        return (f"{kind}#{item['id']}", "there") if item.get("id") and kind in _KINDS.values() else ("", None)
    if collection == "temporaryAccessPassMethods":
        return PASS, item.get("id")
    slot = SLOT_OF.get(str(item.get("id")), "")
    if "id" not in item and item.get("phoneType") in SLOTS:  # a phone says twice which one it is
        slot = item["phoneType"]
    return slot, item.get("phoneNumber") or item.get("emailAddress")


def _no_effect(kind: str) -> bool:
    return (kind.startswith("inner") and not kind.endswith("after")) or kind == "409 not stored"


def _none() -> httpx.Response:
    return httpx.Response(200, content=b'{"responses": []}')


def _kept(said: httpx.Response) -> list[tuple[bytes, bytes]]:
    return [(k, v) for k, v in said.headers.raw if k.lower() not in (b"content-length", b"content-encoding")]
