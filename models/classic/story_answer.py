"""The right answer to a question on a short story, by rules: what a memory network's answer is held against."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from models.classic.stories import ANIMALS, DROPS, MOVES, TAKES

_KIND = {many: one for one, many in ANIMALS.items()} | {one: one for one in ANIMALS}


def _one_of(words: Sequence[str]) -> str:
    return "|".join(sorted(words, key=len, reverse=True))


_MOVED = re.compile(rf"(\w+) (?:{_one_of(MOVES)}) to the (\w+)", re.IGNORECASE)
_TAKEN = re.compile(rf"(\w+) (?:{_one_of(TAKES)}) the (\w+)(?: there)?", re.IGNORECASE)
_LEFT = re.compile(rf"(\w+) (?:{_one_of(DROPS)}) the (\w+)(?: there)?", re.IGNORECASE)
_FEARS = re.compile(r"(\w+) are afraid of (\w+)", re.IGNORECASE)
_IS = re.compile(r"(\w+) is a (\w+)", re.IGNORECASE)
_WHERE = re.compile(r"where is (?:the )?(\w+)", re.IGNORECASE)
_WHERE_BEFORE = re.compile(r"where was the (\w+) before the (\w+)", re.IGNORECASE)
_AFRAID = re.compile(r"what is (\w+) afraid of", re.IGNORECASE)


@dataclass(slots=True)
class _Known:
    """What a story has told so far. been: the places of each person and thing, one after another; holder: by thing."""

    been: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    holder: dict[str, str] = field(default_factory=dict[str, str])
    fears: dict[str, str] = field(default_factory=dict[str, str])
    kinds: dict[str, str] = field(default_factory=dict[str, str])

    def hear(self, sentence: str) -> None:
        if said := _MOVED.fullmatch(sentence):
            self._move(*said.groups())
        elif said := _TAKEN.fullmatch(sentence):
            self._take(*said.groups())
        elif said := _LEFT.fullmatch(sentence):
            self._take(*said.groups())  # who leaves a thing had it, and it is where they are
            self.holder.pop(said[2])
        elif said := _FEARS.fullmatch(sentence):
            self.fears[_kind(said[1])] = _kind(said[2])
        elif said := _IS.fullmatch(sentence):
            self.kinds[said[1]] = _kind(said[2])

    def _move(self, name: str, place: str) -> None:
        self._be(name, place)
        for thing, holder in self.holder.items():
            if holder == name:
                self._be(thing, place)

    def _take(self, name: str, thing: str) -> None:
        self.holder[thing] = name
        if name in self.been:
            self._be(thing, self.been[name][-1])

    def _be(self, what: str, place: str) -> None:
        places = self.been.setdefault(what, [])
        if places[-1:] != [place]:
            places.append(place)

    def answer(self, question: str) -> str | None:
        if asked := _WHERE_BEFORE.fullmatch(question):
            return self._before(*asked.groups())
        if asked := _WHERE.fullmatch(question):
            return self.been.get(asked[1], [None])[-1]
        if asked := _AFRAID.fullmatch(question):
            return self.fears.get(self.kinds.get(asked[1], ""))
        return None

    def _before(self, thing: str, place: str) -> str | None:
        places = self.been.get(thing, [])
        came = max((number for number, one in enumerate(places) if one == place), default=0)
        return places[came - 1] if came else None


def right_answer(sentences: Sequence[str], question: str) -> str | None:
    """The word that follows from a story; None where nothing follows, or it is told in another way than the four tasks tell.

    sentences, question: as models.classic.story_text.read_story gives them, words spelled as in the vocabulary but for a
    capital letter in front. Of "before" the last coming is meant.
    """
    known = _Known()
    for sentence in sentences:
        known.hear(sentence)
    return known.answer(question)


def _kind(written: str) -> str:
    """One of an animal, in small letters."""
    return _KIND.get(written.lower(), written.lower())
