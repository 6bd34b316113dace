"""The task of the memory network: short stories with a question, in the manner of bAbI's tasks 1, 2, 3 and 15.

Source of the tasks: Weston et al. 2015 (arXiv 1502.05698), section 3. The generator is our own: where people go and what they
take is drawn anew, so what a model does with these stories is near what it does with theirs, but not the same.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

TASKS = MappingProxyType(
    {
        1: "single supporting fact",
        2: "two supporting facts",
        3: "three supporting facts",
        15: "basic deduction",
    }
)
PEOPLE = ("Mary", "John", "Daniel", "Sandra")
DEDUCED = ("Gertrude", "Winona", "Jessica", "Emily")  # who is some animal, in task 15
PLACES = ("bathroom", "bedroom", "garden", "hallway", "kitchen", "office")
THINGS = ("apple", "football", "milk")
ANIMALS = MappingProxyType({"cat": "cats", "mouse": "mice", "sheep": "sheep", "wolf": "wolves"})
MOVES = ("moved", "went", "journeyed", "travelled", "went back")
TAKES = ("got", "picked up", "grabbed", "took")
DROPS = ("dropped", "left", "discarded", "put down")
QUESTIONS_EACH = 1_000  # of each task to train on, as in the paper, and as many to test on
TEST_SEED = 1_000


@dataclass(frozen=True, slots=True)
class StoryExample:
    """A story, a question about it, and its answer.

    sentences: without their full stops, the oldest first. answer: one word. supporting: places in `sentences` of those that the
    answer follows from, in the order of the story. task: one of TASKS.
    """

    sentences: tuple[str, ...]
    question: str
    answer: str
    supporting: tuple[int, ...]
    task: int

    @property
    def text(self) -> str:
        """Story and question as a person would type them."""
        return " ".join(f"{sentence}." for sentence in self.sentences) + f" {self.question}?"


@dataclass(slots=True)
class _Person:
    """place, moved: where they are, and which sentence says so; None before they first went anywhere."""

    place: str | None = None
    moved: int = 0


@dataclass(slots=True)
class _Thing:
    """place: where it lies, unless somebody holds it; told: the sentence that says who took it, or that it was left.

    stays: of one that was left, which sentence says where its last holder was. came: its last change of place while it was
    held: (from, to, the sentences that say it).
    """

    place: str
    holder: _Person | None = None
    told: int | None = None
    stays: int = 0
    came: tuple[str, str, tuple[int, ...]] | None = None


@dataclass(slots=True)
class _World:
    """Who is where and holds what, sentence by sentence."""

    chance: random.Random
    things: dict[str, _Thing] = field(default_factory=dict[str, _Thing])
    people: dict[str, _Person] = field(default_factory=lambda: {name: _Person() for name in PEOPLE})
    sentences: list[str] = field(default_factory=list[str])

    def go_on(self) -> None:
        """Somebody does something: leaves what they hold, takes what lies there, or else goes elsewhere."""
        name = self.chance.choice(PEOPLE)
        person = self.people[name]
        held = [thing for thing, kept in self.things.items() if kept.holder is person]
        near = [
            thing for thing, kept in self.things.items() if kept.holder is None and kept.place == person.place
        ]
        if held and self.chance.random() < 0.15:
            self._leave(name, person, self.chance.choice(held))
        elif near and self.chance.random() < 0.5:
            self._take(name, person, self.chance.choice(near))
        else:
            self._move(name, person)

    def _say(self, sentence: str) -> int:
        self.sentences.append(sentence)
        return len(self.sentences) - 1

    def _there(self) -> str:
        return self.chance.choice(("", " there"))

    def _move(self, name: str, person: _Person) -> None:
        place = self.chance.choice([place for place in PLACES if place != person.place])
        said = self._say(f"{name} {self.chance.choice(MOVES)} to the {place}")
        for thing in self.things.values():
            if thing.holder is person and person.place is not None and thing.told is not None:
                thing.came = (person.place, place, (person.moved, thing.told, said))
        person.place, person.moved = place, said

    def _take(self, name: str, person: _Person, thing: str) -> None:
        said = self._say(f"{name} {self.chance.choice(TAKES)} the {thing}{self._there()}")
        self.things[thing].holder, self.things[thing].told = person, said

    def _leave(self, name: str, person: _Person, thing: str) -> None:
        said, left = (
            self._say(f"{name} {self.chance.choice(DROPS)} the {thing}{self._there()}"),
            self.things[thing],
        )
        assert person.place is not None
        left.place, left.holder, left.told, left.stays = person.place, None, said, person.moved


_Asked = tuple[str, str, tuple[int, ...]]  # question, answer, supporting sentences


def _where_is_somebody(world: _World) -> list[_Asked]:
    return [
        (f"Where is {name}", person.place, (person.moved,))
        for name, person in world.people.items()
        if person.place is not None
    ]


def _where_is_something(world: _World) -> list[_Asked]:
    asked: list[_Asked] = []
    for name, thing in world.things.items():
        holder = thing.holder
        place = thing.place if holder is None else holder.place
        if thing.told is not None and place is not None:
            moved = thing.stays if holder is None else holder.moved
            asked.append((f"Where is the {name}", place, (thing.told, moved)))
    return asked


def _where_was_something(world: _World) -> list[_Asked]:
    """Always of the last place that it was carried to: of an earlier one, "before" could have two answers."""
    return [
        (f"Where was the {name} before the {thing.came[1]}", thing.came[0], thing.came[2])
        for name, thing in world.things.items()
        if thing.came is not None
    ]


# What is asked in each task, the things there are, how many sentences are told between two questions, and how many questions.
_TELLING: dict[int, tuple[Callable[[_World], list[_Asked]], Sequence[str], tuple[int, int]]] = {
    1: (_where_is_somebody, (), (2, 2)),
    2: (_where_is_something, THINGS, (2, 7)),
    3: (_where_was_something, THINGS, (4, 28)),
}
QUESTIONS_A_STORY = 5


def _told(task: int, chance: random.Random) -> Iterator[StoryExample]:
    """One story with five questions, each asked of what was told so far."""
    ask, things, between = _TELLING[task]
    world = _World(chance, {name: _Thing(chance.choice(PLACES)) for name in things})
    for _ in range(QUESTIONS_A_STORY):
        for _ in range(chance.randint(*between)):
            world.go_on()
        while not (known := ask(world)):
            world.go_on()
        question, answer, supporting = chance.choice(known)
        yield StoryExample(tuple(world.sentences), question, answer, tuple(sorted(supporting)), task)


def _deduced(chance: random.Random) -> Iterator[StoryExample]:
    """One story of task 15: what each animal is afraid of and who is which animal, in any order, and a question on each."""
    fears = {one: chance.choice([other for other in ANIMALS if other != one]) for one in ANIMALS}
    kinds = {name: chance.choice(list(ANIMALS)) for name in DEDUCED}
    of_kind = {
        one: f"{many.capitalize()} are afraid of {ANIMALS[fears[one]]}" for one, many in ANIMALS.items()
    }
    of_name = {name: f"{name} is a {kind}" for name, kind in kinds.items()}
    sentences = [*of_kind.values(), *of_name.values()]
    chance.shuffle(sentences)
    for name in chance.sample(DEDUCED, len(DEDUCED)):
        kind = kinds[name]
        supporting = sorted((sentences.index(of_name[name]), sentences.index(of_kind[kind])))
        yield StoryExample(
            tuple(sentences), f"What is {name} afraid of", fears[kind], tuple(supporting), task=15
        )


def stories(task: int, seed: int) -> Iterator[StoryExample]:
    """Without end, the same for the same seed; a story's questions follow one another."""
    chance = random.Random(100 * seed + task)
    while True:
        yield from _deduced(chance) if task == 15 else _told(task, chance)


def _drawn(task: int, seed: int, known: set[str]) -> Iterator[StoryExample]:
    """As many different ones as a set has, but none of those whose text is known."""
    known = set(known)
    drawn = stories(task, seed)
    for _ in range(QUESTIONS_EACH):
        example = next(one for one in drawn if one.text not in known)
        known.add(example.text)
        yield example


def unseen_examples(task: int) -> tuple[StoryExample, ...]:
    """The test set of a task, the same for all who train: 1,000 different questions."""
    return tuple(_drawn(task, TEST_SEED, set()))


def training_examples(task: int, seed: int) -> tuple[StoryExample, ...]:
    """1,000 different questions to train on. One whose story and question stand in the test set is passed over and replaced."""
    return tuple(_drawn(task, seed, {one.text for one in unseen_examples(task)}))
