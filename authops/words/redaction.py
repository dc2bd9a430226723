"""What may not be published, found and masked: full numbers, tokens, keys, certificates, secrets.

Shapes are looked for (the list below), and what a run knows: the numbers of its plan, the secrets of its environment.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

# Tokens are JWTs, Entra's client secrets carry "Q~" behind a digit; the rest is where secrets travel.
# No shape looks twice at the same characters, whatever a page holds: a token's head is looked at up to the next eyJ.
SECRETS: Final = {
    "token": r"eyJ(?:(?!eyJ)[\w-])*+\.[\w-]{8,}(?:\.[\w-]*)?|(?i:\bbearer\s+[\w.~+/=-]{20,})",
    "private key": r"-----BEGIN (?P<key>[A-Z0-9 ]*PRIVATE KEY)-----[\s\S]*?(?:-----END (?P=key)-----|\Z)",
    "certificate": r"-----BEGIN CERTIFICATE-----[\s\S]*?(?:-----END CERTIFICATE-----|\Z)",
    "client secret": r"(?<![\w~.-])[\w~.-]{3}\dQ~[\w~.-]{31,34}(?![\w~.-])",
    "webhook": r"https://(?:hooks\.slack\.com|[\w.-]*webhook\.office\.com|[\w.-]+\.(?:logic\.azure|powerplatform)\.com)"
    r"[^\s\"'<>\\]*",
    "signature": r"(?i)(?<=[?&])(?:sig|code|token|access_token|client_secret|client_assertion)=[^&\s\"'<>\\]{8,}",
    "password": r"(?<=://)[^\s/:@\"'<>]+:[^\s/@\"'<>]+(?=@)|(?i:(?<=password=)[^\s;\"'<>&]{4,})",
}
_SECRETS: Final = {kind: re.compile(pattern) for kind, pattern in SECRETS.items()}
# Cheap to look for; a text without any of them holds none of the above.
_HINT: Final = re.compile(
    r"eyJ|-----BEGIN|Q~|https://|(?i:bearer\s|password=|[?&](?:sig|code|token|access_|client_))|://"
)
_INTERNATIONAL: Final = re.compile(r"\+\d[\d ().\-/]{4,}\d")
_NATIONAL: Final = re.compile(r"(?<![\w.+*/-])(?:00[1-9]\d{8,13}|\(?0[1-9]\d{0,4}\)?[ -]?\d{5,8})(?![\w.*-])")
_PAIRS: Final = re.compile(r"(?<![\w.+*/:-])0[1-9]\d{0,3}([ .-])\d{2,4}(?:\1\d{2,4}){1,3}(?![\w.:*-])")
_DIGITS: Final = re.compile(r"(?<![\w.+*])\(?\d[\d ().\-/]{5,}\d(?![\w*])")
_ALONE: Final = re.compile(r"['+]?[0-9][0-9 ().\-/]{4,}")
_RUN: Final = re.compile(r"(?<!\*)\d(?:[ \u00a0().\-/]{0,2}\d){6,}")
# A user's name or object id: digits in it are its own.
_A_NAME: Final = re.compile(r"[^\s@,;|]+@[\w.-]+|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_OPEN: Final = ("pass from ",)
# A word of Graph's, or since when sessions count; and what says which of many it is, with Graph's id.
_STATE: Final = re.compile(r"[A-Za-z]+|(revoked after )?(always|\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d))")
_DEVICE: Final = re.compile(r".* #[^\s#]+")
_LONGEST: Final = 120
_SHOWN: Final = 3
_DIFFERING: Final = 2
_SECRET_NAME: Final = re.compile(r"secret|passw|passphrase|_pwd?$|token|api.?key|private.?key|webhook", re.IGNORECASE)
_NOT_TEXT: Final = ("image/png", "image/jpeg", "image/gif", "application/pdf", "application/octet-stream")
_CODE: Final = 5  # digits that may stand before a known national number: 00 and a country code


def secret(text: str) -> str:
    """Which kind of secret a text holds, by its shape; "" for none."""
    return next((kind for kind, shape in _SECRETS.items() if shape.search(text)), "")


# How everybody writes the name of a variable, and of a file of ours: anything else may be a secret in the wrong place.
VARIABLE: Final = re.compile(r"[A-Z][A-Z0-9_]*")
_OUR_FILE: Final = re.compile(r"[\w .$@{}~:/\\-]+\.(?:pem|pfx|p12|cer|crt|key|ya?ml)", re.IGNORECASE)
_NAME: Final = re.compile(r"[a-z][a-z_-]{0,39}")


def the_variable(name: str, where: str) -> str:
    """A variable in a message: by its name, or by `where` it is named when that may be what it should hold."""
    return f"the variable {name}" if VARIABLE.fullmatch(name) else f"the variable that {where} names"


def the_file(path: str) -> str:
    """A file in a message; "" for what does not look like one of ours."""
    return path if _OUR_FILE.fullmatch(path) else ""


def the_name(word: str, known: Iterable[str]) -> str:
    """A name in a message, quoted: a plain one, or one that is close to what there is; "" for anything else."""
    return repr(word) if _NAME.fullmatch(word) or difflib.get_close_matches(word, list(known), n=1) else ""


# More than the name of one person: an address with something beside it.
_SEVERAL: Final = re.compile(r"@.*[\s,;|<>()@]|[\s,;|<>()].*@", re.DOTALL)
_ADDRESS: Final = re.compile(r"[^\s,;|<>()@:\"]+@[^\s,;|<>()@:\"]+")


def mask(value: str) -> str:
    """`+31 612345678` → `+31 ******678`; an address keeps its first letter and its domain. Length is kept.

    What says of a pass when it serves and to whom it goes is no number, and holds no code.
    """
    if value.startswith(_OPEN):
        return value
    if "@" in value:
        local, _, domain = value.rpartition("@")
        return f"{local[:1]}{'*' * max(len(local) - 1, 2)}@{domain}"
    code, space, rest = value.partition(" ") if re.match(r"\+[0-9]{1,3} ", value) else ("", "", value)
    keep = _SHOWN if len(rest) > 2 * _SHOWN else 0
    return code + space + "*" * (len(rest) - keep) + (rest[-keep:] if keep else "")


def mask_value(value: str) -> str:
    """A value as plan and journal hold it: numbers and addresses masked, open what says which device or state it is."""
    if value.startswith(_OPEN) or _STATE.fullmatch(value):
        return value
    return mask_numbers(value) if _DEVICE.fullmatch(value) else mask(value)


def mask_pair(before: str, after: str) -> tuple[str, str]:
    """Two values masked. Where the masks are alike and the values are not, the first characters that differ are shown.

    `+33 612345810`, `+33 698345810` → `+33 *12***810`, `+33 *98***810`.
    """
    masked = mask_value(before), mask_value(after)
    if before == after or masked[0] != masked[1] or {len(before), len(after)} != {len(masked[0])}:
        return masked
    shown = [at for at, (a, b) in enumerate(zip(before, after, strict=True)) if a != b][:_DIFFERING]
    one, other = (
        "".join(c if at in shown else hidden for at, (c, hidden) in enumerate(zip(value, masked[0], strict=True)))
        for value in (before, after)
    )
    return one, other


def mask_numbers(words: str) -> str:
    """A sentence with every phone number in it masked: +CC, 00CC, or with a national zero."""
    words = _INTERNATIONAL.sub(lambda match: mask(match[0]), words)
    return _PAIRS.sub(_national, _NATIONAL.sub(_national, words))


def mask_cell(cell: str) -> str:
    """A cell that should hold no number, masked where it does (columns are sometimes shifted), cut when too long.

    An address is somebody's name where it stands alone. What a terminal would obey is not in it.
    """
    cell = "".join("\ufffd" if unicodedata.category(c) == "Cc" else c for c in cell)
    said = mask(cell) if _ALONE.fullmatch(cell) else mask_numbers(cell)
    if not _A_NAME.fullmatch(cell):
        said = _RUN.sub(lambda match: mask(match[0]), said)
    if _SEVERAL.search(cell):
        said = _ADDRESS.sub(lambda match: mask(match[0]), said)
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]}…"


def _national(match: re.Match[str]) -> str:
    digits = sum(c.isdigit() for c in match[0])
    return mask(match[0]) if 9 <= digits <= 11 or match[0].startswith("00") else match[0]


@dataclass(frozen=True)
class Scanner:
    """Masks what a text may not hold. `numbers`: national numbers, digits only, that are known; `secrets`: known ones.

    `reveal` leaves numbers as they are, since they were asked for; secrets never.
    """

    numbers: frozenset[str] = frozenset()
    secrets: tuple[str, ...] = ()
    reveal: bool = False

    @classmethod
    def knowing(cls, values: Iterable[str], secrets: Iterable[str] = (), *, reveal: bool = False) -> Scanner:
        """A scanner that knows these numbers (`+CC NNN`; others are ignored) and these secrets."""
        spelled = (value.partition(" ")[2].partition("x")[0] for value in values if value.startswith("+"))
        numbers = frozenset(n for n in ("".join(c for c in s if c.isdigit()) for s in spelled) if len(n) >= 7)
        return cls(numbers, tuple(sorted({s for s in secrets if len(s) >= 6}, key=len, reverse=True)), reveal)

    def text(self, words: str, found: Counter[str] | None = None) -> str:
        """The text with all of it masked; `found` counts what was, by kind."""
        found = Counter() if found is None else found
        for known in self.secrets:
            if known in words:
                found["secret"] += words.count(known)
                words = words.replace(known, "‹secret masked›")
        if _HINT.search(words):
            for kind, shape in _SECRETS.items():
                words, count = shape.subn(f"‹{kind} masked›", words)
                found[kind] += count
        return words if self.reveal else self._without_numbers(words, found)

    def _without_numbers(self, words: str, found: Counter[str]) -> str:
        def known(match: re.Match[str]) -> str:
            return mask(match[0]) if self._known("".join(c for c in match[0] if c.isdigit())) else match[0]

        def counted(shape: re.Pattern[str], masked: Any, text: str) -> str:
            def one(match: re.Match[str]) -> str:
                new = masked(match)
                found["number"] += new != match[0]
                return str(new)

            return shape.sub(one, text)

        words = counted(_INTERNATIONAL, lambda match: mask(match[0]), words)
        words = counted(_PAIRS, _national, counted(_NATIONAL, _national, words))
        return counted(_DIGITS, known, words) if self.numbers else words

    def _known(self, digits: str) -> bool:
        return any(digits[before:] in self.numbers for before in range(min(_CODE, len(digits)) + 1))

    def tree(self, value: Any, found: Counter[str] | None = None) -> Any:
        """The same for everything in a JSON value but pictures."""
        if isinstance(value, str):
            return self.text(value, found)
        if isinstance(value, Mapping):
            return {k: v if k in _NOT_TEXT else self.tree(v, found) for k, v in value.items()}
        if isinstance(value, list):
            if _is_lines(value):
                return self.text("".join(value), found).splitlines(keepends=True)
            return [self.tree(v, found) for v in value]
        return value


def _is_lines(value: list[Any]) -> bool:
    """A notebook holds a text as a list of lines; a key stands on several."""
    return len(value) > 1 and all(isinstance(v, str) for v in value) and all(v.endswith("\n") for v in value[:-1])


def secrets_of(environ: Mapping[str, str]) -> set[str]:
    """What the environment holds under a name that says secret, password, token …; paths are none."""
    named = (value for name, value in environ.items() if _SECRET_NAME.search(name))
    return {value for value in named if len(value) >= 8 and not value.startswith(("/", "\\", "C:"))}


def said(found: Mapping[str, int]) -> str:
    """What was masked, in words: `3 numbers, 1 token`; "" for nothing."""
    parts = [f"{n:,} {kind}{'s' * (n != 1)}" for kind, n in sorted(found.items()) if n]
    return ", ".join(parts)
