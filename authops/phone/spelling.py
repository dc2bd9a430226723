"""How people write a number: a cell's text → its digits and its extension. What may be more than one number is refused.

Nothing here knows a country: what the digits mean is for `readings` to say.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

_EXTENSION_WORDS: Final = (
    "x", "ext", "extn", "extension", "toestel", "tst", "poste", "interno", "ramal", "anexo", "wew", "доб",
)  # fmt: skip
_EXTENSION: Final = re.compile(
    rf"(?P<body>.*[0-9][ )]*?)[ ,;]*\(?(?:;ext=|\#|\b(?:{'|'.join(_EXTENSION_WORDS)})(?![^\W\d_])[.:]?"
    r"|(?<=[0-9])x(?:t\.?)?"
    r"|(?<=[0-9])ext(?:ension)?\.?)[ ]*(?P<extension>[0-9]{1,7})\)?",
    re.IGNORECASE,
)
_LONE_EXTENSION: Final = re.compile(r"(?:x|ext\.?|extension|toestel|tst\.?|#) *[0-9]{1,7}", re.IGNORECASE)
_DIRECT_DIAL: Final = re.compile(r"[0-9].*\b(?:durchwahl|dw|nebenstelle|nst|app)\b[.:]? *-?[0-9]+", re.IGNORECASE)
_PLAIN: Final = re.compile(r"\+?[0-9 ().\-/]+")
_MASKED: Final = re.compile(r"[*•●∙·…_#]|[xX]{2,}|\.{2,}|-{3,}|[.\-]{2,}$")
_SEVERAL_LINES: Final = re.compile(r"[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]")
_DATE: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}([ T].*)?|[0-9]{1,2}([-/.])[0-9]{1,2}\2(19|20)[0-9]{2}"
    r"|(0?[1-9]|[12][0-9]|3[01]) (0?[1-9]|1[0-2]) (19|20)[0-9]{2}"
)
_EXPONENT: Final = re.compile(r"[0-9]([.,][0-9]+)?E\+?[0-9]+", re.IGNORECASE)
_CODE_AS_NUMBER: Final = re.compile(r"(\+?[0-9]{1,3})[.,]0(?= )")
_DECIMAL: Final = re.compile(r"((?:\+[0-9]{1,3} )?\+?[0-9]{5,})[.,]00?")
_THOUSANDTHS: Final = re.compile(r"(?:\+[0-9]{1,3} )?\+?[0-9]{5,}[.,]0{3,}")
_CUT: Final = re.compile(r"[^.,]*[0-9][.,]0+")
_CODE_IN_BRACKETS: Final = re.compile(r"\((\+[0-9]{1,3}|00[0-9]{1,3})\)")
_BRACKETS: Final = re.compile(r"\(([^()]*)\)")
_AREA: Final = re.compile(
    r"(?:\+[0-9]{1,3}|00[1-9][0-9]{0,2})?[ .\-/]*(?:\(0\) *)?\(?0?[1-9][0-9]{0,4}\)?|\+[0-9]{3,8}"
)
_LONGEST: Final = 120
_LONGEST_BEFORE_BRACKETS: Final = 7


class PhoneProblem(ValueError):
    """Why a text is not a number Graph may be given: `rule` is the code, the text for people, `remedy` what to do."""

    def __init__(self, rule: str, message: str, remedy: str = "correct it") -> None:
        super().__init__(message)
        self.rule, self.remedy = rule, remedy


@dataclass(frozen=True, slots=True)
class Spelling:
    """A number as it was written: `+`, digits, `(0)` and the white space and marks between them; and an extension."""

    body: str
    extension: str = ""

    @property
    def digits(self) -> str:
        """All digits that were written."""
        return "".join(filter(str.isdigit, self.body))

    @property
    def international(self) -> bool:
        """Whether it says itself that a country code comes first."""
        return self.body.startswith("+")


def of(text: str) -> Spelling:
    """A cell's text → how the number in it is spelled. Raises `PhoneProblem`."""
    if len(text) > _LONGEST:
        raise PhoneProblem("not_a_number", "contains more than a number", _ONE)
    if _SEVERAL_LINES.search(text.strip()):
        raise PhoneProblem("not_a_number", "stands in several lines, or with a tab in it", _ONE)
    text = re.sub(r"^(?:tel|callto): *", "", plain(text), flags=re.IGNORECASE)
    _refuse_mangled(text)
    spelled = _parted(text)
    body = _undone(spelled.body)
    if _MASKED.search(body):
        raise PhoneProblem("number_masked", "a masked number is not a number", "write the whole number")
    if not _PLAIN.fullmatch(body) or not any(map(str.isdigit, body)):
        raise PhoneProblem("not_a_number", *_no_number(body))
    if re.match(r"\+[ ().\-/]", body):
        raise PhoneProblem("no_country_code", "nothing stands between the + and the number; write +CC")
    if _slashed(body) or _bracketed(body):
        raise PhoneProblem("not_a_number", "contains more than a number: two, or one and a part of another", _ONE)
    return Spelling(body, spelled.extension)


_ONE: Final = "keep one, and write an extension as x12"


def plain(text: str) -> str:
    """Digits of every script as 0-9; without the invisible characters that spreadsheets and address books leave."""
    if text.isascii() and text.isprintable():
        return text.strip()
    shown = "".join(map(_shown, text))
    return "".join("-" if unicodedata.category(c) == "Pd" else c for c in shown).strip()


def _shown(character: str) -> str:
    kind = unicodedata.category(character)
    if kind == "Nd":
        return str(unicodedata.digit(character))
    if character.isspace():
        return " "
    if kind in ("Cf", "Cc"):
        return ""
    return character if kind == "No" or character == "…" else unicodedata.normalize("NFKC", character)


def _refuse_mangled(text: str) -> None:
    if _EXPONENT.search(text):
        raise PhoneProblem("number_mangled", "a spreadsheet turned the number into 1.23E+10; format the column as text")
    if text.startswith("="):
        raise PhoneProblem("not_a_number", "a formula that was never calculated; open and save it in a spreadsheet")
    if re.fullmatch(r"#(?=.*[A-Z])[A-Z0-9/]+[!?]?", text):
        raise PhoneProblem("not_a_number", "an error value of a spreadsheet")
    if _DATE.fullmatch(text):
        raise PhoneProblem("not_a_number", "a date, or made one by a spreadsheet; format the column as text")


def _parted(text: str) -> Spelling:
    """Body and extension. A German Durchwahl may be either: the end of the number, or an extension."""
    if _DIRECT_DIAL.search(text):
        raise PhoneProblem(
            "not_a_number",
            "names a part that may belong to the number, or be an extension",
            "write its digits behind the number, or as x12",
        )
    if _LONE_EXTENSION.fullmatch(text):
        raise PhoneProblem("not_a_number", "an extension without a number", "write the number before it")
    found = _EXTENSION.fullmatch(text)
    return Spelling(found["body"].strip(), found["extension"]) if found else Spelling(text)


def _undone(text: str) -> str:
    """Without what can be taken back for certain: the decimals of number cells, the brackets of `(+31)`."""
    text = _CODE_AS_NUMBER.sub(r"\1", text, count=1)
    if decimal := _DECIMAL.fullmatch(text):
        return decimal[1]
    if _THOUSANDTHS.fullmatch(text) or (_CUT.fullmatch(text) and not re.search(r"[.,]0{3,}$", text)):
        raise PhoneProblem(
            "number_mangled",
            "ends like a number with decimals, .0, which may be digits of it or not",
            "write it plainly",
        )
    return re.sub(rf"^{_CODE_IN_BRACKETS.pattern}", r"\1 ", text)


def _no_number(text: str) -> tuple[str, str]:
    if not any(map(str.isdigit, text)) and any(map(str.isalpha, text)):
        return "holds no digit", "correct it"
    return "contains more than a number", _ONE


def _slashed(body: str) -> bool:
    """Whether a slash parts more than an area code from the rest."""
    head, slash, tail = body.rpartition("/")
    if not slash:
        return False
    return sum(map(str.isdigit, tail)) < 4 or not _AREA.fullmatch(head.strip())


def _bracketed(body: str) -> bool:
    """Whether brackets hold more than a code at the beginning."""
    if body.count("(") != body.count(")") or "(" in _BRACKETS.sub("", body):
        return True
    return any(
        sum(map(str.isdigit, body[: found.start()])) > _LONGEST_BEFORE_BRACKETS
        or not 0 < sum(map(str.isdigit, found[1])) <= 6
        or sum(map(str.isdigit, body[found.end() :])) < 4
        for found in _BRACKETS.finditer(body)
    )
