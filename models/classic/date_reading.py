"""What date a text says, by rules: the right answer to what a person types, and a clear refusal of what says none."""

from __future__ import annotations

import re
from datetime import date

from models.classic.characters import ALPHABET
from models.classic.dates import CENTURY_FROM, FIRST, LAST, LONGEST, MONTHS, ORDINALS
from models.errors import BadText

EXAMPLE = "Give a day, a month and a year, such as “9 May 2018”."
VOCABULARY = "letters from A to Z without accents, digits, spaces and , . / - '"
_ALL_NUMBERS = (
    (re.compile(r"(?<!\d)(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?!\d)"), (1, 3, 4)),
    (re.compile(r"(?<!\d)(\d{1,2})()([.-])(\d{1,2})\3(\d{4}|\d{2})(?!\d)"), (5, 4, 1)),
    (re.compile(r"(?<!\d)(\d{1,2})()(/)(\d{1,2})\3(\d{4}|\d{2})(?!\d)"), (5, 1, 4)),
    (re.compile(r"(?<!\d)(\d{4})()(\d{2})(\d{2})(?!\d)"), (1, 3, 4)),
)
_MONTH = re.compile(
    r"(?<![a-z])(" + "|".join(f"{name[:3]}(?:{name[3:]}|t)?" for name in MONTHS) + r")(?![a-z])",
    re.IGNORECASE,
)
_DAY_IN_WORDS = re.compile(
    r"(?<![a-z-])(" + "|".join(sorted(ORDINALS, key=len, reverse=True)) + r")(?![a-z-])", re.IGNORECASE
)
_LONG_YEAR = re.compile(r"(?<!\d)\d{4}(?!\d)")
_SHORT_NUMBER = re.compile(r"(?<!\d)(\d{1,2})(?:st|nd|rd|th)?(?![\da-z])", re.IGNORECASE)


def demand_date(text: str) -> None:
    """Raise BadText for what the models that read dates cannot read."""
    strange = sorted({sign for sign in text if sign not in ALPHABET})
    if strange:
        named = " ".join(f"“{sign}”" for sign in strange[:5])
        raise BadText(f"The models know no {named}; they read {VOCABULARY}. Write the date with these.")
    if len(text) > LONGEST:
        raise BadText(
            f"The text has {len(text):,} characters, but at most {LONGEST} are read; leave out what is no date."
        )
    read_date(text)


def read_date(text: str) -> date:
    """The date in a text. Raises BadText where there is none, or no such day.

    Numbers alone are read as they were trained on: year-month-day, day.month.year, and month/day/year.
    """
    year, month, day = _numbers_alone(text) or _with_a_name(text)
    if not 1 <= month <= 12:
        raise BadText(f"“{text.strip()}” would be in month {month}, and there are twelve. {EXAMPLE}")
    try:
        found = date(year, month, day)
    except ValueError:
        raise BadText(f"{MONTHS[month - 1]} {year} has no day {day}. {EXAMPLE}") from None
    if not FIRST <= found <= LAST:
        raise BadText(
            f"The models were trained on the years {FIRST.year} to {LAST.year}, and this is {year}; choose another."
        )
    return found


def _numbers_alone(text: str) -> tuple[int, int, int] | None:
    for pattern, order in _ALL_NUMBERS:
        found = pattern.search(text)
        if found is not None:
            year, month, day = (found[group] for group in order)
            return _whole_year(year), int(month), int(day)
    return None


def _with_a_name(text: str) -> tuple[int, int, int]:
    month = _MONTH.search(text)
    if month is None:
        raise BadText(f"“{text.strip()}” names no month. {EXAMPLE}")
    number = 1 + [name[:3] for name in MONTHS].index(month[1][:3].capitalize())
    rest = text[: month.start()] + " ; " + text[month.end() :]
    word, long_year = _DAY_IN_WORDS.search(rest), _LONG_YEAR.search(rest)
    numbers = _SHORT_NUMBER.findall(rest)
    days = [ORDINALS.index(word[1].lower()) + 1] if word is not None else [int(one) for one in numbers[:1]]
    years = [long_year[0]] if long_year is not None else numbers[0 if word is not None else 1 :][:1]
    if not days or not years:
        raise BadText(f"“{text.strip()}” names a month, but no {'day' if not days else 'year'}. {EXAMPLE}")
    return _whole_year(years[0]), number, days[0]


def _whole_year(written: str) -> int:
    year = int(written)
    if len(written) == 4:
        return year
    return year + (1900 if year >= CENTURY_FROM else 2000)
