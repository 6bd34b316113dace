"""How much of a head's attention goes to function words and punctuation, which carry grammar more than content."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from models.look.captured import Capture
from models.progress import Progress, no_progress
from models.run.records import Patterns

BLOCK_ELEMENTS = 2**20  # weights in flight: 4 MB, which stay in a core's cache

_ARTICLES = "a an the"
_DETERMINERS = (
    "this that these those some any no every each either neither both all such other another much many more most few fewer "
    "less least several enough own same what which whose"
)
_PRONOUNS = (
    "i me my mine myself you your yours yourself yourselves he him his himself she her hers herself it its itself we us our "
    "ours ourselves they them their theirs themselves who whom one oneself none nobody nothing something someone somebody "
    "anything anyone anybody everything everyone everybody"
)
_PREPOSITIONS = (
    "about above across after against along among around as at before behind below beneath beside besides between beyond by "
    "despite down during except for from in inside into like near of off on onto out outside over past since through "
    "throughout till to toward towards under until up upon via with within without"
)
_CONJUNCTIONS = "and but or nor so yet if unless because although though while whereas whether than once when where why how"
_AUXILIARIES = (
    "am is are was were be been being do does did done doing have has had having can could may might must shall should will "
    "would ought"
)
_PARTICLES = (
    "not too also then there here just only even very quite rather still again ever never now however thus"
)
_CLITICS = "'s 't 're 'll 've 'd 'm ’s ’t ’re ’ll ’ve ’d ’m"
FUNCTION_WORDS = frozenset(
    " ".join(
        (_ARTICLES, _DETERMINERS, _PRONOUNS, _PREPOSITIONS, _CONJUNCTIONS, _AUXILIARIES, _PARTICLES, _CLITICS)
    ).split()
)


@dataclass(frozen=True, slots=True)
class FunctionWordAttention:
    """What heads give to the function words (of English) and the punctuation of one text.

    share: [layer, head], of the attention that does not go to the text's first token, 0 to 1. chance: what heads would
    give that spread the same attention evenly over all tokens they may see but the first. beyond_first: the attention that
    does not go to the first token, mean over queries, 0 to 1: a share of little says little. NaN where a layer has fewer
    heads. marked: which keys count, [key].
    """

    share: Tensor
    chance: Tensor
    beyond_first: Tensor
    marked: tuple[bool, ...]

    @property
    def above_chance(self) -> Tensor:
        """[layer, head]; below 0 where a head avoids these tokens."""
        return self.share - self.chance


def function_word_attention(
    run: Capture, stack: str | None = None, progress: Progress = no_progress
) -> FunctionWordAttention:
    """The score of every head of a stack on the run's text. An exception from `progress` ends the work."""
    marked = function_tokens(run.key_tokens(stack))
    heads = [run.heads(layer, stack) for layer in range(run.layers(stack))]
    found = torch.full((3, len(heads), max(heads)), torch.nan, dtype=torch.float32)
    for layer, count in enumerate(heads):
        progress(f"Looking for function words in layer {layer}", layer / len(heads))
        attention = run.layers_of[stack or run.stack][layer].attention
        found[:, layer, :count] = _shares(attention, torch.tensor(marked))
    progress("Function words are counted", 1.0)
    return FunctionWordAttention(found[0], found[1], found[2], marked)


def function_tokens(tokens: Sequence[str]) -> tuple[bool, ...]:
    """Which display tokens are punctuation or belong to a function word; a part of a longer word does not count."""
    found = [_is_punctuation(token) for token in tokens]
    for places in _words(tokens):
        word = "".join(tokens[place].strip().removeprefix("##") for place in places).lower()
        for place in places if word in FUNCTION_WORDS else ():
            found[place] = True
    return tuple(found)


def _is_punctuation(token: str) -> bool:
    return bool(token.strip()) and not any(character.isalnum() for character in token)


def _words(tokens: Sequence[str]) -> Iterator[list[int]]:
    """The places of the tokens that make one word, word by word.

    A word begins at a space, after punctuation, or with an apostrophe. Where no token begins with a space (WordPiece), each
    begins a word but those marked with ##.
    """
    spaced = any(token.startswith(" ") for token in tokens)
    word: list[int] = []
    for place, token in enumerate(tokens):
        before = tokens[place - 1][-1:] if place else ""
        goes_on = token[:1].isalnum() and before.isalnum() if spaced else token.startswith("##")
        if word and not goes_on:
            yield word
            word = []
        word.append(place)
    if word:
        yield word


def _shares(attention: Patterns, marked: Tensor) -> Tensor:
    """Share, chance, and what goes beyond the first token, [3, head]; a block of queries at a time."""
    device = attention.visible(slice(0, 1)).device
    counted = marked.to(device).float()
    counted[:1] = 0.0
    on = torch.zeros(attention.heads, device=device, dtype=torch.float32)
    even, beyond = torch.zeros_like(on), torch.zeros_like(on)
    step = max(BLOCK_ELEMENTS // (attention.heads * attention.keys), 1)
    for start in range(0, attention.queries, step):
        rows = slice(start, min(start + step, attention.queries))
        weights = attention.upto(rows.stop).weights(None, rows)
        visible = attention.visible(rows)[..., : weights.shape[-1]].float()
        marks = counted[: weights.shape[-1]]
        rest = weights[..., 1:].sum(-1)  # [head, row]
        on += (weights @ marks).sum(-1)
        even += (rest * (visible @ marks) / visible[..., 1:].sum(-1).clamp(min=1)).sum(-1)
        beyond += rest.sum(-1)
    return torch.stack([on / beyond, even / beyond, beyond / attention.queries]).cpu()
