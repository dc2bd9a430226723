"""YAML files of parameters: strict where YAML is lax, and silent about what a line holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from authops.words.errors import ParameterError
from authops.words.redaction import mask_numbers


class _Twice(yaml.YAMLError):
    """Two equal keys."""


class _Loader(yaml.SafeLoader):
    """YAML that does not silently let the last of two equal keys win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = sorted({str(key) for key in keys if keys.count(key) > 1})
        if twice:
            raise _Twice(mask_numbers(f"{', '.join(twice)} stands there twice"))
        return super().construct_mapping(node, deep)


def read(path: Path, *, remedy: str) -> Any:
    """What the file says. Raises `ParameterError`, with the remedy where its text is at fault; also for equal keys."""
    try:
        return yaml.load(path.read_text("utf-8"), _Loader)  # noqa: S506 - a SafeLoader
    except OSError as error:
        raise ParameterError(f"{path} cannot be read: {error.strerror}", remedy="check the path") from error
    except UnicodeDecodeError:
        raise ParameterError(f"{path} is not UTF-8", remedy="save it as UTF-8") from None
    except yaml.YAMLError as error:
        # Its text repeats the line, which may hold what must not be repeated; what stands there twice is a name.
        line = getattr(getattr(error, "problem_mark", None), "line", -1) + 1
        where = f": {error}" if isinstance(error, _Twice) else f", line {line}"
        raise ParameterError(f"{path} is not valid YAML{where}", remedy=remedy) from None
