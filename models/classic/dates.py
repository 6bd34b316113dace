"""The task of the sequence models: dates as people spell them, to ISO 8601; every output character knows where it came from.

Days are split once and for all into those to train on and those to test on, so no date of the test set was ever seen.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

FIRST, LAST = date(1900, 1, 1), date(2099, 12, 31)
LONGEST = 128  # characters that a model is asked to read
TEST_SIZE, TEST_SEED = 2_000, 2_000
CENTURY_FROM = 70  # 70 to 99 are of the twentieth century, 00 to 69 of the twenty-first
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_TO_NINTH = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
ORDINALS = (
    *_TO_NINTH,
    "tenth", "eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth",
    "nineteenth", "twentieth",
    *(f"twenty-{ordinal}" for ordinal in _TO_NINTH),
    "thirtieth", "thirty-first",
)  # fmt: skip
BEFORE = (
    "on", "by", "due", "since", "until", "dated", "signed on", "born on", "the meeting on", "not later than", "it was",
    "the letter was dated", "please pay the rest before", "we shall meet again in the old town on",
    "the ship that they had waited for came in on", "the quiz is on", "kept from", "the next one, of another size, is on",
)  # fmt: skip
BEHIND = (
    "at noon", "in the evening", "or later", "as agreed", "at the latest", "in Paris", "if it does not rain",
    "when the others had left", "and not a day before that", "for a week", "at half past six",
)  # fmt: skip
SIGNS = " ,./-'"


@dataclass(frozen=True, slots=True)
class DateExample:
    """A date as somebody spells it, and what it is.

    iso: year, month and day, ten characters. origins: for each of them the characters of `text` that say it, as (start, stop);
    None for the hyphens and for a century that is not spelled out.
    """

    text: str
    iso: str
    origins: tuple[tuple[int, int] | None, ...]


class _Spelled:
    """A text in the making, that remembers where each digit of the answer was said."""

    def __init__(self) -> None:
        self.text = ""
        self.origins: dict[int, tuple[int, int]] = {}

    def add(self, written: str, places: Sequence[int] = ()) -> _Spelled:
        """places: digits of the answer that `written` says as a whole."""
        start = len(self.text)
        self.text += written
        self.origins |= dict.fromkeys(places, (start, len(self.text)))
        return self

    def digits(self, number: str, places: Sequence[int]) -> _Spelled:
        """A number of as many digits as places, or of one digit for two places, whose 0 is not written."""
        if len(number) < len(places):
            return self.add(number, places)
        for digit, place in zip(number, places, strict=True):
            self.add(digit, [place])
        return self


YEAR, MONTH, DAY = (0, 1, 2, 3), (5, 6), (8, 9)
_Part = Callable[[_Spelled, date, random.Random], object]


def _sign(written: str) -> _Part:
    return lambda spelled, _, __: spelled.add(written)


def _year(spelled: _Spelled, day: date, _: random.Random) -> None:
    spelled.digits(str(day.year), YEAR)


def _short_year(spelled: _Spelled, day: date, _: random.Random) -> None:
    spelled.digits(f"{day.year % 100:02}", YEAR[2:])


def _padded(places: Sequence[int], of: Callable[[date], int]) -> _Part:
    return lambda spelled, day, _: spelled.digits(f"{of(day):02}", places)


def _plain(places: Sequence[int], of: Callable[[date], int]) -> _Part:
    return lambda spelled, day, _: spelled.digits(str(of(day)), places)


def _month_name(spelled: _Spelled, day: date, chance: random.Random) -> None:
    name = MONTHS[day.month - 1]
    written = chance.choice((name, name, name[:3]))
    spelled.add(_cased(written, chance), MONTH)
    if len(written) < len(name) and chance.random() < 0.2:
        spelled.add(".")


def _ordinal(spelled: _Spelled, day: date, _: random.Random) -> None:
    spelled.digits(str(day.day), DAY).add(suffix(day.day))


def _in_words(spelled: _Spelled, day: date, _: random.Random) -> None:
    spelled.add(ORDINALS[day.day - 1], DAY)


def _weekday(spelled: _Spelled, day: date, chance: random.Random) -> None:
    name = WEEKDAYS[day.weekday()]
    spelled.add(_cased(chance.choice((name, name[:3])), chance))


def _cased(word: str, chance: random.Random) -> str:
    drawn = chance.random()
    return word.lower() if drawn < 0.15 else word.upper() if drawn < 0.25 else word


def suffix(number: int) -> str:
    """As an English ordinal ends: 1st, 2nd, 3rd, 11th."""
    return "th" if 11 <= number % 100 <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")


_D, _DD = _plain(DAY, lambda day: day.day), _padded(DAY, lambda day: day.day)
_M, _MM = _plain(MONTH, lambda day: day.month), _padded(MONTH, lambda day: day.month)
_WRITINGS: dict[str, _Part] = {
    "Y": _year, "y": _short_year, "N": _month_name, "o": _ordinal, "w": _in_words, "W": _weekday,
    "d": _D, "D": _DD, "m": _M, "M": _MM,
}  # fmt: skip
# Letters stand for the parts above, everything else for itself; "the" and "of" in braces.
SPELLINGS = (
    "d N Y", "N d, Y", "o N Y", "N o, Y", "{the }o{ of }N Y", "W, d N Y", "W, N d, Y", "W{ the }o{ of }N, Y", "w{ of }N Y",
    "N{ the }w, Y", "{the }w{ of }N, Y", "Y N d", "Y-M-D", "Y/M/D", "D.M.Y", "d.m.Y", "M/D/Y", "m/d/Y", "d-N-Y", "YMD",
    "d N 'y", "N d, 'y", "m/d/y", "d.m.y", "d-N-y", "D/N/y",
)  # fmt: skip
_TWO_DIGITS = tuple(spelling for spelling in SPELLINGS if "y" in spelling)


def spell(day: date, spelling: str, chance: random.Random, before: str = "", behind: str = "") -> DateExample:
    """One date, spelled in one of SPELLINGS, with words around it."""
    spelled = _Spelled()
    if before:
        spelled.add(before + " ")
    inside = False
    for sign in spelling:
        if sign in "{}":
            inside = sign == "{"
        elif inside or sign not in _WRITINGS:
            spelled.add(sign)
        else:
            _WRITINGS[sign](spelled, day, chance)
    if behind:
        spelled.add(" " + behind)
    iso = day.isoformat()
    return DateExample(spelled.text, iso, tuple(spelled.origins.get(place) for place in range(len(iso))))


def draw(day: date, chance: random.Random) -> DateExample:
    """One date in a spelling by chance, in four of ten times with words around it."""
    within = FIRST.year + CENTURY_FROM <= day.year < FIRST.year + 100 + CENTURY_FROM
    known = SPELLINGS if within else [one for one in SPELLINGS if one not in _TWO_DIGITS]
    before = chance.choice(BEFORE) if chance.random() < 0.3 else ""
    if chance.random() < 0.3:
        before = before.capitalize()
    behind = chance.choice(BEHIND) if chance.random() < 0.2 else ""
    return spell(day, chance.choice(known), chance, before, behind)


def _days() -> tuple[list[date], list[date]]:
    """All days, shuffled once: those to train on, and those to test on."""
    days = [FIRST + timedelta(offset) for offset in range((LAST - FIRST).days + 1)]
    random.Random(TEST_SEED).shuffle(days)
    return days[TEST_SIZE:], days[:TEST_SIZE]


def training_examples(seed: int) -> Iterator[DateExample]:
    """Without end, the same for the same seed; of days that are in no test."""
    days, _ = _days()
    chance = random.Random(seed)
    while True:
        yield draw(chance.choice(days), chance)


def unseen_examples() -> tuple[DateExample, ...]:
    """The common test set: one spelling of each of 2,000 days that no training example is of."""
    _, days = _days()
    chance = random.Random(TEST_SEED + 1)
    return tuple(draw(day, chance) for day in days)
