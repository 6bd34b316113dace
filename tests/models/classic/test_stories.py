"""Stories, checked by a simulator of the tests' own: it reads the sentences alone and knows nothing of who told them."""

import re
from collections import defaultdict
from functools import cache
from typing import Any

import pytest

from models.classic.stories import DEDUCED, PEOPLE, TASKS, StoryExample, training_examples
from models.classic.stories import stories as told
from models.classic.stories import unseen_examples as examples_to_test_on
from models.classic.story_text import PAD, UNKNOWN, WORDS, read_story, story_tokenizer
from models.errors import BadText
from tests.sentences import assert_sentence

SUPPORTING = {1: 1, 2: 2, 3: 3, 15: 2}
SINGULAR = {"cats": "cat", "mice": "mouse", "wolves": "wolf", "sheep": "sheep"}
MOVED = re.compile(r"(\w+) (?:moved|went|journeyed|travelled|went back) to the (\w+)")
TOOK = re.compile(r"(\w+) (?:got|picked up|grabbed|took) the (\w+)(?: there)?")
LEFT = re.compile(r"(\w+) (?:dropped|left|discarded|put down) the (\w+)(?: there)?")


def answer_by_simulation(sentences: tuple[str, ...], question: str) -> str:
    """Walks through the story: places of people, and the places that each thing has been at."""
    place: dict[str, str] = {}
    holder: dict[str, str] = {}
    been: dict[str, list[str]] = defaultdict(list)
    kind, fear = {}, {}
    for sentence in sentences:
        if found := MOVED.fullmatch(sentence):
            place[found[1]] = found[2]
            for thing in (thing for thing, who in holder.items() if who == found[1]):
                been[thing].append(found[2])
        elif found := TOOK.fullmatch(sentence):
            assert found[2] not in holder
            holder[found[2]] = found[1]
            if found[1] in place and been[found[2]][-1:] != [place[found[1]]]:
                been[found[2]].append(place[found[1]])
        elif found := LEFT.fullmatch(sentence):
            assert holder.pop(found[2], found[1]) == found[1]
            if not been[found[2]]:
                been[found[2]].append(place[found[1]])
        elif found := re.fullmatch(r"(\w+) is a (\w+)", sentence):
            kind[found[1]] = found[2]
        else:
            found = re.fullmatch(r"(\w+) are afraid of (\w+)", sentence)
            assert found, sentence
            fear[SINGULAR[found[1].lower()]] = SINGULAR[found[2]]
    if found := re.fullmatch(r"Where is the (\w+)", question):
        return been[found[1]][-1]
    if found := re.fullmatch(r"Where was the (\w+) before the (\w+)", question):
        assert been[found[1]][-1] == found[2]
        return been[found[1]][-2]
    if found := re.fullmatch(r"What is (\w+) afraid of", question):
        return fear[kind[found[1]]]
    found = re.fullmatch(r"Where is (\w+)", question)
    assert found, question
    return place[found[1]]


@cache
def trained_on(task: int) -> tuple[StoryExample, ...]:
    return training_examples(task, seed=3)


@pytest.mark.parametrize("task", TASKS)
def test_the_answer_follows_from_the_story(task):
    for example in trained_on(task):
        assert answer_by_simulation(example.sentences, example.question) == example.answer, example.text


@pytest.mark.parametrize("task", TASKS)
def test_the_answer_follows_from_the_supporting_sentences_alone(task):
    for example in trained_on(task):
        assert len(example.supporting) == SUPPORTING[task]
        assert list(example.supporting) == sorted(set(example.supporting))
        kept = tuple(example.sentences[place] for place in example.supporting)
        assert answer_by_simulation(kept, example.question) == example.answer, (example, kept)


@pytest.mark.parametrize("task", TASKS)
def test_none_that_is_trained_on_is_tested_on(task):
    tested = {(one.sentences, one.question) for one in examples_to_test_on(task)}
    trained = {(one.sentences, one.question) for one in trained_on(task)}
    assert len(tested) == len(trained) == 1_000
    assert not tested & trained


def test_a_question_of_the_test_set_is_passed_over_where_the_same_seed_draws_it():
    """The seeds differ, so that hardly any is met by chance: with the test set's own seed every one is."""
    from models.classic.stories import TEST_SEED

    tested = {one.text for one in examples_to_test_on(15)}
    assert not tested & {one.text for one in training_examples(15, TEST_SEED)}


def test_the_same_seed_tells_the_same_and_another_something_else():
    assert training_examples(2, 3) == trained_on(2)
    assert training_examples(2, 4) != trained_on(2)


def test_stories_are_as_long_as_they_should_be():
    assert {len(one.sentences) for one in trained_on(1)} == {2, 4, 6, 8, 10}
    assert {len(one.sentences) for one in trained_on(15)} == {8}
    assert sum(len(one.sentences) for one in trained_on(3)) > 2 * sum(
        len(one.sentences) for one in trained_on(2)
    )
    assert max(len(one.sentences) for one in trained_on(3)) > 100


def test_a_story_is_told_on_between_its_questions():
    first, second = (one for one, _ in zip(told(2, 0), range(2), strict=False))
    assert second.sentences[: len(first.sentences)] == first.sentences


def test_every_word_is_known_and_every_known_word_is_used():
    used = set()
    tokenizer = story_tokenizer()
    for task in TASKS:
        ids: Any = tokenizer([one.text for one in trained_on(task)])["input_ids"]
        used |= {number for row in ids for number in row}
        assert {one.answer for one in trained_on(task)} <= {*WORDS}
    vocabulary = tokenizer.get_vocab()
    assert used == {*vocabulary.values()} - {vocabulary[PAD], vocabulary[UNKNOWN]}
    assert tokenizer.get_vocab().keys() == {*WORDS, ".", "?", PAD, UNKNOWN}


# --- what a person types -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", TASKS)
def test_what_the_generator_tells_can_be_typed(task):
    for example in trained_on(task)[:200]:
        if len(example.sentences) - min(example.supporting) <= 50:
            assert read_story(example.text) == (example.sentences[-50:], example.question)


@pytest.mark.parametrize(
    "text",
    [
        "mary moved to the garden. JOHN went Back to the office.\nWhere is MARY?",
        "Mary moved to the garden\r\nJohn went back to the office\n\n where is mary ?\n",
    ],
)
def test_letters_of_any_case_and_lines_for_full_stops(text):
    assert read_story(text) == (("Mary moved to the garden", "John went back to the office"), "Where is Mary")
    tokens = story_tokenizer().tokenize(text)
    assert " ".join(tokens) == "Mary moved to the garden . John went back to the office . where is Mary ?"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "story is empty"),
        (" ... ?", "story is empty"),
        ("Mary went to the garden.", "has no question"),
        ("Mary went to the garden. Where is Mary", "has no question"),
        ("Where is Mary?", "“Where is Mary?” comes before any sentence"),
        ("Where is Mary? Mary went to the garden. Where is Mary?", "comes before any sentence"),
        (
            "Mary went to the garden. Where is Mary? John went to the office.",
            "More follows the question “Where is Mary?”",
        ),
        ("Mary flew to the moon. Where is Mary?", "“flew”, “moon” are no words that this network knows"),
        ("Mary went to the garden! Where is Mary?", "“!” is no word that this network knows"),
        ("Mary went to the garden. Where is Bob?", "“bob” is no word"),
        ("Mary went to the garden. Where is sandra?", "Sandra does not appear in the story"),
        ("Mary went to the garden. Where is the milk?", "The milk does not appear in the story"),
        (
            "Mary got the milk. Where was the milk before the office?",
            "The office does not appear in the story",
        ),
        ("Cats are afraid of mice. What is Emily afraid of?", "Emily does not appear in the story"),
        ("Mary " + "back " * 8 + "to the garden. Where is Mary?", "has 12 words, and at most 8"),
        (
            "Mary went to the garden. " + "John went to the office. " * 50 + "Where is Mary?",
            "Mary does not appear in the last 50 sentences",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(text, says):
    with pytest.raises(BadText) as caught:
        read_story(text)
    assert says in str(caught.value)
    assert_sentence(str(caught.value))


def test_unknown_words_come_with_the_vocabulary():
    with pytest.raises(BadText) as caught:
        read_story("Mary flew to the garden. Where is Mary?")
    for word in (*PEOPLE, *DEDUCED, "bathroom", "football", "wolves", "journeyed", "before"):
        assert word in str(caught.value)


def test_of_a_long_story_the_last_sentences_are_read():
    text = "John went to the office. " + "Mary went to the garden. " * 50 + "Where is Mary?"
    sentences, _ = read_story(text)
    assert sentences == ("Mary went to the garden",) * 50
