"""What one answer says of a person's methods: each kind's value, or why it is not known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote

from authops.graph.answer import Answer, Request, about, text
from authops.graph.client import Graph
from authops.methods.kind import Kind
from authops.methods.kinds import KINDS, by_id
from authops.words.errors import GraphError

# A method that is there while its value is not shown: as good as masked.
UNSHOWN: Final = "*"
_MASKED: Final = (
    "Graph showed a masked number; sign in as an application, or as Privileged Authentication Administrator"
)
Slot = tuple[str, str]


def user_of(request: Request) -> str:
    """The user a request is about: `/users/ID/…`."""
    return unquote(request.path.split("/", 3)[2].partition("?")[0])


async def told(graph: Graph, answer: Answer, kinds: Sequence[Kind]) -> tuple[dict[Slot, str], str]:
    """Method and id → value, and why they are not known: what is no list is not "none", nor is somebody else's."""
    if not about(answer.body, user_of(answer.request)):
        return {}, "the answer is about somebody else"
    try:
        items = [_entity(answer)] if kinds[0].entity else await graph.items(answer)
    except GraphError as error:
        return {}, str(error)
    if any(_nameless(item, kinds) for item in items):
        return {}, "the answer holds a method without its id, which may be any"
    return _shown(items, kinds), ""


def _entity(answer: Answer) -> dict[str, Any]:
    if answer.status != 200 or not answer.body:
        raise answer.error or GraphError("the answer is no entity", status=answer.status)
    return answer.body


def _shown(items: Sequence[Mapping[str, Any]], kinds: Sequence[Kind]) -> dict[Slot, str]:
    """Method and id → value. Listed twice, or under the id of one kind and the type of another, it is not shown."""
    found: dict[Slot, str] = {}
    for item in items:
        for kind in kinds:
            claimed, meant = _claims(item), kind.within or kind.name
            if (here := _is_here(kind, item)) or claimed == meant:
                slot = kind.name, text(item, "id") if kind.many else ""
                clear = slot not in found and here and claimed in ("", meant) and kind.tells(item)
                found[slot] = kind.value(item) if clear else UNSHOWN
    return found


def slots(kinds: Sequence[Kind], values: Mapping[Slot, str]) -> list[Slot]:
    """Each kind, and each of many; one that cannot be told leaves its kind not known."""
    return [slot for kind in kinds for slot in ((kind.name, ""), *(s for s in values if s[0] == kind.name and s[1]))]


def _is_here(kind: Kind, item: Mapping[str, Any]) -> bool:
    """Whether an item of the kind's own collection is of it; one whose ids are its own is not told apart there."""
    return kind.is_in(item) or not (kind.method_id or kind.many or text(item, "@odata.type"))


def _claims(item: Mapping[str, Any]) -> str:
    """The kind that a phone says it is, among those we know."""
    said = text(item, "phoneType")
    return said if KINDS.get(said) else ""


def _nameless(item: Mapping[str, Any], kinds: Sequence[Kind]) -> bool:
    """No kind's id, and no type of its own either, or another's: it may be any."""
    if kinds[0].entity:
        return False
    if kinds[0].many:
        return not (text(item, "id") and text(item, "@odata.type"))
    if not all(kind.method_id for kind in kinds):
        return not text(item, "id") or text(item, "@odata.type") not in ("", *(kind.graph_type for kind in kinds))
    return not text(item, "phoneType") and text(item, "id").casefold() not in by_id()


def states(user: str, items: Sequence[Mapping[str, Any]], kinds: Sequence[Kind], error: str) -> list[dict[str, Any]]:
    """CURRENT rows of one person, out of all their methods in one list; nothing is told of the default."""
    values = {} if error else _shown(items, kinds)
    rest = {"is_default": False, "others": -1}
    return [state(user, *slot, values, error) | rest for slot in slots(kinds, values)]


def state(user: str, method: str, method_id: str, values: dict[Slot, str], error: str) -> dict[str, Any]:
    """The CURRENT row of one method, without what is told of the default."""
    kind = KINDS[method]
    value = values.get((method, method_id), "")
    if value and (value == UNSHOWN or not kind.whole(value)):
        error = _MASKED if kind.family == "value" else "the answer does not tell it"
    who = {"user_id": user, "method": method, "method_id": method_id}
    return who | {"known": not error, "value": "" if error else value, "error": error}
