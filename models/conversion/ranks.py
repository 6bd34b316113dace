"""How wide the latents may be, and how a budget of bytes is shared out over the layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

import torch

from models.conversion.factors import Spectrum
from models.errors import BadSelection
from models.run.model import AttentionModel

Rope = Literal["latent", "decoupled"]
ROPES: tuple[Rope, ...] = ("latent", "decoupled")
SMALLEST: dict[Rope, int] = {"latent": 1, "decoupled": 4}  # a rotary pair, the constant and one direction


def full_rank(model: AttentionModel, rope: Rope = "latent") -> int:
    """How many numbers per token and layer a conversion is exact with.

    Keys and values of all key/value heads, or d_model if that is less. With a decoupled rotary key: all keys, and for the
    values (or d_model) a latent with one constant more.
    """
    shape = model.geometry
    keys, values = shape.kv_heads * shape.d_head, shape.kv_heads * shape.v_head_dim
    return keys + min(values, shape.d_model) + 1 if rope == "decoupled" else min(keys + values, shape.d_model)


def check_rope(rope: str) -> Rope:
    """`rope`, if it is one of the two ways; BadSelection otherwise."""
    if rope not in ROPES:
        raise BadSelection(
            f"The rotary part is kept in the latent or decoupled, but {rope!r} came: give one of {ROPES}."
        )
    return cast(Rope, rope)


def check_ranks(
    model: AttentionModel, kv_rank: int | Sequence[int], rope: Rope = "latent"
) -> tuple[int, ...]:
    """One rank for each layer. Raises BadSelection where one is no whole number between the smallest and the full rank, and
    where ranks differ from layer to layer though the rotary key is decoupled.
    """
    layers, least, most = model.geometry.layers, SMALLEST[rope], full_rank(model, rope)
    listed = isinstance(kv_rank, Sequence) and not isinstance(kv_rank, str)
    ranks = tuple(cast(Sequence[int], kv_rank)) if listed else (cast(int, kv_rank),) * layers
    if len(ranks) != layers:
        raise BadSelection(
            f"{model.name} has {layers} layers, but {len(ranks)} ranks came: give one for each layer, or one for all."
        )
    for rank in ranks:
        if not isinstance(rank, int) or isinstance(rank, bool) or not least <= rank <= most:
            raise BadSelection(
                f"The rank of a latent of {model.name} must be a whole number from {least} to {most}, its full rank, but "
                f"{rank} came."
            )
    if rope == "decoupled" and len(set(ranks)) > 1:
        raise BadSelection(
            "With a decoupled rotary key all layers cache as many numbers, but different ranks came: give one for all."
        )
    return ranks


def budget_elements(model: AttentionModel, bytes_per_token: int) -> int:
    """How many numbers of the model's format a budget of bytes is, over all layers. Raises BadSelection where that is under
    one number per layer or over the full rank of all layers.
    """
    layers, most, size = model.geometry.layers, full_rank(model), model.dtype.itemsize
    elements = bytes_per_token // size
    if not layers <= elements <= layers * most:
        raise BadSelection(
            f"The latents of {model.name} can take from {layers * size:,} to {layers * most * size:,} bytes per token, but "
            f"a budget of {bytes_per_token:,} came."
        )
    return elements


def ranks_for_share(
    model: AttentionModel,
    share: float,
    spectra: Sequence[Spectrum] | None = None,
    rope: Rope = "latent",
) -> tuple[int, ...]:
    """Ranks whose latents take that share of the model's own cache, at most the full rank, which may be less of it.

    spectra: of each layer, by which they are shared out; None for one rank in all layers. Raises BadSelection where the
    share does not lie above 0 and up to 1.
    """
    if not 0 < share <= 1:
        raise BadSelection(f"The share of the cache must lie above 0 and go up to 1, but {share} came.")
    shape, most = model.geometry, full_rank(model, rope)
    width = shape.kv_heads * (shape.d_head + shape.v_head_dim)
    if spectra is None:
        return (min(max(round(share * width), SMALLEST[rope]), most),) * shape.layers
    return share_out(
        spectra, min(max(round(share * width * shape.layers), shape.layers), most * shape.layers)
    )


def share_out(spectra: Sequence[Spectrum], elements: int) -> tuple[int, ...]:
    """Ranks that add up to `elements`, at least 1 each: directions are taken by the share of their layer's energy.

    Greedy, and so the best for the sum over layers of the energy that is lost, each layer counted alike.
    """
    layers = len(spectra)
    shares = torch.cat([part.values[1:] for part in spectra])
    owners = torch.cat(
        [torch.full((len(part.values) - 1,), i, dtype=torch.int64) for i, part in enumerate(spectra)]
    )
    chosen = owners[shares.argsort(descending=True, stable=True)[: elements - layers]]
    return tuple((1 + torch.bincount(chosen, minlength=layers)).tolist())
