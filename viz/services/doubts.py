"""Experiments on what people say about pruning, each worked out once for all visitors."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st
import torch

from models.look.capturing import capture_with_logits, encode_for
from models.look.evaluation_texts import TEXT_TOKENS
from models.look.function_words import FunctionWordAttention, function_word_attention
from models.progress import Progress, no_progress, part
from models.pruning.order import heads_of
from models.run.head_gates import Head
from viz.services import importance
from viz.services.importance import Evaluation
from viz.services.kept import Kept, results

MOST_POINTS = 16  # numbers of heads that are tried
DRAWS = 3


@dataclass(frozen=True, slots=True)
class FewHeads:
    """What is left of a model with few heads in each layer.

    kept: heads that stay in each layer, or all of a layer that has fewer. best: what the evaluation's metric is with those
    that are missed most alone; random: [draw][kept], with random ones.
    """

    kept: tuple[int, ...]
    best: tuple[float, ...]
    random: tuple[tuple[float, ...], ...]


@st.cache_resource(show_spinner=False)
def _words() -> Kept[FunctionWordAttention]:
    return Kept(results())


def kept_counts(evaluation: Evaluation) -> tuple[int, ...]:
    """How many heads to a layer are tried: all numbers, or some, 12 among them, of a model with many."""
    widest = max(len(own) for own in _by_layer(evaluation))
    if widest <= MOST_POINTS:
        return tuple(range(1, widest + 1))
    spread = {round(place) for place in torch.linspace(1, widest, MOST_POINTS - 1).tolist()}
    return tuple(sorted(spread | {12}))


def few_heads(evaluation: Evaluation, progress: Progress = no_progress) -> FewHeads:
    """Raises HeadlightError."""
    importance.importance(evaluation, part(progress, 0.0, 0.3))
    kept = kept_counts(evaluation)
    sets = [_left_out(evaluation, count, draw) for draw in (None, *range(DRAWS)) for count in kept]
    found = importance.without_each(evaluation, sets, part(progress, 0.3, 1.0))
    rows = [found[start : start + len(kept)] for start in range(0, len(found), len(kept))]
    return FewHeads(kept, rows[0], tuple(rows[1:]))


def is_few_heads_known(evaluation: Evaluation) -> bool:
    return importance.is_importance_known(evaluation) and all(
        importance.is_without_known(evaluation, _left_out(evaluation, count, draw))
        for draw in (None, *range(DRAWS))
        for count in kept_counts(evaluation)
    )


def all_but_best(evaluation: Evaluation, count: int) -> tuple[Head, ...]:
    """Every head of the stack but the `count` that are missed most alone."""
    mean = importance.importance(evaluation).mean
    ranked = sorted(heads_of(evaluation.loaded, evaluation.stack), key=lambda head: -mean[head].item())
    return tuple(sorted(ranked[count:]))


def _left_out(evaluation: Evaluation, count: int, draw: int | None) -> tuple[Head, ...]:
    """All heads but `count` of each layer: the most important, or those of a draw."""
    mean = importance.importance(evaluation).mean
    generator = torch.Generator().manual_seed(draw or 0)
    off: list[Head] = []
    for own in _by_layer(evaluation):
        order = torch.randperm(len(own), generator=generator).tolist()
        shuffled = [own[place] for place in order]
        ranked = sorted(own, key=lambda head: -mean[head].item()) if draw is None else shuffled
        off += ranked[count:]
    return tuple(sorted(off))


def _by_layer(evaluation: Evaluation) -> list[list[Head]]:
    every = heads_of(evaluation.loaded, evaluation.stack)
    return [[head for head in every if head[0] == layer] for layer in sorted({layer for layer, _ in every})]


def words(evaluation: Evaluation, progress: Progress = no_progress) -> FunctionWordAttention:
    """Attention to function words and punctuation, on the first text that heads are ranked on. Raises HeadlightError."""

    def make() -> FunctionWordAttention:
        progress("Reading the text", 0.0)
        model = evaluation.loaded
        encoded = encode_for(model, importance.read_texts(evaluation).ranked[0], max_tokens=TEXT_TOKENS)
        run, _ = capture_with_logits(model, encoded)
        return function_word_attention(run, evaluation.stack, part(progress, 0.3, 1.0))

    return _words().get(evaluation, make, progress)


def are_words_known(evaluation: Evaluation) -> bool:
    return evaluation in _words()


def most_bound(found: FunctionWordAttention, count: int) -> tuple[Head, ...]:
    """The heads that give function words and punctuation the largest share of their attention."""
    flat = found.share.flatten().nan_to_num(-1.0)
    places = flat.argsort(descending=True, stable=True)[:count].tolist()
    return tuple(sorted(divmod(place, found.share.shape[1]) for place in places))
