"""How wide the latents may be, and how a budget of bytes is shared out over the layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch

from models.conversion.factors import Spectrum
from models.errors import BadSelection
from models.model import AttentionModel


def full_rank(model: AttentionModel) -> int:
    """The rank from which on a conversion is exact: keys and values of all key/value heads, or d_model if that is less."""
    shape = model.geometry
    return min(shape.kv_heads * (shape.d_head + shape.v_head_dim), shape.d_model)


def check_ranks(model: AttentionModel, kv_rank: int | Sequence[int]) -> tuple[int, ...]:
    """One rank for each layer. Raises BadSelection where one is no whole number between 1 and the full rank."""
    layers, most = model.geometry.layers, full_rank(model)
    listed = isinstance(kv_rank, Sequence) and not isinstance(kv_rank, str)
    ranks = tuple(cast(Sequence[int], kv_rank)) if listed else (cast(int, kv_rank),) * layers
    if len(ranks) != layers:
        raise BadSelection(
            f"{model.name} has {layers} layers, but {len(ranks)} ranks came: give one for each layer, or one for all."
        )
    for rank in ranks:
        if not isinstance(rank, int) or isinstance(rank, bool) or not 1 <= rank <= most:
            raise BadSelection(
                f"The rank of a latent of {model.name} must be a whole number from 1 to {most}, its full rank, but "
                f"{rank} came."
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
    model: AttentionModel, share: float, spectra: Sequence[Spectrum] | None = None
) -> tuple[int, ...]:
    """Ranks whose latents take that share of the model's own cache, at most the full rank, which may be less of it.

    spectra: of each layer, by which they are shared out; None for one rank in all layers. Raises BadSelection where the
    share does not lie above 0 and up to 1.
    """
    if not 0 < share <= 1:
        raise BadSelection(f"The share of the cache must lie above 0 and go up to 1, but {share} came.")
    shape, most = model.geometry, full_rank(model)
    width = shape.kv_heads * (shape.d_head + shape.v_head_dim)
    if spectra is None:
        return (min(max(round(share * width), 1), most),) * shape.layers
    return share_out(
        spectra, min(max(round(share * width * shape.layers), shape.layers), most * shape.layers)
    )


def share_out(spectra: Sequence[Spectrum], elements: int) -> tuple[int, ...]:
    """Ranks that add up to `elements`, at least 1 each: directions are taken by the share of their layer's energy.

    Greedy, and so the best for the sum over layers of the energy that is lost, each layer counted alike.
    """
    layers = len(spectra)
    shares = torch.cat([part.values[1:] for part in spectra])
    owners = torch.cat([torch.full((len(part.values) - 1,), i) for i, part in enumerate(spectra)])
    chosen = owners[shares.argsort(descending=True, stable=True)[: elements - layers]]
    return tuple((1 + torch.bincount(chosen, minlength=layers)).tolist())
