"""The part of OData that Graph's directory understands: `$filter`, and opaque page tokens.

Source: user-list, aad-advanced-queries, authenticationmethodsroot-list-userregistrationdetails.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from authops.demo.world.tenant import Refusal

Row = dict[str, Any]
Test = Callable[[Row], bool]
_A_TIME = r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)"
_BARE_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+")
# A directory extension: its name has the id of the application that registered it, and none is registered here.
EXTENSION = re.compile(r"extension_[0-9a-f]{32}_\w+", re.IGNORECASE)
_TOKEN = re.compile(rf"\s*('(?:[^']|'')*'|{_A_TIME}|{_BARE_TIME.pattern}|[(),:]|[\w./$-]+)")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
# Stands for the item that any() looks at.
ITEM = "$it"
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq, "ne": operator.ne, "ge": operator.ge, "le": operator.le, "gt": operator.gt, "lt": operator.lt,
}  # fmt: skip
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_TIME = re.compile(_A_TIME)
_ENUMERATION = re.compile(r"microsoft\.graph\.\w+", re.IGNORECASE)
_TERM = re.compile(r'\s*("\w+:[^"]*"|AND\b|OR\b|[()])')


def unsupported(text: str) -> Refusal:
    """Return Graph's answer to a query it does not serve."""
    return Refusal(400, "Request_UnsupportedQuery", text)


def missing(what: str) -> Refusal:
    """Return the answer to what Graph may serve and this tenant does not."""
    return Refusal(501, "notImplemented", f"The demo tenant does not implement {what}.")


@dataclass(frozen=True, slots=True)
class Rules:
    """Which properties can be filtered how; `advanced` opens `ne`, `not`, `endsWith`, `$count`.

    What is `known` beyond that is answered 501: Graph may serve it, this tenant does not. So are `ne`, `not` and the
    like where `advanced` is None: the header that opens them is the directory's, and no page tells of them elsewhere.
    """

    equal: frozenset[str]
    starts: frozenset[str] = frozenset()
    lists: frozenset[str] = frozenset()
    orders: frozenset[str] = frozenset()
    ends: frozenset[str] | None = None
    known: frozenset[str] = frozenset()
    advanced: bool | None = False


def canonical(name: str, names: Iterable[str]) -> str | None:
    """Return a name as it is written, however the caller wrote it: names are not case-sensitive in Graph."""
    return next((known for known in names if known.lower() == name.lower()), None)


@dataclass(slots=True)
class _Parser:
    tokens: list[str]
    rules: Rules
    at: int = field(default=0)
    variable: str = ""

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
        if self.peek() == "(" and not word.lower().endswith("/any"):
            return self.affix(word)
        return self.some(word) if word.lower().endswith("/any") else self.compare(word)

    def advanced(self, what: str) -> None:
        if self.rules.advanced is None:
            raise missing(f"the operator {what} here")
        if not self.rules.advanced:
            raise unsupported(f"Operator '{what}' is not supported because the required parameters are missing.")

    def affix(self, function: str) -> Test:
        folded = function.lower()
        if folded not in ("startswith", "endswith") and self.rules.advanced is None:
            raise missing(f"the function {function} here")
        if folded not in ("startswith", "endswith"):
            raise unsupported(f"The function '{function}' is not supported in a filter clause.")
        self.take("(")
        ends = folded == "endswith"
        names = self.rules.starts if not ends or self.rules.ends is None else self.rules.ends
        name = self.named(self.take(), names)
        self.take(",")
        text = str(self.literal()).lower()
        self.take(")")
        if ends:
            self.advanced("endsWith")
            return lambda row: str(_reach(row, name) or "").lower().endswith(text)
        return lambda row: str(_reach(row, name) or "").lower().startswith(text)

    def some(self, word: str) -> Test:
        name = self.allowed(word[: -len("/any")], self.rules.lists)
        self.take("(")
        if self.peek() == ")":
            self.take()
            self.advanced("any")
            return lambda row: bool(row.get(name))
        outer, self.variable = self.variable, self.take()
        self.take(":")
        inner = self.either()
        self.take(")")
        self.variable = outer
        return lambda row: any(inner({ITEM: item}) for item in row.get(name) or [])

    def named(self, name: str, names: frozenset[str]) -> str:
        """Return a property; within any(), of the item that is looked at."""
        mine = name.split("/", 1)
        if self.variable and mine[0].lower() == self.variable.lower():
            return "/".join([ITEM, *mine[1:]])
        return self.allowed(name, names)

    def compare(self, name: str) -> Test:
        if name.lower().endswith("/$count"):
            return self.many(name[: -len("/$count")])
        name = self.named(name, self.rules.equal)
        if self.peek().lower() in ("", "and", "or", ")"):
            raise missing(f"this $filter by {name} alone")
        sign = self.take().lower()
        if sign == "in":
            return self.within(name)
        if sign not in _OPERATORS:
            raise unsupported(f"Unsupported or invalid query filter clause specified for property '{name}'.")
        if sign == "ne":
            self.advanced("ne")
        wanted = self.literal(day=name in self.rules.orders)
        if name in self.rules.orders and wanted is not None:
            at = _moment(wanted)
            return lambda row: _held(sign, _reach(row, name), at, _moment)
        return lambda row: _held(sign, _reach(row, name), _fold(wanted), _fold)

    def many(self, name: str) -> Test:
        """Return the test on how many there are: none, or some."""
        name = self.allowed(name, self.rules.lists)
        self.advanced("$count")
        sign, number = self.take().lower(), self.take()
        if sign not in ("eq", "ne") or not number.isdigit():
            raise unsupported(f"Unsupported or invalid query filter clause specified for property '{name}'.")
        return lambda row: (len(row.get(name) or []) == int(number)) is (sign == "eq")

    def within(self, name: str) -> Test:
        self.take("(")
        wanted = [_fold(self.literal())]
        while self.peek() == ",":
            self.take()
            wanted.append(_fold(self.literal()))
        self.take(")")
        return lambda row: _fold(_reach(row, name)) in wanted

    def allowed(self, name: str, names: frozenset[str]) -> str:
        found = canonical(name, names)
        if found is not None:
            return found
        everything = self.rules.equal | self.rules.starts | self.rules.lists | self.rules.known
        if canonical(name.split("/", maxsplit=1)[0], everything) or EXTENSION.match(name):
            raise missing(f"this $filter by {name}")
        raise unsupported(f"Unsupported or invalid query filter clause specified for property '{name}'.")

    def literal(self, *, day: bool = False) -> Any:
        token = self.take()
        if token.startswith("'"):
            return token[1:-1].replace("''", "'")
        if token.lower() in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[token.lower()]
        if _BARE_TIME.fullmatch(token):
            raise missing(f"a time without its offset ({token})")
        if _TIME.fullmatch(token) or _GUID.fullmatch(token) or (day and _DAY.fullmatch(token)):
            return token
        if _ENUMERATION.fullmatch(token) and self.peek().startswith("'"):
            # A member of an enumeration, with the name of its type before it.
            return self.literal()
        raise Refusal(400, "BadRequest", f"Invalid filter clause: {token!r} is not a literal of that property.")


def _held(sign: str, held: Any, wanted: Any, read: Callable[[Any], Any]) -> bool:
    """Return whether a comparison holds; nothing is neither before nor after anything."""
    value = None if held is None else read(held)
    if sign in ("eq", "ne"):
        return (value == wanted) is (sign == "eq")
    if value is None or wanted is None or isinstance(value, bool):
        return False
    return bool(_OPERATORS[sign](value, wanted))


def _reach(row: Any, path: str) -> Any:
    """Return the value at `a/b/c`, None when a part is missing on the way."""
    for name in path.split("/"):
        known = canonical(name, row) if isinstance(row, dict) and name not in row else name
        row = row.get(known) if isinstance(row, dict) else None
    return row


def _moment(value: Any) -> dt.datetime:
    try:
        found = dt.datetime.fromisoformat(value)
        return found if found.tzinfo else found.replace(tzinfo=dt.UTC)
    except (ValueError, TypeError) as error:
        raise Refusal(400, "BadRequest", f"Invalid filter clause: {value!r} is not a date and time.") from error


def search(text: str, names: frozenset[str], known: frozenset[str] = frozenset()) -> Test:
    """Return the test that `$search=text` stands for: displayName by the beginnings of its words, others by theirs.

    Terms are `"name:value"`, joined by AND and OR (AND binds tighter), grouped in parentheses
    (search-query-parameter). What is `known` beyond the names is answered 501.
    """
    tokens, at = [], 0
    for name in re.findall(r'"(\w+):', text):
        if canonical(name, known) and not canonical(name, names):
            raise missing(f"$search by {name}")
    while text[at:].strip():
        found = _TERM.match(text, at)
        if not found:
            raise _no_search(text)
        tokens.append(found[1])
        at = found.end()
    test, rest = _any_of(text, tokens, names)
    if rest:
        raise _no_search(text)
    return test


def _no_search(text: str) -> Refusal:
    return unsupported(f'The $search clause {text!r} is not a list of "property:value".')


def _any_of(text: str, tokens: list[str], names: frozenset[str]) -> tuple[Test, list[str]]:
    tests: list[Test] = []
    while not tests or (tokens and tokens[0] == "OR"):
        test, tokens = _all_of(text, tokens[1:] if tests else tokens, names)
        tests.append(test)
    return (lambda row: any(test(row) for test in tests)), tokens


def _all_of(text: str, tokens: list[str], names: frozenset[str]) -> tuple[Test, list[str]]:
    tests: list[Test] = []
    while not tests or (tokens and tokens[0] == "AND"):
        test, tokens = _term(text, tokens[1:] if tests else tokens, names)
        tests.append(test)
    return (lambda row: all(test(row) for test in tests)), tokens


def _term(text: str, tokens: list[str], names: frozenset[str]) -> tuple[Test, list[str]]:
    if not tokens or tokens[0] in ("AND", "OR", ")"):
        raise _no_search(text)
    if tokens[0] == "(":
        test, rest = _any_of(text, tokens[1:], names)
        if not rest or rest[0] != ")":
            raise _no_search(text)
        return test, rest[1:]
    name, _, value = tokens[0].strip('"').partition(":")
    known = canonical(name, names)
    if known is None or not value:
        raise _no_search(text)
    return (lambda row: _begins(row, known, value.lower())), tokens[1:]


def _begins(row: Row, name: str, value: str) -> bool:
    held = row.get(name)
    if isinstance(held, list):
        return any(str(item).lower().startswith(value) for item in held)
    text = str(held or "").lower()
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
