"""All latents of one layer: tokens downwards, latent dimensions to the right, the shared rotary key beside them."""

from __future__ import annotations

import streamlit as st
import torch
from torch import Tensor

import models
from viz.components.cache_map import CellPick, Group, cache_map
from viz.state import choices, keys, session
from viz.views.latents.subject import Subject

_ORDER_HELP = (
    "Dimensions of a latent have no order of their own. By variance: those that differ most between this text's tokens "
    "stand on the left."
)


def order_choice() -> None:
    """In which order the dimensions stand."""
    st.segmented_control(
        "Order of the dimensions", choices.LATENT_ORDERS, key=keys.LATENT_ORDER, required=True,
        label_visibility="collapsed", help=_ORDER_HELP,
    )  # fmt: skip


def latent_map(subject: Subject) -> None:
    """The map; a click on a cell chooses its token and its dimension."""
    latent, rotary = subject.latent, rotary_key(subject)
    rank = latent.shape[1]
    groups = [Group(f"latent, {rank} dimensions", rank, "latent", "latent", choosable=True)]
    if rotary.shape[1]:
        groups.append(Group("rotary key", rotary.shape[1], "rotary", "rotary key"))
    cache_map(
        torch.cat([latent, rotary], dim=1).numpy(),
        subject.run.tokens,
        groups,
        key="latent-map",
        selected=CellPick(subject.position, subject.dimension),
        columns=[*dimension_order(latent), *range(rank, rank + rotary.shape[1])],
        strip=True,
        label=f"Latents of layer {subject.layer}, a row a token, a column a dimension; arrow keys move",
        on_select=_select,
    )


def dimension_order(latent: Tensor) -> list[int]:
    """The dimensions from left to right."""
    if session.get(keys.LATENT_ORDER) == choices.LATENT_ORDERS[0]:
        return list(range(latent.shape[1]))
    return latent.var(0, correction=0).argsort(descending=True, stable=True).tolist()


def rotary_key(subject: Subject) -> Tensor:
    """The key that all heads share [pos, qk_rope_head_dim]; [pos, 0] where a model has none of its own."""
    try:
        return subject.run.k_rope(subject.layer)
    except models.BadSelection:
        return torch.zeros(len(subject.run.tokens), 0)


def _select(pick: CellPick) -> None:
    session.put({keys.TOKEN: pick.pos, keys.DIMENSION: pick.dimension})
