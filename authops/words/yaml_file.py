"""YAML files of parameters: strict where YAML is lax, and silent about what a line holds."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any, ClassVar, Final

import yaml

from authops.words.errors import ParameterError
from authops.words.redaction import mask_numbers


class _Twice(yaml.YAMLError):
    """Two equal keys."""


class _Escaped(yaml.YAMLError):
    """A backslash in double quotes that became a tab, a line break or the like."""


class _Grown(yaml.YAMLError):
    """Aliases that stand for very many values, or for themselves."""


# Some thousands of tenants that share their parameters by an alias stay far below.
_MOST_BY_ALIAS: Final = 100_000
_WRITE_OUT: Final = "write the values out instead of &name and *name, and find out who wrote the file"
_BACKSLASH: Final = "in double quotes a backslash begins an escape: write single quotes, or / in a path"


class _Strict(yaml.SafeLoader):
    """YAML that does not silently let the last of two equal keys win, nor make a tab of a path's backslash."""

    def get_single_node(self) -> yaml.Node | None:
        node = super().get_single_node()
        if node is not None:
            sizes: dict[int, int] = {}
            if _size(node, sizes, frozenset()) > len(sizes) + _MOST_BY_ALIAS:
                raise _Grown(f": its aliases stand for more than {_MOST_BY_ALIAS:,} values")
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = sorted({str(key) for key in keys if keys.count(key) > 1})
        if twice:
            raise _Twice(mask_numbers(f"{', '.join(twice)} stands there twice"))
        return super().construct_mapping(node, deep)

    def construct_scalar(self, node: Any) -> Any:
        if (
            isinstance(node, yaml.ScalarNode)
            and node.style == '"'
            and any(unicodedata.category(c) == "Cc" for c in node.value)
        ):
            raise _Escaped(f", line {node.start_mark.line + 1}: a text holds a tab, a line break or the like")
        return super().construct_scalar(node)


def _size(node: yaml.Node, known: dict[int, int], above: frozenset[int]) -> int:
    """How many values a node is once every alias is written out; each node is looked at once, and kept in `known`."""
    if id(node) in above:
        raise _Grown(": an alias stands for something that holds it")
    if id(node) not in known:
        inside = node.value if isinstance(node, yaml.CollectionNode) else []
        parts = [part for pair in inside for part in pair] if isinstance(node, yaml.MappingNode) else inside
        known[id(node)] = 1 + sum(_size(part, known, above | {id(node)}) for part in parts)
    return known[id(node)]


class _Texts(_Strict):
    """Each scalar as the text that stands there."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}  # type: ignore[misc]


def read(path: Path, *, remedy: str) -> Any:
    """What the file says. Raises `ParameterError`, with the remedy where its text is at fault; also for equal keys."""
    return _read(path, _Strict, remedy)


def read_texts(path: Path, *, remedy: str) -> Any:
    """The same, every scalar as it is written: NO, yes, 01 and 2026-11-26 are texts, and nothing is an empty one."""
    return _read(path, _Texts, remedy)


def of_text(text: str) -> Any:
    """What a text that stands for one value says; itself where it is no YAML, or may not be one."""
    try:
        return yaml.load(text, _Strict)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError):
        return text


def _read(path: Path, loader: type[_Strict], remedy: str) -> Any:
    try:
        return yaml.load(path.read_text("utf-8"), loader)  # noqa: S506 - a SafeLoader
    except OSError as error:
        raise ParameterError(f"{path} cannot be read: {error.strerror}", remedy="check the path") from error
    except UnicodeDecodeError:
        raise ParameterError(f"{path} is not UTF-8", remedy="save it as UTF-8") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # Its text repeats the line, which may hold what must not be repeated; what stands there twice is a name.
        line = getattr(getattr(error, "problem_mark", None), "line", -1) + 1
        said_so = isinstance(error, _Escaped | _Grown)
        where = str(error) if said_so else f": {error}" if isinstance(error, _Twice) else ""
        escape = isinstance(error, _Escaped) or "escape" in str(getattr(error, "problem", ""))
        said = f"{path} is not valid YAML{where or f', line {line}'}"
        own = _BACKSLASH if escape else _WRITE_OUT if isinstance(error, _Grown) else remedy
        raise ParameterError(said, remedy=own) from None
