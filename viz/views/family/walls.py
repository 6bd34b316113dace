"""Four walls, aligned by layer and head: a head chosen in one is chosen in all."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from models.shape.attention_geometry import KIND_NAMES, Geometry
from models.shape.cache_size import cache_bytes_per_token
from viz import services
from viz.components.head_wall import head_wall
from viz.state.head_in_view import select_head
from viz.views.columns import four
from viz.views.family.members import STACK, Member

WALL_HEIGHT = 200  # two rows of walls, on most pages, and the heatmaps below them still near
_CACHE_HELP = (
    "Bytes of key/value cache that one more token costs in bf16, all layers together, by formula (DeepSeek-V2, arXiv "
    "2405.04434, table 1): keys and values of every key/value head; for MLA the latent and the rotary key that all heads "
    "share, where latents are cached."
)


def walls(members: Sequence[Member], selected: tuple[int, int]) -> None:
    """The wall of each member under its name."""
    for member, column in four(members, "walls"):
        with column:
            st.markdown(f"**{member.name}** {KIND_NAMES[member.kind]}")
            st.caption(cache_line(member.model.geometry), help=_CACHE_HELP)
            _wall(member, selected)


def cache_line(shape: Geometry) -> str:
    """What is kept of a token, and how much that is."""
    if shape.kv_lora_rank is not None:
        kept = f"latent {shape.kv_lora_rank} + {shape.qk_rope_head_dim}"
    else:
        kept = f"{shape.kv_heads} KV head" + ("s" if shape.kv_heads > 1 else "")
    return f"{kept} · {cache_bytes_per_token(shape):,} B/token *formula*"


def _wall(member: Member, selected: tuple[int, int]) -> None:
    run, scores = member.run, member.run.scores(STACK)
    head_wall(
        services.atlas(member.request, run, STACK),
        key=f"family-wall-{member.kind}",
        selected=selected,
        roles=[
            [scores.role(layer, head) for head in range(run.heads(layer, STACK))]
            for layer in range(run.layers(STACK))
        ],
        scores={name: values.numpy() for name, values in scores.values.items()},
        chance={name: values.numpy() for name, values in scores.chance.items()},
        max_height=WALL_HEIGHT,
        label=f"All heads of {member.name}, layers down and heads across; arrow keys move, Enter selects",
        on_select=select_head,
    )
