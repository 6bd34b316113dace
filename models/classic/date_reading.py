"""What date a text says, by rules: the right answer to what a person types, and a clear refusal of what says none."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from models.classic.characters import ALPHABET
from models.classic.dates import CENTURY_FROM, FIRST, LAST, LONGEST, MONTHS, ORDINALS
from models.errors import BadText

EXAMPLE = "Give a day, a month and a year, such as “9 May 2018”."
VOCABULARY = "letters from A to Z without accents, digits, spaces and , . / - '"

_Y, _M, _D = r"(?P<year>\d{4}|\d{2})", r"(?P<month>\d{1,2})", r"(?P<day>\d{1,2})"
_ALL_NUMBERS = tuple(
    re.compile(rf"(?<!\d){pattern}(?!\d)")
    for pattern in (
        rf"(?P<year>\d{{4}})(?P<sign>[-/.]){_M}(?P=sign){_D}",
        rf"{_D}(?P<sign>[.-]){_M}(?P=sign){_Y}",
        rf"{_M}/{_D}/{_Y}",
        r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})",
    )
)
_NAMES = "|".join(f"{name[:3]}(?:{name[3:]}|t)?" for name in MONTHS)
_MONTH = re.compile(rf"(?<![a-z])(?:{_NAMES})(?![a-z])", re.IGNORECASE)
_IN_WORDS = "|".join(sorted(ORDINALS, key=len, reverse=True))
_DAY_IN_WORDS = re.compile(rf"(?<![a-z-])(?:{_IN_WORDS})(?![a-z-])", re.IGNORECASE)
_LONG_YEAR = re.compile(r"(?<!\d)\d{4}(?!\d)")
_SHORT_NUMBER = re.compile(r"(?<!\d)(?P<number>\d{1,2})(?:st|nd|rd|th)?(?![\da-z])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class DateSaid:
    """The date that a text says. origins: for each character of the ISO date the characters that say it; see DateExample."""

    day: date
    origins: tuple[tuple[int, int] | None, ...]

    @property
    def iso(self) -> str:
        """Year, month and day, ten characters."""
        return self.day.isoformat()


class _Piece(NamedTuple):
    """A part of a text, and where it stands."""

    written: str
    span: tuple[int, int]


def demand_date(text: str) -> None:
    """Raise BadText for what the models that read dates cannot read."""
    strange = sorted({sign for sign in text if sign not in ALPHABET})
    if strange:
        named = " ".join(f"“{sign}”" if sign.isprintable() else f"U+{ord(sign):04X}" for sign in strange[:5])
        raise BadText(f"The models know no {named}; they read {VOCABULARY}. Write the date with these.")
    if len(text) > LONGEST:
        raise BadText(
            f"The text has {len(text):,} characters, but at most {LONGEST} are read; leave out what is no date."
        )
    read_date(text)


def read_date(text: str) -> DateSaid:
    """The date in a text. Raises BadText where there is none, or no such day.

    Numbers alone are read as the models were trained to: year-month-day, day.month.year, and month/day/year.
    """
    if not text.strip():
        raise BadText(f"The text is empty. {EXAMPLE}")
    year, month, day = _numbers_alone(text) or _with_a_name(text)
    _demand_one(text, (year, month, day))
    named = not month.written.isdigit()
    month_number = 1 + _month_place(month.written) if named else int(month.written)
    in_words = not day.written.isdigit()
    day_number = 1 + ORDINALS.index(day.written.lower()) if in_words else int(day.written)
    found = _existing(text, _whole_year(year.written), month_number, day_number)
    origins = (*_said(year, 4), None, *_said(month, 2, named), None, *_said(day, 2, in_words))
    return DateSaid(found, origins)


def _demand_one(text: str, pieces: tuple[_Piece, ...]) -> None:
    """Raise BadText where what is left beside a date's pieces says another date."""
    rest = "".join(
        ";" if any(start <= at < stop for start, stop in (piece.span for piece in pieces)) else sign
        for at, sign in enumerate(text)
    )
    try:
        if _numbers_alone(rest) is None:
            _with_a_name(rest)
    except BadText:
        return
    raise BadText(f"“{text.strip()}” says more than one date, and one is read; leave out the others.")


def _existing(text: str, year: int, month: int, day: int) -> date:
    if not 1 <= month <= 12:
        raise BadText(f"“{text.strip()}” would be in month {month}, and there are twelve. {EXAMPLE}")
    if not FIRST.year <= year <= LAST.year:
        raise BadText(
            f"The models were trained on the years {FIRST.year} to {LAST.year}, and this is {year}; choose another."
        )
    try:
        return date(year, month, day)
    except ValueError:
        raise BadText(f"{MONTHS[month - 1]} {year} has no day {day}. {EXAMPLE}") from None


def _said(piece: _Piece, places: int, whole: bool = False) -> tuple[tuple[int, int] | None, ...]:
    """A digit of the answer by each digit of the piece, counted from behind, or all of them by the whole of it."""
    start, stop = piece.span
    if whole or stop - start == 1:
        return (piece.span,) * places
    return (*(None,) * (places - (stop - start)), *((at, at + 1) for at in range(start, stop)))


def _numbers_alone(text: str) -> tuple[_Piece, _Piece, _Piece] | None:
    for pattern in _ALL_NUMBERS:
        found = pattern.search(text)
        if found is not None:
            return _piece(found, "year"), _piece(found, "month"), _piece(found, "day")
    return None


def _with_a_name(text: str) -> tuple[_Piece, _Piece, _Piece]:
    month = _MONTH.search(text)
    if month is None:
        raise BadText(f"“{text.strip()}” names no month. {EXAMPLE}")
    start, stop = month.span()
    rest = text[:start] + ";" * (stop - start) + text[stop:]  # every other character keeps its place
    numbers = [_piece(found, "number") for found in _SHORT_NUMBER.finditer(rest)]
    days = [_piece(found) for found in _DAY_IN_WORDS.finditer(rest)][:1]
    if not days:
        days, numbers = numbers[:1], numbers[1:]
    years = ([_piece(found) for found in _LONG_YEAR.finditer(rest)] or numbers)[:1]
    if not days or not years:
        missing = "year" if days else "day"
        raise BadText(f"“{text.strip()}” names a month, but no {missing}. {EXAMPLE}")
    return years[0], _piece(month), days[0]


def _piece(found: re.Match[str], group: str | int = 0) -> _Piece:
    return _Piece(found[group], found.span(group))


def _month_place(name: str) -> int:
    return [known[:3] for known in MONTHS].index(name[:3].capitalize())


def _whole_year(written: str) -> int:
    year = int(written)
    if len(written) == 4:
        return year
    return year + (1900 if year >= CENTURY_FROM else 2000)
