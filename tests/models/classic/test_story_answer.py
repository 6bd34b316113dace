"""What follows from a story, by rules, beside what the generator of the stories knows."""

from itertools import islice

import pytest

from models.classic.stories import TASKS, stories
from models.classic.story_answer import right_answer
from models.classic.story_text import read_story


@pytest.mark.parametrize("task", TASKS)
def test_the_generators_answers(task: int):
    for example in islice(stories(task, seed=7), 150):
        assert right_answer(*read_story(example.text, memory_size=1_000)) == example.answer, example.text


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (
            "Mary went to the kitchen. Mary got the milk. Mary went to the office. Where is the milk?",
            "office",
        ),
        ("Mary took the milk. Mary went back to the garden. Where is the milk?", "garden"),
        (
            "Mary went to the kitchen. Mary left the milk. Mary went to the office. Where is the milk?",
            "kitchen",
        ),
        ("Mary took the milk. Where is the milk?", None),
        ("Mary took the milk. Where is Mary?", None),
        ("Emily is a mouse. Mice are afraid of wolves. What is Emily afraid of?", "wolf"),
        ("Emily is a mouse. Cats are afraid of wolves. What is Emily afraid of?", None),
        ("Mary went to the kitchen. Where was Mary?", None),
    ],
)
def test_ones_own_stories(text: str, answer: str | None):
    assert right_answer(*read_story(text)) == answer
