"""The part of OData that Graph's directory understands: `$filter`, and opaque page tokens.

Source: user-list, aad-advanced-queries, authenticationmethodsroot-list-userregistrationdetails.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from authops.demo.world.tenant import Refusal

Row = dict[str, Any]
Test = Callable[[Row], bool]
_A_TIME = r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)"
_TOKEN = re.compile(rf"\s*('(?:[^']|'')*'|{_A_TIME}|[(),:]|[\w./$-]+)")
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_TIME = re.compile(_A_TIME)
_TERM = re.compile(r'\s*"(\w+):([^"]*)"\s*(AND|OR|$)')


def unsupported(text: str) -> Refusal:
    """Return Graph's answer to a query it does not serve."""
    return Refusal(400, "Request_UnsupportedQuery", text)


@dataclass(frozen=True, slots=True)
class Rules:
    """Which properties can be filtered how; `advanced` opens `ne`, `not` and `endsWith`."""

    equal: frozenset[str]
    starts: frozenset[str] = frozenset()
    lists: frozenset[str] = frozenset()
    orders: frozenset[str] = frozenset()
    advanced: bool = False


@dataclass(slots=True)
class _Parser:
    tokens: list[str]
    rules: Rules
    at: int = field(default=0)

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, expected: str | None = None) -> str:
        token = self.peek()
        if not token or (expected is not None and token.lower() != expected):
            raise Refusal(400, "BadRequest", f"Invalid filter clause: expected {expected or 'more'}, found {token!r}.")
        self.at += 1
        return token

    def either(self) -> Test:
        tests = [self.both()]
        while self.peek().lower() == "or":
            self.take()
            tests.append(self.both())
        return tests[0] if len(tests) == 1 else lambda row: any(t(row) for t in tests)

    def both(self) -> Test:
        tests = [self.one()]
        while self.peek().lower() == "and":
            self.take()
            tests.append(self.one())
        return tests[0] if len(tests) == 1 else lambda row: all(t(row) for t in tests)

    def one(self) -> Test:
        word = self.take()
        if word == "(":
            inner = self.either()
            self.take(")")
            return inner
        if word.lower() == "not":
            self.advanced("not")
            inner = self.one()
            return lambda row: not inner(row)
        if word.lower() in ("startswith", "endswith"):
            return self.affix(word.lower())
        return self.some(word) if word.endswith("/any") else self.compare(word)

    def advanced(self, what: str) -> None:
        if not self.rules.advanced:
            raise unsupported(f"Operator '{what}' is not supported because the required parameters are missing.")

    def affix(self, function: str) -> Test:
        self.take("(")
        name = self.allowed(self.take(), self.rules.starts)
        self.take(",")
        text = str(self.literal()).lower()
        self.take(")")
        if function == "endswith":
            self.advanced("endsWith")
            return lambda row: str(row.get(name) or "").lower().endswith(text)
        return lambda row: str(row.get(name) or "").lower().startswith(text)

    def some(self, word: str) -> Test:
        name = self.allowed(word.removesuffix("/any"), self.rules.lists)
        self.take("(")
        variable = self.take()
        self.take(":")
        inner = self.take().removeprefix(variable)
        self.take("eq")
        wanted = self.literal()
        self.take(")")
        if inner.startswith("/"):
            return lambda row: any(_fold(_reach(item, inner[1:])) == _fold(wanted) for item in row[name])
        return lambda row: wanted in row[name]

    def compare(self, name: str) -> Test:
        if name.endswith("/$count"):
            raise Refusal(501, "notImplemented", f"The demo tenant does not implement $filter by {name}.")
        self.allowed(name, self.rules.equal)
        operator = self.take().lower()
        if operator == "in":
            return self.within(name)
        if operator in ("ge", "le") and name in self.rules.orders:
            limit = _moment(self.literal())
            return lambda row: (_moment(row[name]) >= limit) if operator == "ge" else (_moment(row[name]) <= limit)
        if operator not in ("eq", "ne"):
            raise unsupported(f"Unsupported or invalid query filter clause specified for property '{name}'.")
        if operator == "ne":
            self.advanced("ne")
        wanted = self.literal()
        if name in self.rules.orders:
            at = _moment(wanted)
            return lambda row: (_moment(row[name]) == at) is (operator == "eq")
        wanted = _fold(wanted)
        return lambda row: (_fold(_reach(row, name)) == wanted) is (operator == "eq")

    def within(self, name: str) -> Test:
        self.take("(")
        wanted = [_fold(self.literal())]
        while self.peek() == ",":
            self.take()
            wanted.append(_fold(self.literal()))
        self.take(")")
        return lambda row: _fold(row.get(name)) in wanted

    def allowed(self, name: str, names: frozenset[str]) -> str:
        if name not in names:
            raise unsupported(f"Unsupported or invalid query filter clause specified for property '{name}'.")
        return name

    def literal(self) -> Any:
        token = self.take()
        if token.startswith("'"):
            return token[1:-1].replace("''", "'")
        if token in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[token]
        if _TIME.fullmatch(token) or _GUID.fullmatch(token):
            return token
        raise Refusal(400, "BadRequest", f"Invalid filter clause: {token!r} is not a literal of that property.")


def _reach(row: Any, path: str) -> Any:
    """Return the value at `a/b/c`, None when a part is missing on the way."""
    for name in path.split("/"):
        row = row.get(name) if isinstance(row, dict) else None
    return row


def _moment(value: Any) -> dt.datetime:
    try:
        return dt.datetime.fromisoformat(value)
    except (ValueError, TypeError) as error:
        raise Refusal(400, "BadRequest", f"Invalid filter clause: {value!r} is not a date and time.") from error


def search(text: str, names: frozenset[str]) -> Test:
    """Return the test that `$search=text` stands for: displayName by the beginnings of its words, others by theirs.

    Terms are `"name:value"`, joined by AND and OR (AND binds tighter; user-list, $search).
    """
    either: list[list[tuple[str, str]]] = [[]]
    at, word = 0, "AND"
    while word:
        found = _TERM.match(text, at)
        if not found or found[1] not in names or not found[2]:
            raise unsupported(f'The $search clause {text!r} is not a list of "property:value".')
        either[-1].append((found[1], found[2].lower()))
        at, word = found.end(), found[3]
        if word == "OR":
            either.append([])
    return lambda row: any(all(_begins(row, *term) for term in terms) for terms in either)


def _begins(row: Row, name: str, value: str) -> bool:
    text = str(row.get(name) or "").lower()
    words = text.split() if name == "displayName" else [text]
    return all(any(word.startswith(part) for word in words) for part in value.split())


def _fold(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def parse(text: str, rules: Rules) -> Test:
    """Return the test that `$filter=text` stands for, or refuse it as Graph does."""
    tokens, at = [], 0
    while text[at:].strip():
        found = _TOKEN.match(text, at)
        if not found:
            raise Refusal(400, "BadRequest", f"Invalid filter clause: syntax error at position {at}.")
        tokens.append(found[1])
        at = found.end()
    parser = _Parser(tokens, rules)
    test = parser.either()
    if parser.peek():
        raise Refusal(400, "BadRequest", f"Invalid filter clause: unexpected {parser.peek()!r}.")
    return test


def page_token(offset: int, *, advanced: bool) -> str:
    """Return the opaque token of the page that starts at `offset`."""
    return base64.urlsafe_b64encode(json.dumps([offset, advanced]).encode()).decode().rstrip("=")


def read_token(token: str) -> tuple[int, bool]:
    """Return offset and whether the query was an advanced one."""
    try:
        offset, advanced = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        return int(offset), bool(advanced)
    except (ValueError, TypeError, binascii.Error) as error:
        raise Refusal(400, "Request_BadRequest", "Invalid $skiptoken.") from error


def page_size(text: str | None, default: int, limit: int) -> int:
    """Return the page size asked for; user-list documents the text of the refusal."""
    if text is None:
        return default
    if not text.isascii() or not text.isdigit():
        raise Refusal(400, "BadRequest", f"Invalid value '{text}' for $top query option found.")
    if not 1 <= int(text) <= limit:
        message = f"Invalid page size specified: '{text}'. Must be between 1 and {limit} inclusive."
        raise Refusal(400, "Request_BadRequest", message)
    return int(text)
