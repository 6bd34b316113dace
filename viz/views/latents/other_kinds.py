"""What a model of another kind caches of the same text, beside the latents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from html import escape

import streamlit as st

import models
from models.shape.cache_size import cache_bytes_per_token, cache_elements_per_token
from models.shape.family import family_name
from viz import services
from viz.components.cache_map import CellPick, Group, cache_map
from viz.figures.cache_spectra import rank_shares
from viz.figures.kinds import KIND_STYLES
from viz.figures.layout.config import WITHOUT_BAR
from viz.figures.token_text import shortened
from viz.markdown import escaped
from viz.services import Request
from viz.state import keys, session
from viz.views.columns import pair
from viz.views.explain import explain
from viz.views.latents.background import is_done
from viz.views.latents.spectrum import spectra_of
from viz.views.latents.subject import Subject, keeps_a_cache

FAMILY = tuple(family_name(kind) for kind in ("gqa", "mqa", "mha"))


def other_kinds(subject: Subject, other: Request | None) -> None:
    """Another model's cached vectors on the same text, its effective ranks and the size of its cache."""
    name = _choice(subject, other)
    if not name:
        return
    asked = replace(subject.request, model=name.strip(), second="")
    if other is not None and other.model == asked.model:
        asked = other
    try:
        if services.is_captured(asked) or is_done(
            keys.OTHER_MODEL_JOB, asked, asked, lambda progress: services.capture(asked, progress)
        ):
            _beside(subject, asked, services.capture(asked))
    except models.BadSelection as error:
        st.info(escaped(error), icon=":material/info:")
    explain("Other kinds")


def _choice(subject: Subject, other: Request | None) -> str | None:
    own = [] if other is None or not keeps_a_cache(other) else [other.model]
    readers = [name for name, row in models.CATALOG.items() if row.task == "any text"]
    names = [name for name in dict.fromkeys([*own, *FAMILY, *readers]) if name != subject.request.model]
    return st.selectbox(
        "Model to stand beside it", names, key="latents-other-model", accept_new_options=True,
        help="Any model that reads with a cache: one of the list, a Hub id, or a folder.",
    )  # fmt: skip


def _beside(subject: Subject, asked: Request, run: models.Capture) -> None:
    layer = min(subject.layer, run.layers() - 1)
    cached = run.cached(layer)
    shape = services.model_of(asked).geometry
    st.markdown(f"**{escaped(asked.model)}**, {shape.kind.upper()}: what layer {layer} caches of each token")
    cache_map(
        cached.numpy(),
        run.tokens,
        cache_groups(run, layer, cached.shape[1]),
        key="other-map",
        selected=CellPick(min(subject.position, len(run.tokens) - 1), None),
        max_height=380,
        label=f"What layer {layer} of {asked.model} caches, a row a token; arrow keys move",
        on_select=lambda pick: session.put({keys.TOKEN: pick.pos}),
    )
    left, right = pair("latents-others", 0.55, 0.45)
    with left:
        _ranks(subject, asked, run)
    with right:
        _sizes([subject.request, asked])


def cache_groups(run: models.Capture, layer: int, elements: int) -> list[Group]:
    """Which of the cached numbers belong together: latent and rotary key, or a key and a value of each key/value head."""
    if run.has_latents(layer):
        rank = run.kv_latent(layer).shape[1]
        rest = [Group("rotary key", elements - rank, "rotary", "rotary key")] if elements > rank else []
        return [Group(f"latent, {rank} dimensions", rank, "latent", "latent"), *rest]
    key, value = run.key(layer, 0).shape[1], run.value(layer, 0).shape[1]
    return [
        Group(f"{part} {head}", width, f"{part[0].upper()}{head}", f"{part}s")
        for part, width in (("key", key), ("value", value))
        for head in range(elements // (key + value))
    ]


def _ranks(subject: Subject, asked: Request, run: models.Capture) -> None:
    own = spectra_of(keys.SPECTRA_JOB, subject.request, subject.run)
    others = spectra_of(keys.OTHER_SPECTRA_JOB, asked, run)
    if own is None or others is None:
        return
    spectra = {f"{_name(subject.request)} (latents)": own, _name(asked): others}
    kinds = (subject.model.geometry.kind, services.model_of(asked).geometry.kind)
    styles = {name: KIND_STYLES[kind] for name, kind in zip(spectra, kinds, strict=True)}
    st.markdown("**Effective rank**, as a share of the numbers cached *measured*")
    st.plotly_chart(
        rank_shares(spectra, styles, dark=subject.dark),
        key="latents-rank-shares",
        theme=None,
        config=WITHOUT_BAR,
        alt="Effective rank per layer of both models' caches",
    )


def _name(request: Request) -> str:
    """As Plotly, which reads HTML, shows it."""
    return escape(shortened(request.model, 40), quote=False)


def _sizes(requests: Sequence[Request]) -> None:
    """What one more token costs in each model's cache."""
    shapes = [services.model_of(request).geometry for request in requests]
    st.markdown(
        "**Cache of one more token** *formula*",
        help="DeepSeek-V2 (arXiv 2405.04434), table 1: keys and values of every key/value head; for MLA the latent and the "
        "rotary key that all heads share.",
    )
    st.dataframe(
        {
            "model": [shortened(request.model, 40) for request in requests],
            "kind": [shape.kind.upper() for shape in shapes],
            "numbers per layer": [_in_a_layer(shape) for shape in shapes],
            "numbers": [cache_elements_per_token(shape) for shape in shapes],
            "bytes in bf16": [cache_bytes_per_token(shape) for shape in shapes],
        },
        key="latents-cache-sizes",
        hide_index=True,
        column_config={
            "model": st.column_config.TextColumn(width=112),
            "kind": st.column_config.TextColumn(width=46),
            "numbers per layer": st.column_config.NumberColumn(
                "per layer", help="Numbers cached in each layer.", width=66
            ),
            "numbers": st.column_config.NumberColumn(help="Numbers cached, all layers together.", width=68),
            "bytes in bf16": st.column_config.NumberColumn(width=90),
        },
    )
    less, more = sorted(cache_elements_per_token(shape) for shape in shapes)
    if less != more:
        st.caption(f"The larger cache is {more / less:.3g} times the smaller one, all layers together.")


def _in_a_layer(shape: models.Geometry) -> str:
    """Numbers, from the least to the most where layers differ."""
    sizes = sorted({cache_elements_per_token(one) for one in shape.each_layer})
    return f"{sizes[0]:,}" if len(sizes) == 1 else f"{sizes[0]:,} to {sizes[-1]:,}"
