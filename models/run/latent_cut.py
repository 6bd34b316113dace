"""Switch off parts of what latent attention (MLA) caches, for one run and without touching a weight.

A head gate takes one reader away; a cut takes away what all heads of a layer read.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from jaxtyping import Shaped
from torch import Tensor, nn

from models.errors import BadSelection
from models.run.interventions import Cut
from models.run.latent_tap import latent_layers, latent_reader, rotary_width
from models.run.model import AttentionModel


@dataclass(frozen=True, slots=True)
class LatentCut:
    """What a layer's heads can no longer read in one run. Several cuts of one layer add up.

    layer: the layer, or None for every layer with latents. dimensions: latent dimensions set to zero, as zeroed columns of
    W_UK and W_UV would. directions: vectors [n, kv_lora_rank] (a tensor, an array or lists) whose span is projected out
    of every latent; only their directions matter. rotary: the shared rotated key set to zero, so that scores are content alone.
    whole: the whole latent set to zero, so that the layer's heads write nothing (but a bias, which MLA has none of); its
    patterns are then rotary alone.
    Whatever came is kept as tuples, so that a cut can be compared, be a key and be written down.
    A layer that reads another's cache (Mistral Large 4) is cut where it reads, and the other stays as it is.
    """

    layer: int | None = None
    dimensions: Sequence[int] = ()
    directions: Sequence[Sequence[float]] | Shaped[Tensor, "*axes"] = ()
    rotary: bool = False
    whole: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "dimensions", _whole_numbers(self.dimensions))
        object.__setattr__(self, "directions", _rows(self.directions))
        if not (self.dimensions or self.directions or self.rotary or self.whole):
            raise BadSelection(
                "A latent cut must name what to switch off, and this one names nothing; give dimensions, directions, "
                "rotary=True or whole=True."
            )


def _whole_numbers(dimensions: Any) -> tuple[int, ...]:
    try:
        return tuple(sorted({operator.index(dim) for dim in dimensions}))
    except TypeError:
        raise BadSelection(
            f"Latent dimensions must be a list of whole numbers, but {dimensions!r} came; count them from 0."
        ) from None


def _rows(directions: Any) -> tuple[tuple[float, ...], ...]:
    if isinstance(directions, Tensor):
        numbers: Any = directions.detach().float().cpu()
        directions = numbers.tolist()
    try:
        return tuple(tuple(float(number) for number in row) for row in directions)
    except TypeError:
        raise BadSelection(
            "Directions must be rows of numbers [n, kv_lora_rank], but a single row came; put it into a list."
        ) from None


def listed(latents_off: LatentCut | Iterable[LatentCut]) -> tuple[LatentCut, ...]:
    return (latents_off,) if isinstance(latents_off, LatentCut) else tuple(latents_off)


def cuts(model: AttentionModel, latents_off: LatentCut | Iterable[LatentCut]) -> dict[int, Cut]:
    """Cut per attention call of the forward pass. Raises BadSelection for what the model does not have."""
    wanted = listed(latents_off)
    if not wanted:
        return {}
    readers = latent_layers(model)
    if not readers:
        raise BadSelection(
            f"{model.name} caches no latents that could be switched off; choose a model with latent attention (MLA)."
        )
    _demand_layers(model, wanted, readers)
    made: dict[int, Cut] = {}
    for layer, module in readers.items():
        mine = [cut for cut in wanted if cut.layer in (None, layer)]
        if mine:
            made |= dict.fromkeys(model.plan.calls_of("decoder", layer), _cut(model, layer, module, mine))
    return made


def _demand_layers(model: AttentionModel, wanted: Sequence[LatentCut], readers: dict[int, nn.Module]) -> None:
    rotary = [layer for layer, module in readers.items() if rotary_width(module)]
    for cut in wanted:
        if cut.layer is not None and cut.layer not in readers:
            raise BadSelection(
                f"Layer {cut.layer} has no latents to switch off: {model.name} has them in {_span(sorted(readers))}, "
                "counted from 0."
            )
        if cut.rotary and (not rotary if cut.layer is None else cut.layer not in rotary):
            where = "None of its layers has" if cut.layer is None else f"Its layer {cut.layer} does not have"
            raise BadSelection(
                f"{model.name} has no rotary key to switch off there. {where} one; choose dimensions or directions."
            )


def _span(layers: list[int]) -> str:
    if layers == list(range(layers[0], layers[-1] + 1)) and len(layers) > 1:
        return f"layers {layers[0]} to {layers[-1]}"
    return f"layer{'s' * (len(layers) > 1)} {', '.join(map(str, layers))}"


def _cut(model: AttentionModel, layer: int, module: nn.Module, mine: Sequence[LatentCut]) -> Cut:
    reader = latent_reader(module)
    assert reader is not None, "only layers with latents are cut"
    rank = reader.in_features
    dims = sorted({dim for cut in mine for dim in cut.dimensions})
    if dims and not 0 <= dims[0] <= dims[-1] < rank:
        wrong = dims[0] if dims[0] < 0 else dims[-1]
        raise BadSelection(
            f"Latent dimension {wrong} is out of range: layer {layer} of {model.name} has {rank} (0 to {rank - 1})."
        )
    keep = None
    if dims or any(cut.whole for cut in mine):
        keep = torch.ones(rank, device=model.device, dtype=torch.float32)
        keep[slice(None) if any(cut.whole for cut in mine) else dims] = 0.0
    rows = [cast(tuple[float, ...], row) for cut in mine for row in cut.directions]
    rotary = rotary_width(module) or 0 if any(cut.rotary for cut in mine) else 0
    return Cut(keep, _basis(model, layer, rows, rank, keep), rotary)


def _basis(
    model: AttentionModel, layer: int, rows: list[tuple[float, ...]], rank: int, keep: Tensor | None
) -> Tensor | None:
    """Orthonormal basis of the directions' span beside the dimensions that are zeroed anyway, [kv_lora_rank, n]."""
    for row in rows:
        if len(row) != rank or not all(map(math.isfinite, row)) or not any(row):
            raise BadSelection(
                f"A direction must hold {rank} finite numbers that are not all zero, as layer {layer} of {model.name} has "
                f"latents of {rank}, but one of {len(row)} came; give rows [n, {rank}]."
            )
    if not rows:
        return None
    spanned = torch.nn.functional.normalize(torch.tensor(rows, dtype=torch.float64), dim=-1)
    if keep is not None:
        spanned = spanned * keep.double().cpu()
    linalg: Any = torch.linalg
    left, values, _ = linalg.svd(spanned.T, full_matrices=False)
    return left[:, values > 1e-9].float().to(model.device)
