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


_BACKSLASH: Final = "in double quotes a backslash begins an escape: write single quotes, or / in a path"


class _Strict(yaml.SafeLoader):
    """YAML that does not silently let the last of two equal keys win, nor make a tab of a path's backslash."""

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


class _Texts(_Strict):
    """Each scalar as the text that stands there."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}  # type: ignore[misc]


def read(path: Path, *, remedy: str) -> Any:
    """What the file says. Raises `ParameterError`, with the remedy where its text is at fault; also for equal keys."""
    return _read(path, _Strict, remedy)


def read_texts(path: Path, *, remedy: str) -> Any:
    """The same, every scalar as it is written: NO, yes, 01 and 2026-11-26 are texts, and nothing is an empty one."""
    return _read(path, _Texts, remedy)


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
        where = str(error) if isinstance(error, _Escaped) else f": {error}" if isinstance(error, _Twice) else ""
        escape = isinstance(error, _Escaped) or "escape" in str(getattr(error, "problem", ""))
        said = f"{path} is not valid YAML{where or f', line {line}'}"
        raise ParameterError(said, remedy=_BACKSLASH if escape else remedy) from None
