"""What each hop of a memory network is worth on one story: the right word's probability after it, and without it."""

from __future__ import annotations

from dataclasses import dataclass

from models.classic.memory_reading import MemoryReading, read_memories
from models.classic.story_answer import right_answer
from models.classic.story_text import read_story
from models.look.capturing import capture
from models.run.model import AttentionModel


@dataclass(frozen=True, slots=True)
class HopsInTurn:
    """right: the word that follows from the story, None where none does by rules; word: that, or what the network answers.

    after: probability of `word` read off the question and off the state after each hop, by the weights of the last; its last
    is the network's own. without: probability of `word` as the answer with each hop off, counted from 0; answers: the likeliest
    word then.
    """

    reading: MemoryReading
    right: str | None
    word: str
    after: tuple[float, ...]
    without: tuple[float, ...]
    answers: tuple[str, ...]

    @property
    def is_right(self) -> bool:
        """Whether the network, with all hops, answers what follows from the story."""
        return self.reading.answer == self.right


def hops_in_turn(model: AttentionModel, text: str) -> HopsInTurn:
    """One pass with all hops and one without each. Raises BadText, and BadSelection for another kind of model."""
    reading = read_memories(model, text)
    right = right_answer(
        *read_story(text, memory_size=len(text))
    )  # also of what is told too early to be kept
    word = reading.answer if right is None else right
    place = reading.vocabulary.index(word)
    off = [capture(model, text, hops_off=[hop]).predictions[0] for hop in range(len(reading.weights))]
    return HopsInTurn(
        reading=reading,
        right=right,
        word=word,
        after=tuple(reading.answers[:, place].tolist()),
        without=tuple(chances[place].item() for chances in off),
        answers=tuple(reading.vocabulary[int(chances.argmax())] for chances in off),
    )
