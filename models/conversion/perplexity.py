"""What a smaller cache costs: perplexity of a model on a text, and of the models converted to several ranks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from models.conversion.calibration import CHARACTERS_PER_TOKEN, CONTEXT, excerpt, token_row
from models.conversion.convert import LatentSpectra, convert_to_mla
from models.conversion.ranks import ranks_for_share
from models.errors import BadSelection, BadText
from models.look.evaluation_texts import evaluation_text
from models.look.token_losses import demand_decoder
from models.progress import Progress, no_progress, part
from models.run.cache_modes import cache_bytes, new_cache
from models.run.inputs import listed_texts
from models.run.model import AttentionModel
from models.shape.cache_size import cache_bytes_per_token, cache_elements_per_token

MOST_TOKENS = 4096
LIVE_TOKENS = 16  # that a cache is filled with to be weighed; fewer than any window that a model sees through


@dataclass(frozen=True, slots=True)
class Perplexity:
    """perplexity: exp of `loss`, the mean over `tokens` predicted tokens in nats per token; windows: of 512 tokens at most,
    each read by itself. source: which text it was, in a few words.
    """

    perplexity: float
    loss: float
    tokens: int
    windows: int
    source: str


@dataclass(frozen=True, slots=True)
class RankPoint:
    """What one size of latents costs. ranks: of each layer, None for the original; cache_share: of the original's cache.

    bytes_by_formula, bytes_measured: that the cache takes per token, as DeepSeek-V2's Table 1 has it, and as counted from
    the tensors of a live one.
    """

    ranks: tuple[int, ...] | None
    cache_share: float
    bytes_by_formula: float
    bytes_measured: float
    perplexity: Perplexity


def measure_perplexity(
    model: AttentionModel,
    texts: str | Sequence[str] | None = None,
    *,
    max_tokens: int = MOST_TOKENS,
    progress: Progress = no_progress,
) -> Perplexity:
    """Perplexity of a decoder on one text or several, None for the prose that comes with Headlight for this.

    Each text is cut into windows of 512 tokens (fewer where the model's context is shorter), at most max_tokens in all and
    then spread evenly. The first token of each window is predicted by nothing and does not count; on a text of one window
    the loss is the mean of `token_loss`. Raises BadText where there is nothing to predict, BadSelection for anything but a
    decoder with a language head.
    """
    demand_decoder(model)
    windows = _windows(model, evaluation_text() if texts is None else texts, max_tokens)
    total, count = 0.0, 0
    for number, window in enumerate(windows):
        progress(f"Measuring the perplexity of {model.name}", number / len(windows))
        total += _summed_loss(model, window)
        count += len(window) - 1
    progress(f"The perplexity of {model.name} is measured", 1.0)
    loss = total / count
    source = "prose that comes with Headlight" if texts is None else "a text that was given"
    return Perplexity(math.exp(min(loss, 700.0)), loss, count, len(windows), source)


def original_point(
    model: AttentionModel,
    texts: str | Sequence[str] | None = None,
    *,
    max_tokens: int = MOST_TOKENS,
    progress: Progress = no_progress,
) -> RankPoint:
    """The model as it is, measured like the points of `rank_curve`. Raises BadText, BadSelection as `measure_perplexity`."""
    seen = measure_perplexity(model, texts, max_tokens=max_tokens, progress=progress)
    return RankPoint(None, 1.0, cache_bytes_per_token(model.geometry, model.dtype), live_bytes(model), seen)


def rank_curve(
    model: AttentionModel,
    spectra: LatentSpectra,
    shares: Sequence[float],
    texts: str | Sequence[str] | None = None,
    *,
    by_spectrum: bool = False,
    max_tokens: int = MOST_TOKENS,
    progress: Progress = no_progress,
) -> Iterator[RankPoint]:
    """Perplexity against cache bytes, one point at a time, in the order of `shares` of the model's cache (0 to 1).

    by_spectrum: whether layers share the numbers out by what they hold, as `ranks_for_budget` does, or all get as many.
    Shares that come to the same ranks come once. No more than one converted copy is held at a time, and the model itself
    is not changed; an exception from `progress` ends the work. Raises BadSelection where a share is none, before anything
    is measured, and what `convert_to_mla` and `measure_perplexity` raise.
    """
    wanted = [ranks_for_share(model, share, spectra.layers if by_spectrum else None) for share in shares]
    ranks = list(dict.fromkeys(wanted))
    return _points(model, spectra, ranks, texts, max_tokens, progress)


def _points(
    model: AttentionModel,
    spectra: LatentSpectra,
    wanted: list[tuple[int, ...]],
    texts: str | Sequence[str] | None,
    max_tokens: int,
    progress: Progress,
) -> Iterator[RankPoint]:
    for number, ranks in enumerate(wanted):
        own = part(progress, number / len(wanted), (number + 1) / len(wanted))
        yield _point(model, spectra, ranks, texts, max_tokens, own)


def _point(
    model: AttentionModel,
    spectra: LatentSpectra,
    ranks: tuple[int, ...],
    texts: str | Sequence[str] | None,
    max_tokens: int,
    progress: Progress,
) -> RankPoint:
    """In a function of its own, so that the copy is gone before the next is made."""
    made = convert_to_mla(model, ranks, spectra, progress=part(progress, 0.0, 0.3))
    seen = measure_perplexity(made, texts, max_tokens=max_tokens, progress=part(progress, 0.3, 1.0))
    return RankPoint(
        ranks=ranks,
        cache_share=sum(ranks) / cache_elements_per_token(model.geometry),
        bytes_by_formula=cache_bytes_per_token(made.geometry, made.dtype),
        bytes_measured=live_bytes(made),
        perplexity=seen,
    )


@torch.inference_mode()
def live_bytes(model: AttentionModel) -> float:
    """Bytes per token that a live cache of the model holds, counted from its tensors, what is preallocated left out."""
    ids = torch.arange(1, LIVE_TOKENS + 1, device=model.device)[None] % model.geometry.vocab
    run: Any = model.module
    kept = run(input_ids=ids, past_key_values=new_cache(model), use_cache=True).past_key_values
    return cache_bytes(kept).used / LIVE_TOKENS


def _windows(model: AttentionModel, texts: str | Sequence[str], most: int) -> list[Tensor]:
    """Token ids of each window, int64 [pos], at least two of them."""
    width = min(CONTEXT, model.geometry.context or CONTEXT)
    if most < 2:
        raise BadSelection(f"At least 2 tokens make something to predict, but max_tokens={most} came.")
    given = listed_texts(texts)
    room = CHARACTERS_PER_TOKEN * max(most // len(given), CONTEXT)
    rows = [token_row(model, excerpt(text, room)) for text in given]
    windows = [window for row in rows for window in row.split(width) if len(window) > 1]
    if not windows:
        raise BadText(
            f"The text to measure on has {max(map(len, rows))} token, which nothing predicts: give a longer one, some hundred "
            "words."
        )
    count = max(most // width, 1)
    if len(windows) > count:
        windows = [
            windows[place]
            for place in torch.linspace(0, len(windows) - 1, count, dtype=torch.float32).long().tolist()
        ]
    return [window[:most] for window in windows]


@torch.inference_mode()
def _summed_loss(model: AttentionModel, ids: Tensor) -> float:
    """In float32, position by position in float64 sums."""
    run: Any = model.module
    logits = run(input_ids=ids[None].to(model.device), use_cache=False).logits[0, :-1]
    losses = [
        functional.cross_entropy(part.float(), wanted.to(part.device), reduction="none").double().sum()
        for part, wanted in zip(logits.split(256), ids[1:].split(256), strict=True)
    ]
    return float(sum(losses))
