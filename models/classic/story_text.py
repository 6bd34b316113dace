"""What a person types as a story with a question: read, or refused in one sentence; and the tokenizer of its words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from models.classic.stories import ANIMALS, DEDUCED, DROPS, MOVES, PEOPLE, PLACES, TAKES, THINGS
from models.errors import BadText

MEMORY_SIZE = 50  # sentences, as in the paper
SENTENCE_SIZE = 8  # words; the longest of ours has 7
PAD, UNKNOWN, FULL_STOP, QUESTION_MARK = "<pad>", "<unk>", ".", "?"
NAMES = (*PEOPLE, *DEDUCED)
_KINDS = tuple(dict.fromkeys((*ANIMALS, *ANIMALS.values())))
_ACTS = tuple(dict.fromkeys(word for act in (*MOVES, *TAKES, *DROPS) for word in act.split()))
_SMALL = ("to", "the", "there", "where", "is", "was", "before", "what", "afraid", "of", "a", "are")
WORDS = (*NAMES, *PLACES, *THINGS, *_KINDS, *_ACTS, *_SMALL)
_LISTED = (
    f"names ({', '.join(NAMES)}), places ({', '.join(PLACES)}), things ({', '.join(THINGS)}), animals ({', '.join(_KINDS)}), "
    f"what is done ({', '.join(_ACTS)}) and {', '.join(_SMALL)}"
)
_NAMED = {name.lower(): name for name in NAMES}
# What a question can be about: it must stand in the story, too.
_ABOUT = {*NAMES, *PLACES, *THINGS}
_ENDS = re.compile(r"([.?]|[\r\n]+)")


def read_story(
    text: str, memory_size: int = MEMORY_SIZE, sentence_size: int = SENTENCE_SIZE
) -> tuple[tuple[str, ...], str]:
    """Sentences, the oldest first, and the question that follows them, each without its mark; in any case of letters.

    A sentence ends with a full stop or the line. Of a story of more sentences than memory_size the last ones are given, since a
    memory network has no place for others. Raises BadText.
    """
    told = _parts(text)
    _demand_known(word for _, sentence in told for word in sentence)
    _demand_order(told)
    _demand_short((sentence for _, sentence in told), sentence_size)
    *story, (_, question) = told
    kept = [sentence for _, sentence in story[-memory_size:]]
    _demand_told(question, kept, len(story))
    return tuple(map(joined, kept)), joined(question)


def demand_story(text: str, memory_size: int = MEMORY_SIZE, sentence_size: int = SENTENCE_SIZE) -> None:
    """Raise BadText for what `read_story` cannot read."""
    read_story(text, memory_size, sentence_size)


def joined(words: Iterable[str]) -> str:
    """Words as a sentence that begins with a capital letter."""
    sentence = " ".join(words)
    return sentence[:1].upper() + sentence[1:]


def spelled(word: str) -> str:
    """A word as it stands in the vocabulary: names with a capital letter, the others without."""
    return _NAMED.get(word.lower(), word.lower())


def story_tokenizer() -> PreTrainedTokenizerFast:
    """The tokenizer of these words, one token each; a line that ends without a mark ends a sentence."""
    vocabulary = {
        word: number for number, word in enumerate((PAD, UNKNOWN, FULL_STOP, QUESTION_MARK, *WORDS))
    }
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    backend.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(Regex(r"(?<=[^.?\s])[ \t]*[\r\n]+"), f" {FULL_STOP} "),
            normalizers.Lowercase(),
            *(normalizers.Replace(Regex(rf"\b{low}\b"), name) for low, name in _NAMED.items()),
        ]
    )
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()]
    )
    return PreTrainedTokenizerFast(tokenizer_object=backend, pad_token=PAD, unk_token=UNKNOWN)


def _parts(text: str) -> list[tuple[str, list[str]]]:
    """Each sentence or question with the mark that ends it, "" where the line or the text does."""
    found: list[tuple[str, list[str]]] = []
    pieces = [*_ENDS.split(text), ""]
    for said, end in zip(pieces[::2], pieces[1::2], strict=True):
        if words := re.findall(r"\w+|[^\w\s]", said):
            found.append((end.strip(), [spelled(word) for word in words]))
    return found


def _demand_order(told: Sequence[tuple[str, list[str]]]) -> None:
    """Raise BadText unless sentences come first and one question last."""
    questions = [place for place, (end, _) in enumerate(told) if end == QUESTION_MARK]
    if not told:
        raise BadText(
            "The story is empty; type sentences and a question, such as “Mary went to the garden. Where is Mary?”."
        )
    if not questions:
        raise BadText("The story has no question; end it with one, such as “Where is Mary?”.")
    if questions[0] == 0:
        asked = joined(told[0][1])
        raise BadText(
            f"“{asked}?” comes before any sentence of the story; tell the story first, and ask at its end."
        )
    if questions[0] < len(told) - 1:
        asked = joined(told[questions[0]][1])
        raise BadText(f"More follows the question “{asked}?”; ask one question, at the end of the story.")


def _demand_known(words: Iterable[str]) -> None:
    unknown = list(dict.fromkeys(word for word in words if word not in WORDS))
    if unknown:
        named = ", ".join(f"“{word}”" for word in unknown[:5]) + (" and more" if len(unknown) > 5 else "")
        are = "is no word" if len(unknown) == 1 else "are no words"
        raise BadText(f"{named} {are} that this network knows. It knows {_LISTED}.")


def _demand_short(sentences: Iterable[list[str]], most: int) -> None:
    for sentence in sentences:
        if len(sentence) > most:
            raise BadText(
                f"“{joined(sentence)}” has {len(sentence)} words, and at most {most} are read in one sentence; say it in "
                "several sentences."
            )


def _demand_told(question: list[str], kept: list[list[str]], sentences: int) -> None:
    """Raise BadText where the question is about what no sentence that is kept speaks of."""
    spoken = {word for sentence in kept for word in sentence}
    missing = [word for word in dict.fromkeys(question) if word in _ABOUT and word not in spoken]
    if not missing:
        return
    what = joined([missing[0] if missing[0] in NAMES else f"the {missing[0]}"])
    if sentences > len(kept):
        raise BadText(
            f"{what} does not appear in the last {len(kept)} sentences of the story, and no more are read; ask about what "
            "does, or tell a shorter story."
        )
    raise BadText(f"{what} does not appear in the story; ask about what does.")
