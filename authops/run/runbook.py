"""The runbooks (notebooks) and their parameters: found, declared, checked, merged; nothing is run here.

Order of precedence: the notebook's own default, `parameters/<runbook>.yaml`, `-f FILE`, `-p NAME VALUE`.
"""

from __future__ import annotations

import ast
import difflib
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from authops.words import limits, yaml_file
from authops.words.errors import ParameterError, UsageError
from authops.words.places import project
from authops.words.redaction import VARIABLE, mask_numbers, secret

RUNBOOKS: Final = {
    "tour": "0_tour.ipynb",
    "story": "0_story.ipynb",
    "audit": "1_audit.ipynb",
    "preview": "2_preview.ipynb",
    "apply": "3_apply.ipynb",
    "verify": "4_verify.ipynb",
    "undo": "5_undo.ipynb",
    "campaign": "6_campaign.ipynb",
    "retirement": "7_retirement.ipynb",
    "passes": "8_passes.ipynb",
    "cleanup": "9_cleanup.ipynb",
}
WHOLE_JOB: Final = ("audit", "preview", "apply", "verify")
_SET_BY_RUNNER: Final = ("run_dir",)
_NUMBERS: Final = ("int", "float", "Optional[int]", "Optional[float]")
# Parameters that may be paths; what else they may be.
FILES: Final[Mapping[str, Callable[[str], bool]]] = {
    "connection": lambda text: text.endswith((".yaml", ".yml")),
    "source": lambda text: text not in ("", "profile"),
    "mapping": lambda text: text.endswith((".yaml", ".yml")),
    "scope_file": bool,
    "snapshots": bool,
    "prices": bool,
}
_LOOKS_LIKE_NUMBER: Final = re.compile(r"\+?[(]?[0-9][0-9 ()./-]{7,}")
_LOOKS_LIKE_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}|\d{8}")
_OBJECT_ID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LOOKS_SECRET: Final = re.compile(r"secret|passw|passphrase|token|private.?key|api.?key|credential", re.IGNORECASE)
_BIG: Final = 10**8  # a whole number with nine digits is a phone number whose + was read away


@dataclass(frozen=True)
class Parameter:
    """One declared parameter: `kind` is its annotation, `choices` the allowed values from its comment (or empty)."""

    name: str
    kind: str
    default: Any
    help: str
    choices: tuple[str, ...]


def notebook(runbook: str) -> Path:
    """The notebook of a runbook. Raises `ParameterError` for an unknown name."""
    if runbook not in RUNBOOKS:
        close = difflib.get_close_matches(runbook, RUNBOOKS, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(RUNBOOKS)}"
        raise ParameterError(f"no runbook named {runbook!r}", remedy=hint)
    return project() / "notebooks" / RUNBOOKS[runbook]


def declared(runbook: str) -> dict[str, Parameter]:
    """The parameters a notebook declares in its tagged cell, by name. Raises `UsageError` when there are none."""
    path = notebook(runbook)
    try:
        return _declared(json.loads(path.read_text("utf-8"))["cells"])
    except (OSError, ValueError, KeyError, SyntaxError, StopIteration) as error:
        where = f", line {error.lineno} of its parameters" if isinstance(error, SyntaxError) else ""
        raise UsageError(
            f"{path} cannot be read as a runbook ({type(error).__name__}{where}); nothing was run",
            remedy="put the notebook back as it was, its cell of parameters as well",
        ) from error


def _declared(cells: list[dict[str, Any]]) -> dict[str, Parameter]:
    source = next("".join(c["source"]) for c in cells if "parameters" in c["metadata"].get("tags", []))
    lines = source.splitlines()
    found = [n for n in ast.parse(source).body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)]
    return {p.name: p for p in (_parameter(node, lines[node.lineno - 1 : node.end_lineno]) for node in found)}


def _parameter(node: ast.AnnAssign, lines: Sequence[str]) -> Parameter:
    assert isinstance(node.target, ast.Name)
    assert node.value is not None
    comment = next((line.partition("  # ")[2].strip() for line in lines if "  # " in line), "")
    words = [word.strip() for word in comment.rpartition(": ")[2].split(" | ")]
    choices = tuple(words) if len(words) > 1 and all(re.fullmatch(r"[\w-]+", w) for w in words) else ()
    kind = ast.unparse(node.annotation).strip("'\"")
    return Parameter(node.target.id, kind, ast.literal_eval(node.value), comment, choices)


def explained(runbook: str) -> list[tuple[str, str]]:
    """Each parameter with its meaning, and what it is when nothing is said; for the command line's help."""
    told = []
    usual = {**{n: p.default for n, p in declared(runbook).items()}, **effective([runbook])[runbook]}
    for name, parameter in declared(runbook).items():
        if name not in _SET_BY_RUNNER:
            shown = json.dumps(usual[name], ensure_ascii=False) if usual[name] != "" else "empty"
            told.append((name, f"{parameter.help or ' | '.join(parameter.choices)}  [{shown}]"))
    return told


def effective(
    runbooks: Sequence[str],
    files: Sequence[Path] = (),
    pairs: Sequence[tuple[str, str]] = (),
    kept: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> dict[str, dict[str, Any]]:
    """Runbook → its parameters, all checked. Raises one `ParameterError` that lists everything wrong.

    `kept`: runbook → what an earlier attempt in its run was given, which a resume goes on with.
    """
    known = {runbook: declared(runbook) for runbook in RUNBOOKS}
    everywhere = {name: p for ps in known.values() for name, p in ps.items() if name not in _SET_BY_RUNNER}
    here = {name: p for rb in runbooks for name, p in known.get(rb, declared(rb)).items() if name not in _SET_BY_RUNNER}
    wrong: list[str] = []
    chosen: dict[str, Any] = {}
    for file in files:
        chosen |= _beside(file, _checked(_load(file, everywhere).items(), everywhere, f"in {file.name}", wrong))
    chosen |= _checked(_parsed(pairs, here), here, "on the command line", wrong)
    defaults = {
        rb: _beside(file, _checked(_load(file, known[rb]).items(), known[rb], f"in {file.name}", wrong))
        for rb, file in ((rb, _defaults(rb)) for rb in runbooks)
    }
    before = {rb: _kept(kept.get(rb, {}), known[rb], wrong) for rb in runbooks}
    if wrong:
        raise ParameterError("; ".join(wrong), remedy="nothing was run; see docs/reference.md for all parameters")
    return {rb: defaults[rb] | before[rb] | {k: v for k, v in chosen.items() if k in known[rb]} for rb in runbooks}


def refuse_wrong(runbook: str, given: Mapping[str, Any]) -> None:
    """What a person changed in a notebook's own cell of parameters, looked at like any other before anything is read.

    Nothing is where not all of them are there: the cell is another notebook's. Raises one `ParameterError`.
    """
    known = {name: p for name, p in declared(runbook).items() if name not in _SET_BY_RUNNER}
    wrong: list[str] = []
    if known.keys() <= given.keys():
        _checked(((name, given[name]) for name in known), known, "in the cell of parameters", wrong)
    if wrong:
        raise ParameterError("; ".join(wrong), remedy="nothing was read; see docs/reference.md for all parameters")


def _kept(kept: Mapping[str, Any], known: Mapping[str, Parameter], wrong: list[str]) -> dict[str, Any]:
    """What a run kept of what it was given, looked at like what is given now: somebody may have edited it."""
    given = {k: v for k, v in kept.items() if k not in _SET_BY_RUNNER and (k in known or k != "connection")}
    return _checked(given.items(), known, "in parameters.json of the run", wrong)


def _defaults(runbook: str) -> Path:
    return project() / "parameters" / f"{runbook}.yaml"


def _load(path: Path, known: Mapping[str, Parameter]) -> dict[str, Any]:
    remedy = "one `name: value` to a line, texts in quotes"
    content = yaml_file.read(path, remedy=remedy) or {}
    if not isinstance(content, dict):
        raise ParameterError(f"{path} holds no parameters", remedy="write one `name: value` to a line")
    return _as_written(content, yaml_file.read_texts(path, remedy=remedy), known)


def as_written(values: Mapping[str, Any], texts: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of any runbook out of YAML: where one is a text, `NO` and `0123` are what stands there."""
    return _as_written(values, texts, {name: p for runbook in RUNBOOKS for name, p in declared(runbook).items()})


def _as_written(values: Mapping[str, Any], texts: Mapping[str, Any], known: Mapping[str, Parameter]) -> dict[str, Any]:
    kinds = {name: parameter.kind for name, parameter in known.items()}
    return {name: _written(value, texts.get(name), kinds.get(name, "")) for name, value in values.items()}


def _written(value: Any, text: Any, kind: str) -> Any:
    if kind == "str" and isinstance(text, str) and text and value is not None:
        return text
    if kind == "list[str]" and isinstance(value, list) and isinstance(text, list):
        return [_written(one, said, "str") for one, said in zip(value, text, strict=True)]
    return value


def is_file(name: str, text: Any) -> bool:
    """Whether a parameter's text is the path of a file, rather than nothing or a word."""
    return isinstance(text, str) and FILES[name](text)


def _beside(path: Path, chosen: dict[str, Any]) -> dict[str, Any]:
    """A file is relative to the one that names it."""
    files = {name: text for name, text in chosen.items() if name in FILES and is_file(name, text)}
    return chosen | {name: str((path.resolve().parent / text).resolve()) for name, text in files.items()}


def _parsed(pairs: Iterable[tuple[str, str]], known: Mapping[str, Parameter]) -> list[tuple[str, Any]]:
    """Command-line texts as values of the declared kind; texts that do not fit stay texts and are refused later."""
    return [(name, _of_kind(text, known[name].kind) if name in known else text) for name, text in pairs]


def _of_kind(text: str, kind: str) -> Any:
    if kind == "list[str]":
        return [part.strip() for part in text.split(",") if part.strip()]
    return text if kind == "str" else yaml_file.of_text(text)


def _checked(
    values: Iterable[tuple[str, Any]], known: Mapping[str, Parameter], where: str, wrong: list[str]
) -> dict[str, Any]:
    good = {}
    for name, value in values:
        problem = _problem(name, value, known)
        if problem:
            wrong.append(f"{problem} ({where})")
        elif name not in _SET_BY_RUNNER:
            good[name] = value
    return good


def forbidden(name: Any, value: Any) -> str:
    """Why a parameter may be kept nowhere, whatever its name: it holds a secret or a number; "" when it does not."""
    if not isinstance(name, str):
        return "a name of a parameter is no text"
    hides = _LOOKS_SECRET.search(name) and not (name.endswith("_env") and _is_variable(value))
    if hides or any(secret(text) for text in (name, *_texts(value))):
        return f"{name if not secret(name) else 'a parameter'} looks like a secret; secrets are never parameters"
    if any(_is_number(text) for text in (name, *_texts(value))):
        return f"{mask_numbers(name)} looks like a phone number; numbers come from files only"
    return ""


def _is_variable(value: Any) -> bool:
    """Whether a value is the name of a variable, as everybody writes them, or nothing yet: no password."""
    return isinstance(value, str) and (not value or bool(VARIABLE.fullmatch(value)))


def _problem(name: str, value: Any, known: Mapping[str, Parameter]) -> str:
    if said := forbidden(name, value):
        return said
    if name in _SET_BY_RUNNER:
        return "" if value == "" else f"{name} is set by the runner; use --run-dir"
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        return f"unknown parameter {name}" + (f", did you mean {close[0]}?" if close else "")
    if any(unicodedata.category(c) == "Cc" for text in _texts(value) for c in text):
        return f"{name} holds a tab, a line break or the like; a path takes single quotes, or /"
    if not _fits(value, known[name].kind):
        return f"{name} must be {known[name].kind}, not {type(value).__name__}"
    if known[name].kind in _NUMBERS and (said := limits.wrong(name, value)):
        return said
    if known[name].choices and str(value) not in known[name].choices:
        return f"{name} must be one of {', '.join(known[name].choices)}"
    return ""


def _texts(value: Any) -> Iterator[str]:
    """Every text in a value, however deep; whole numbers as the texts they may have been."""
    if isinstance(value, Mapping):
        value = [*value.keys(), *value.values()]
    if isinstance(value, (list, tuple, set)):
        for part in value:
            yield from _texts(part)
    elif isinstance(value, str) or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        yield str(value) if isinstance(value, str) or abs(value) < _BIG else f"+{abs(value):.0f}"


def _is_number(text: str) -> bool:
    """A phone number, alone or within more words; object ids and dates are none."""
    plain = text.strip()
    if _OBJECT_ID.fullmatch(plain) or _LOOKS_LIKE_DATE.fullmatch(plain):
        return False
    return bool(_LOOKS_LIKE_NUMBER.fullmatch(plain)) or mask_numbers(plain) != plain


def _fits(value: Any, kind: str) -> bool:
    if kind.startswith("Optional["):
        return value is None or _fits(value, kind[len("Optional[") : -1])
    if kind == "list[str]":
        return isinstance(value, list) and all(isinstance(v, str) for v in value)
    if kind == "float":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return type(value).__name__ == kind
