"""Dates as people spell them: what is said where, and that no date of the test set is trained on."""

import itertools
import random
from datetime import date

import pytest

from models.classic.characters import ALPHABET, UNKNOWN_ID, character_tokenizer
from models.classic.date_reading import demand_date, read_date
from models.classic.dates import LONGEST, SPELLINGS, TEST_SIZE, spell, training_examples, unseen_examples
from models.classic.training import as_batch
from models.errors import BadText

TRAINED = tuple(itertools.islice(training_examples(0), 3_000))
TESTED = unseen_examples()


@pytest.mark.parametrize(
    ("spelling", "day", "text", "said"),
    [
        ("d N Y", date(2018, 5, 9), "9 May 2018", ["2", "0", "1", "8", None, "May", "May", None, "9", "9"]),
        ("Y-M-D", date(1904, 11, 2), "1904-11-02", ["1", "9", "0", "4", None, "1", "1", None, "0", "2"]),
        ("m/d/y", date(1998, 2, 3), "2/3/98", [None, None, "9", "8", None, "2", "2", None, "3", "3"]),
        ("YMD", date(2031, 12, 25), "20311225", ["2", "0", "3", "1", None, "1", "2", None, "2", "5"]),
        (
            "{the }w{ of }N, Y",
            date(2000, 5, 21),
            "the twenty-first of May, 2000",
            ["2", "0", "0", "0", None, "May", "May", None, "twenty-first", "twenty-first"],
        ),
    ],
)
def test_every_character_knows_what_says_it(spelling: str, day: date, text: str, said: list[str | None]):
    class Plain(random.Random):
        def random(self) -> float:
            return 0.9  # no other case, no dot

        def choice(self, seq):
            return seq[0]

    made = spell(day, spelling, Plain())
    assert (made.text, made.iso) == (text, day.isoformat())
    assert [None if origin is None else text[slice(*origin)] for origin in made.origins] == said


def test_test_days_are_in_no_training():
    days = {example.iso for example in TESTED}
    assert len(days) == len(TESTED) == TEST_SIZE
    assert not days & {example.iso for example in TRAINED}


def test_the_same_seed_gives_the_same_dates():
    again = tuple(itertools.islice(training_examples(0), 50))
    other = tuple(itertools.islice(training_examples(1), 50))
    assert again == TRAINED[:50] != other


def test_a_reader_by_rules_finds_every_generated_date_where_it_was_said():
    """The reader was written apart from the generator."""
    for example in (*TESTED, *TRAINED):
        demand_date(example.text)
        said = read_date(example.text)
        assert (said.iso, said.origins) == (example.iso, example.origins), example.text
        assert len(example.text) <= LONGEST


def test_every_spelling_is_trained_on():
    """By their signs: what stands for a spelling with its letters and digits taken out."""

    def signs(text: str) -> str:
        return "".join(sign for sign in text if not sign.isalnum())

    plain = {signs(spell(date(1990, 10, 10), one, random.Random(1)).text) for one in SPELLINGS}
    assert plain <= {signs(example.text) for example in TRAINED}


def test_batches_hold_the_tokenizers_ids():
    tokenizer = character_tokenizer()
    texts = [example.text for example in TRAINED[:40]]
    batch = as_batch(TRAINED[:40])
    for text, row, mask in zip(texts, batch.input_ids, batch.attention_mask, strict=True):
        ids = tokenizer(text)["input_ids"]
        assert row[mask.bool()].tolist() == ids
        assert UNKNOWN_ID not in ids
        assert tokenizer.decode(ids, skip_special_tokens=True) == text
    answers = [tokenizer(example.iso)["input_ids"] for example in TRAINED[:40]]
    assert batch.labels.tolist() == answers


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("3rd of Sept, 2011", "2011-09-03"),
        ("march the third 1999", "1999-03-03"),
        ("SEPTEMBER 1, 00", "2000-09-01"),
        ("1/2/1970", "1970-01-02"),
        ("1.2.70", "1970-02-01"),
        ("  the 31st of december 2099  ", "2099-12-31"),
    ],
)
def test_what_people_type_is_read(text: str, iso: str):
    assert read_date(text).iso == iso


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hello", "names no month"),
        ("", "is empty"),
        ("   ", "is empty"),
        ("9 May\n2018", r"know no U\+000A"),
        ("9 May 2018 or 3 June 2019", "more than one date"),
        ("31.12.1999 to 1.1.2000", "more than one date"),
        ("5 5 2018", "names no month"),
        ("9 May", "no year"),
        ("May 2018", "no day"),
        ("31 Feb 2020", "February 2020 has no day 31"),
        ("29.2.2019", "February 2019 has no day 29"),
        ("13/13/2020", "month 13"),
        ("1 May 2200", "1900 to 2099"),
        ("Fünf Mai", "“ü”"),
        ("9 May 2018\n", "they read letters"),
        ("9 May 2018 " + "and " * 40, f"at most {LONGEST}"),
    ],
)
def test_what_says_no_date_is_refused_in_a_sentence(text: str, words: str):
    with pytest.raises(BadText, match=words) as refused:
        demand_date(text)
    assert str(refused.value).endswith((".", "choose another."))


def test_the_alphabet_holds_no_character_twice():
    assert len(set(ALPHABET)) == len(ALPHABET)
