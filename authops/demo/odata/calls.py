"""One Graph request and its answer, whether it came alone or inside a batch."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote

from authops.demo.odata import query as odata
from authops.demo.odata.elsewhere import ELSEWHERE
from authops.demo.world.tenant import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from authops.demo.login.tokens import Bearer
    from authops.demo.world.tenant import Tenant, User

JSON_TYPE = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"


_ARGUMENT = re.compile(r"(\w+)='([^']*)'")
_KEY = re.compile(r"\((?:'|%27)((?:[^'()/%]|''|%27%27|%(?!27))+)(?:'|%27)\)(?=/|$)")
# A type or a function in a path, with its namespace; the SDK for Python writes that shorter.
_NAMESPACED = re.compile(r"/(?:microsoft\.)?graph\.(\w+)(?=[/(]|$)", re.IGNORECASE)
OBJECT_TYPES = (
    "user", "group", "directoryRole", "administrativeUnit", "application", "device", "orgContact", "servicePrincipal",
)  # fmt: skip
_OPTIONS = (
    "$apply", "$count", "$deltatoken", "$expand", "$filter", "$format", "$orderby", "$search", "$select", "$skip",
    "$skiptoken", "$top",
)  # fmt: skip
_SLASHES = re.compile(r"/{2,}")
NO_PROPERTY = "Parsing OData Select and Expand failed: Could not find a property named"
_METADATA = re.compile(r"(?:^|[;,\s])(?:odata\.)?metadata=(\w+)", re.IGNORECASE)


@dataclass(slots=True)
class Call:
    """One request: `path` is still percent-encoded and relative to the version; header names are lower-case."""

    tenant: Tenant
    root: str
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: Any
    bearer: Bearer
    masked: bool = False
    # Whether only the number of rows is asked for (…/$count).
    number: bool = False
    licence: str = "P1"
    version: str = "v1.0"

    @property
    def permissions(self) -> frozenset[str]:
        """What the caller holds."""
        return self.bearer.permissions

    @property
    def options(self) -> dict[str, str]:
        """The query options, by the names Graph knows: neither their case matters nor the dollar sign."""
        return {option(name): value for name, value in parse_qsl(self.query, keep_blank_values=True)}

    @property
    def eventual(self) -> bool:
        """Whether the caller asks for advanced queries."""
        return self.headers.get("consistencylevel", "").lower() == "eventual"

    def context(self, what: str) -> str:
        """Return the `@odata.context` of an answer."""
        return f"{self.root}/{self.version}/$metadata#{what}"

    def next_link(self, token: str) -> str:
        """Return this very request with another page token."""
        kept = [(k, v) for k, v in parse_qsl(self.query, keep_blank_values=True) if option(k) != "$skiptoken"]
        pairs = "&".join(f"{quote(k, safe='$')}={quote(v, safe=',')}" for k, v in [*kept, ("$skiptoken", token)])
        return f"{self.root}/{self.version}{self.path}?{pairs}"

    def user(self, key: str) -> User:
        """Return the user addressed by id or UPN; the code for an unknown one is an assumption."""
        found = self.tenant.find(key)
        if found is None:
            status, code = self.tenant.assume.refusal("user_not_found")
            raise Refusal(status, code, no_such(key))
        return found

    def fields(self, allowed: set[str], odata_type: str) -> dict[str, Any]:
        """Return the body's properties, refusing those the type does not have or the caller may not send."""
        if not isinstance(self.body, dict):
            raise Refusal(400, "badRequest", "The request needs a JSON object as body.")
        # Annotations other than the type say nothing here: a model that was read may be sent back.
        names = {*allowed, "id", "createdDateTime", "@odata.type"}
        known = {odata.canonical(k, names) or k: v for k, v in self.body.items()}
        body = {k: v for k, v in known.items() if "@odata." not in k or k == "@odata.type"}
        said = str(body.pop("@odata.type", odata_type))
        if said.lstrip("#").lower() != odata_type.lstrip("#").lower():
            raise Refusal(400, "badRequest", f"The body is not a {odata_type}.")
        for name in ("id", "createdDateTime"):
            if name in body and self.tenant.assume["read_only_sent"] == "ignored":
                del body[name]
        for name in sorted(set(body) - allowed):
            raise Refusal(400, "badRequest", f"The property '{name}' cannot be sent in this request.")
        for name, value in body.items():
            if not isinstance(value, str):
                raise Refusal(400, "badRequest", f"The property '{name}' must be a string.")
        return body


@dataclass(slots=True)
class Answer:
    """What Graph answers: a JSON body, plain text, or nothing."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


def counted(call: Call) -> bool:
    """Return whether a count is wanted; without the header that is refused or passed over, as assumed."""
    wanted = call.options.get("$count", "").lower() == "true"
    if wanted and not call.eventual and call.tenant.assume["count_without_header"] == "refused":
        raise odata.unsupported("$count is not supported without the header ConsistencyLevel: eventual.")
    return wanted and call.eventual


def plain(path: str) -> str:
    """Return the path with keys as segments: OData writes `/users('id')` and `/users/id` alike; `//` is `/`."""
    return _SLASHES.sub("/", _KEY.sub(lambda key: "/" + re.sub(r"''|%27%27", "%27", key[1]), path))


def option(name: str) -> str:
    """Return a query option as Graph writes it."""
    return odata.canonical("$" + name.removeprefix("$"), _OPTIONS) or name


def metadata(call: Call) -> str:
    """Return how much OData is to say of itself: minimal, or none; refuse what is not served."""
    accepted = call.headers.get("accept", "")
    said = _METADATA.search(f"{call.options.get('$format', '')};{accepted}")
    wanted = said[1].lower() if said else "minimal"
    form = call.options.get("$format", "json").partition(";")[0].lower()
    if form not in ("json", "application/json") or wanted not in ("minimal", "none"):
        asked = f"$format={form}" if wanted in ("minimal", "none") else f"odata.metadata={wanted}"
        raise Refusal(
            501, "notImplemented", f"The demo tenant does not implement {asked} on {call.method} {call.path}."
        )
    return wanted


def bare(body: Any) -> Any:
    """Return an answer without what OData says of itself, but for links and counts (odata.metadata=none)."""
    if isinstance(body, list):
        return [bare(item) for item in body]
    if not isinstance(body, dict):
        return body
    kept = ("@odata.nextLink", "@odata.deltaLink", "@odata.count")
    return {name: bare(value) for name, value in body.items() if "@odata." not in name or name in kept}


def chosen(call: Call, known: Iterable[str], kind: str) -> tuple[str, ...] | None:
    """Return the properties that `$select` names, as they are written, or None when it names none."""
    said = call.options.get("$select")
    if said is None or said.strip() == "*":
        return None
    wanted = []
    for name in (part.strip() for part in said.split(",")):
        found = odata.canonical(name, known)
        if found is None and (
            call.version == "beta" or odata.canonical(name, ELSEWHERE.get(kind, ())) or odata.EXTENSION.fullmatch(name)
        ):
            # Beta's types have more than anybody lists.
            what = f"$select={name} on {call.method} {call.path}"
            raise Refusal(501, "notImplemented", f"The demo tenant does not implement {what}.")
        if found is None:
            raise Refusal(400, "BadRequest", f"{NO_PROPERTY} '{name}' on type 'microsoft.graph.{kind}'.")
        wanted.append(found)
    return tuple(dict.fromkeys(wanted))


def function_arguments(call: Call) -> str:
    """Return the path with the spellings that OData allows made one.

    A function without parameters, a cast (the SDK writes the shorter one), the order and encoding of arguments; the
    SDK's builders for Python leave the comma out between two arguments.
    """
    path = _NAMESPACED.sub(_plain_name, call.path.rstrip("/").removesuffix("()"))
    if not path.endswith(")"):
        return path
    where, _, said = path.partition("(")
    named = _ARGUMENT.findall(unquote(said))
    if "," not in unquote(said) and len(named) > 1 and call.tenant.assume["arguments_without_comma"] == "refused":
        raise Refusal(400, "BadRequest", f"Syntax error: a comma is missing in '({unquote(said)}'.")
    pairs = [f"{name}='{quote(value)}'" for name, value in sorted(named, reverse=True)]
    return f"{where}({','.join(pairs)})" if pairs else path


def _plain_name(found: re.Match[str]) -> str:
    """Return a type with its namespace, and a function or action without."""
    return f"/microsoft.graph.{found[1]}" if odata.canonical(found[1], OBJECT_TYPES) else f"/{found[1]}"


def no_such(key: str) -> str:
    """Return Graph's text for an object that is not there."""
    return f"Resource '{key}' does not exist or one of its queried reference-property objects are not present."


def refuse_options(call: Call, *known: str) -> dict[str, str]:
    """Return the query options; 501 for one the demo tenant does not implement."""
    options = call.options
    for name in options:
        if name not in known and name != "$format":
            raise Refusal(
                501, "notImplemented", f"The demo tenant does not implement {name} on {call.method} {call.path}."
            )
    return options


def paged(call: Call, rows: Sequence[Any], what: str, render: Callable[[Any], Any], sizes: tuple[int, int]) -> Answer:
    """Return one page of `rows`, rendered, with the link to the next; `sizes` are the default and the largest page."""
    if call.number:
        return Answer(body=str(len(rows)), headers={"Content-Type": "text/plain"})
    options = call.options
    size = odata.page_size(options.get("$top"), *sizes)
    start, continued = odata.read_token(options["$skiptoken"]) if "$skiptoken" in options else (0, False)
    counting = counted(call)
    advanced = counting or "$search" in options
    if continued and not call.eventual:
        # The header is not remembered by the link: it has to come with every page.
        raise odata.unsupported("This page belongs to an advanced query: send ConsistencyLevel: eventual again.")
    body: dict[str, Any] = {"@odata.context": call.context(what)}
    if counting and not start:
        body["@odata.count"] = len(rows)
    if start + size < len(rows):
        body["@odata.nextLink"] = call.next_link(odata.page_token(start + size, advanced=advanced))
    body["value"] = [render(row) for row in rows[start : start + size]]
    return Answer(body=body)
