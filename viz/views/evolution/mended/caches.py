"""MQA, GQA and MLA keep less of a text than MHA does, and what is latent in name only keeps as much."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from models.classic.cache_of_text import CacheOfText
from models.shape.attention_geometry import Kind
from models.shape.family import KINDS
from viz.figures.number_text import number_text, told_bytes
from viz.figures.what_it_fixed import KeptRow, kept
from viz.services import mended
from viz.services.mended import IN_NAME_ONLY
from viz.views.evolution.mended.parts import draw, verdict, worked_out


def kept_of_text(text: str, kind: Kind, dark: bool) -> None:
    """Bytes that each live cache of the family keeps of the visitor's text, beside the formula."""
    found = _caches(text)
    if found is None:
        return
    verdict(*kept_reading(found, kind))
    tokens = found[kind].tokens
    st.markdown(
        f"**Live caches of your text, {tokens} tokens** · *measured*, ticks by *formula*",
        help="The family’s models read the text, and the bytes of their caches’ tensors are counted, all layers together.",
    )
    rows = [KeptRow(one.upper(), one, found[one].counted, found[one].formula) for one in KINDS]
    draw(kept(rows, unit="bytes", title="bytes kept", dark=dark), "mended-kept", "Bytes kept by each kind")


def in_name_only(text: str, dark: bool) -> None:
    """Numbers that each keeps of a token in a layer: the module in name only beside MHA and the real latent."""
    found = _caches(text)
    if found is None:
        return
    verdict(*name_reading(found))
    st.markdown(
        f"**Kept of each token in a layer** · *measured* on your text’s {found['mha'].tokens} tokens, ticks by *formula*",
        help="The module is as wide as the family and has random weights: how much it keeps does not depend on them.",
    )
    named: tuple[tuple[str, str, Kind], ...] = (
        ("MHA", "mha", "mha"),
        ("latent in name only", IN_NAME_ONLY, "mha"),
        ("MLA", "mla", "mla"),
    )
    rows = [
        KeptRow(label, kind, one.per_token_and_layer, _formula(one), warning=key == IN_NAME_ONLY)
        for label, key, kind in named
        for one in (found[key],)
    ]
    draw(
        kept(rows, unit="numbers", title="numbers", dark=dark),
        "mended-name",
        "Numbers kept of a token in a layer",
    )


def kept_reading(found: Mapping[str, CacheOfText], kind: Kind) -> tuple[bool, str]:
    """Whether a kind keeps less than MHA, and the numbers."""
    one, mha = found[kind], found["mha"]
    if kind == "mqa":
        other, name = mha, "MHA"
    else:
        other, name = found["gqa" if kind == "mla" else "mqa"], "GQA" if kind == "mla" else "MQA"
    told = (
        f"Of these {one.tokens} tokens {kind.upper()} keeps {told_bytes(one.counted)}, MHA {told_bytes(mha.counted)}: "
        f"{_times(mha.counted, one.counted)}"
    )
    if other is not mha:
        told += f"; {name} keeps {told_bytes(other.counted)}, {_times(other.counted, one.counted)}"
    wrong = [each.upper() for each in KINDS if found[each].counted != found[each].formula]
    told += ". " + (
        f"The formula says otherwise of {', '.join(wrong)}." if wrong else "All four agree with the formula."
    )
    return one.counted < mha.counted and not wrong, told


def name_reading(found: Mapping[str, CacheOfText]) -> tuple[bool, str]:
    """Whether the module in name only keeps what MHA does, and the numbers."""
    named, mha, mla = (found[key].per_token_and_layer for key in (IN_NAME_ONLY, "mha", "mla"))
    told = f"It keeps {named:,.4g} numbers of each token in a layer, MHA {mha:,.4g} and the real latent attention {mla:,.4g}: "
    if named == mha:
        return (
            True,
            f"{told}exactly MHA’s, {number_text(named / mla)} times the latent’s. Nothing about it is latent.",
        )
    return False, f"{told}not what MHA keeps, which contradicts its geometry."


def _caches(text: str) -> Mapping[str, CacheOfText] | None:
    return worked_out(("caches", text), lambda progress: mended.caches(text, progress), "counting the caches")


def _formula(one: CacheOfText) -> float:
    return one.formula / (one.tokens * one.shape.layers * one.itemsize)


def _times(more: int, less: int) -> str:
    """How many times one keeps of the other, in words."""
    return (
        f"{number_text(more / less)} times as much" if more >= less else f"{number_text(more / less)} of it"
    )
