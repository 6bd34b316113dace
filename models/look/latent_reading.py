"""What the heads make of latents (MLA): how far each reads them, with which weights, and how alike.

Functions of a capture read one text; functions of a model read weights alone. Other kinds of attention are read by the
same functions where they have the same thing (keys and values per head, cached vectors).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from models.errors import BadSelection
from models.look.captured import Capture
from models.look.subspace_overlap import SubspaceOverlap, subspace_angles, subspace_overlap
from models.progress import Progress, no_progress
from models.run.latent_tap import latent_layers, latent_reader, rotary_width
from models.run.model import AttentionModel


@dataclass(frozen=True, slots=True)
class PositionReads:
    """How long the key and the value are that each head builds of each position, float32 [head, pos].

    MLA: ||W_UK^h c|| and ||W_UV^h c|| for the one latent c of the position (DeepSeek-V2, arXiv 2405.04434, equations 10
    and 11), the shared rotated key left out. Other kinds: the whole cached key and value of the head's key/value head.
    """

    key_norms: Tensor
    value_norms: Tensor


def position_reads(run: Capture, layer: int) -> PositionReads:
    """What every head reads from every position. Raises BadSelection where keys and values cannot be seen."""
    call, latent = run._call(layer, None), run._latent_if_mla(layer, None)
    key = call.key if latent is None else latent.content_key(call)
    norms = [call.per_head(part.float().norm(dim=-1)) for part in (key, call.value)]
    return PositionReads(norms[0].cpu(), norms[1].cpu())


@dataclass(frozen=True, slots=True)
class DimensionUse:
    """How strongly each head's key and value depend on each latent dimension, float32 [head, kv_lora_rank].

    Norms of the columns of W_UK^h and W_UV^h: how far the key (the value) moves when the dimension moves by one.
    """

    key_norms: Tensor
    value_norms: Tensor


def dimension_use(model: AttentionModel, layer: int) -> DimensionUse:
    """Which heads use which latent dimension. Raises BadSelection for models and layers without latents."""
    up_key, up_value = up_projections(model, layer)
    return DimensionUse(up_key.norm(dim=1), up_value.norm(dim=1))


def up_projections(model: AttentionModel, layer: int) -> tuple[Tensor, Tensor]:
    """W_UK [head, qk_nope_head_dim, kv_lora_rank] and W_UV [head, v_head_dim, kv_lora_rank], float32, on the CPU.

    They read latents as `Capture.kv_latent` shows them; in converted models the heads of one group have equal ones. Raises
    BadSelection where the layer has no latents, or where its weights are not kept as plain numbers.
    """
    layers = latent_layers(model)
    if layer not in layers:
        has = f"it has them in {', '.join(map(str, layers))}" if layers else "it is no MLA model"
        raise BadSelection(f"Layer {layer} of {model.name} has no latents ({has}); choose another.")
    module: Any = layers[layer]
    reader = latent_reader(module)
    weight = None if reader is None else reader.weight
    if not isinstance(weight, Tensor) or weight.ndim != 2 or not weight.is_floating_point():
        raise BadSelection(
            f"The weights of {model.name} are packed, so what its heads read cannot be worked out; load them in float32."
        )
    weight = weight.detach().float().cpu()
    if rotary_width(module) is None:  # converted: keys of all key/value heads, then values of all
        key, value = weight.unflatten(0, (2, module.kv_heads, -1)).repeat_interleave(
            module.num_key_value_groups, 1
        )
        return key, value
    widths = [int(module.qk_nope_head_dim), int(module.v_head_dim)]
    per_head = weight.unflatten(0, (-1, sum(widths)))
    return per_head[:, : widths[0]], per_head[:, widths[0] :]


@dataclass(frozen=True, slots=True)
class Spectrum:
    """How many directions a set of vectors really uses.

    singular_values: float32 [min(pos, elements)], largest first, of the matrix [pos, elements] as it is: not centred,
    for heads read the vectors, not their deviation from a mean. effective_rank: exp of the entropy of the singular
    values over their sum, 1 to min(pos, elements); Roy & Vetterli 2007 ("The effective rank", EUSIPCO), definition 1.
    A text of fewer tokens than elements cannot show more directions than tokens: compare with `positions`.
    """

    singular_values: Tensor
    effective_rank: float
    positions: int
    elements: int


def spectrum(vectors: Tensor) -> Spectrum:
    """The spectrum of vectors [pos, elements]; an effective rank of 0 where all are zero."""
    values = torch.linalg.svdvals(vectors.double())
    share = values / values.sum().clamp(min=torch.finfo(values.dtype).tiny)
    rank = torch.special.entr(share).sum().exp().item() if bool(values.any()) else 0.0
    return Spectrum(values.float(), rank, *vectors.shape)


def cache_spectra(run: Capture) -> tuple[Spectrum, ...]:
    """Per layer, how much of its cache a text uses: of the latents (MLA), of keys and values together (other kinds)."""
    layers = range(run.layers())
    return tuple(spectrum(run.kv_latent(i) if run.has_latents(i) else run.cached(i)) for i in layers)


def head_overlap(
    model: AttentionModel, layer: int, reads: str = "key", *, progress: Progress = no_progress
) -> SubspaceOverlap:
    """The overlap of what the heads of a layer read for their keys, or with reads="value" for their values."""
    return subspace_overlap(_read_by_heads(model, layer, reads), progress=progress)


def head_angles(model: AttentionModel, layer: int, heads: tuple[int, int], reads: str = "key") -> Tensor:
    """Principal angles of what two heads of a layer read, float32 [smaller rank] in radians, smallest first."""
    weights = _read_by_heads(model, layer, reads)
    return subspace_angles(weights[heads[0]], weights[heads[1]])


def _read_by_heads(model: AttentionModel, layer: int, reads: str) -> Tensor:
    if reads not in ("key", "value"):
        raise BadSelection(
            f'Heads read latents for a "key" or a "value", but {reads!r} came; choose one of the two.'
        )
    return up_projections(model, layer)[reads == "value"]


@dataclass(frozen=True, slots=True)
class ScoreShares:
    """Which part of a head's scores tells one key from another on a text, float32 [layer, head].

    Adding the same number to all scores of a query changes no attention, so a part counts by how much it varies over the
    keys that a query may see. With V_c, V_r the variances of content and rotary part within a query's visible keys,
    pooled over all queries (each visible pair counts once), and C their covariance:
      content: V_c / (V_c + V_r), 0 to 1; the rotary share is 1 - content.
      coupling: 2 C / (V_c + V_r), -1 to 1: above 0 the parts push the same keys, below 0 they cancel. The variance of the
        whole score is (V_c + V_r) (1 + coupling).
    NaN for layers without latents, heads a layer does not have, and texts of one token. A convention of ours; the rotary
    part, too, depends on the tokens, not on their distance alone.
    """

    content: Tensor
    coupling: Tensor

    def kind(self, layer: int, head: int) -> str:
        """ "content head" from two thirds up, "position head" from one third down, "mixed head" between, else ""."""
        share = self.content[layer, head].item()
        if share != share:
            return ""
        return "content head" if share >= 2 / 3 else "position head" if share <= 1 / 3 else "mixed head"


def score_shares(run: Capture) -> ScoreShares:
    """Content and rotary share of every head on the captured text. Raises BadSelection for models without latents."""
    layers = [layer for layer in range(run.layers()) if run.has_latents(layer)]
    if not layers:
        run.kv_latent(0)  # says why in a sentence
    run.k_rope(layers[0])  # and this, where keys are of one piece
    widest = max(run.heads(layer) for layer in range(run.layers()))
    content = torch.full((run.layers(), widest), torch.nan, dtype=torch.float32)
    coupling = content.clone()
    for layer in layers:
        call = run._call(layer, None)
        visible = call.visible()
        for head in range(call.heads):
            parts = run._latent(layer, None).score_parts(call, head)
            seen = visible[head if visible.shape[0] > 1 else 0]
            one, other, both = _pooled_variances(*parts, seen)
            if one + other > 0:
                content[layer, head] = one / (one + other)
                coupling[layer, head] = 2 * both / (one + other)
    return ScoreShares(content, coupling)


def _pooled_variances(content: Tensor, rotary: Tensor, seen: Tensor) -> tuple[float, float, float]:
    """Sums of squares, and of products, of the deviations from each row's mean over what it sees."""
    count = seen.sum(-1, keepdim=True).clamp(min=1)

    def deviation(part: Tensor) -> Tensor:
        part = part.masked_fill(~seen, 0.0)
        return (part - part.sum(-1, keepdim=True) / count).masked_fill(~seen, 0.0)

    one, other = deviation(content).flatten(), deviation(rotary).flatten()
    return torch.dot(one, one).item(), torch.dot(other, other).item(), torch.dot(one, other).item()
