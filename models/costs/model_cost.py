"""What a model costs by arithmetic: bytes of cache and weights, operations, and the time that a device's peak allows."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from models.costs.arithmetic import (
    Case,
    again_bytes,
    cache_bytes_of,
    cross_bytes,
    kept_per_token,
    prompt_attention_flops,
    step_attention_flops,
)
from models.costs.lines import Line, cache_lines, flops_lines, moved_lines, weight_lines
from models.costs.model_anatomy import Anatomy
from models.costs.peaks import Peaks
from models.costs.sources import Source, anatomy
from models.errors import BadSelection
from models.run.cache_modes import known_mode
from models.shape.attention_geometry import FORM_NAMES, Geometry
from models.shape.cache_size import CacheMode
from models.shape.number_format import number_format

__all__ = ["Anatomy", "Cost", "Line", "Work", "anatomy", "cost"]
MOST = 10**9  # tokens or texts: beyond it a number is a slip


@dataclass(frozen=True, slots=True)
class Work:
    """One pass over all texts. flops: multiplications and additions, each counted by itself; bytes: what at least has to be
    moved between memory and processor, weights and cache, without activations."""

    flops: int
    bytes: int

    @property
    def intensity(self) -> float:
        """Operations for each byte moved."""
        return self.flops / self.bytes

    def seconds(self, peaks: Peaks) -> float:
        """The least time on a device with these peaks: the roofline of Williams, Waterman and Patterson (2009)."""
        return max(self.flops / peaks.flops_per_s, self.bytes / peaks.memory_bytes_per_s)


@dataclass(frozen=True, slots=True)
class Cost:
    """By formula, nothing of it measured.

    bytes_per_token: what one more token of one text adds to the cache while no window is full. cache_bytes: of `tokens`
    tokens of each of `batch` texts, windows capped, a source text's for cross-attention with them; None where a layer is of
    an unknown kind. weight_bytes: all; active_weight_bytes: what one token's pass reads. prefill: reading `tokens`
    tokens of each text; decode: one token of each, the last of `tokens`. None where something is not known, which `notes`
    say. lines: every number with its formula, the numbers filled in.
    """

    name: str
    shape: Geometry
    tokens: int
    batch: int
    dtype: torch.dtype
    cache: CacheMode
    bytes_per_token: int | None
    cache_bytes: int | None
    weight_bytes: int | None
    active_weight_bytes: int | None
    prefill: Work | None
    decode: Work | None
    lines: tuple[Line, ...]
    notes: tuple[str, ...]


def cost(
    source: Source,
    tokens: int,
    batch: int = 1,
    dtype: str | torch.dtype = "bfloat16",
    cache: str = "auto",
    source_tokens: int | None = None,
) -> Cost:
    """Bytes, operations and bytes moved of a model, from its config alone; see `anatomy` for what `source` may be.

    dtype: number format of weights and cache, any floating-point one of PyTorch. cache: for latent attention "latent",
    "absorbed" (which "auto" is) or "expanded", as in `new_cache`. source_tokens: of the text that an encoder-decoder answers
    to, `tokens` where not given. Raises BadSelection for numbers below 1 or beyond 1,000,000,000, for what is no number format,
    for a mode that does not apply, for an encoder and for attention without keys and values; UnsupportedModel, UnknownModel as
    `anatomy`.
    """
    _demand("tokens", tokens)
    _demand("texts at once", batch)
    _demand("tokens of the source", tokens if source_tokens is None else source_tokens)
    number = number_format(dtype)
    mode, model = known_mode(cache), anatomy(source)
    if model.shape.role == "encoder":
        raise BadSelection(
            "An encoder reads its text at once and keeps no cache, so there is nothing to work out; choose a decoder."
        )
    if model.shape.form != "dot product":
        raise BadSelection(
            f"{model.name or 'This model'} has {FORM_NAMES[model.shape.form]} and keeps no keys and values, so there is no "
            "cache to work out; choose a decoder."
        )
    if model.shape.kind != "mla" and mode != "auto":
        raise BadSelection(f"The cache mode {mode!r} is for latent attention alone; leave it at “auto”.")
    case = Case(model, tokens, batch, number.itemsize, mode, source_tokens or tokens)
    return _worked_out(case, number)


def _demand(what: str, count: int) -> None:
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= MOST:
        raise BadSelection(
            f"The number of {what} must be a whole number from 1 to {MOST:,}, but {count!r} came."
        )


def _worked_out(case: Case, dtype: torch.dtype) -> Cost:
    model, size = case.model, case.size
    known = all(group.keeps != "unknown" for group in model.layers)
    each = sum(size * group.count * kept_per_token(group, case.mode) for group in model.layers)
    cache = sum(cache_bytes_of(case, group) for group in model.layers) + cross_bytes(case)
    prefill, decode, lines, notes = _work(case, cache) if known else (None, None, (), ())
    weights = model.weights
    return Cost(
        name=model.name,
        shape=model.shape,
        tokens=case.tokens,
        batch=case.batch,
        dtype=dtype,
        cache=case.mode,
        bytes_per_token=each if known else None,
        cache_bytes=cache if known else None,
        weight_bytes=None if weights is None else size * weights.total,
        active_weight_bytes=None if weights is None or weights.read is None else size * weights.read,
        prefill=prefill,
        decode=decode,
        lines=(
            *(cache_lines(case) if known else ()),
            *(weight_lines(weights, size) if weights is not None else ()),
            *lines,
        ),
        notes=(*model.notes, *notes),
    )


def _work(case: Case, cache: int) -> tuple[Work | None, Work | None, tuple[Line, ...], tuple[str, ...]]:
    """Prompt and step with their lines; or why they are not worked out."""
    weights, layers = case.model.weights, case.model.layers
    if weights is None:
        return (
            None,
            None,
            (),
            ("Of this model only the attention is known, so its operations are not counted.",),
        )
    if case.model.shape.role == "encoder-decoder":
        return None, None, (), ("Operations of an encoder-decoder are not worked out.",)
    read = weights.read_by(case.tokens * case.batch), weights.read_by(case.batch)
    if weights.multiplied is None or read[0] is None or read[1] is None:
        return (
            None,
            None,
            (),
            ("How many experts a token is sent to is not known, nor what follows from it.",),
        )
    of_prompt = sum(prompt_attention_flops(group, case.tokens) for group in layers)
    of_step = sum(step_attention_flops(group, case.tokens, case.mode) for group in layers)
    prefill = Work(
        case.batch * (2 * weights.multiplied * case.tokens + 2 * weights.head + of_prompt),
        case.size * read[0] + cache,
    )
    again = sum(again_bytes(case, group) for group in layers)
    decode = Work(
        case.batch * (2 * (weights.multiplied + weights.head) + of_step), case.size * read[1] + cache + again
    )
    lines = (
        *flops_lines(case, weights, prefill.flops, decode.flops),
        *moved_lines(case, (read[0], read[1]), cache, prefill.bytes, decode.bytes),
    )
    return prefill, decode, lines, ()
