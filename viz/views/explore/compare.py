"""Two heads side by side, and what differs: another head, another text, or another model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import streamlit as st

import models
from models.loading.catalog import task_of
from viz.figures.heatmap import difference_heatmap, heatmap
from viz.figures.layout.config import with_bar
from viz.markdown import escaped
from viz.services import Request
from viz.state import choices, keys, session
from viz.views.obtain import attempt
from viz.views.selected_head import SCORE_NAMES, Selection

HEIGHT = 400
WAYS = ("another head", "another text", "another model")


def compare(request: Request, chosen: Selection) -> None:
    """The selected head beside another one of the visitor's choice."""
    way = st.segmented_control(
        "Compare with",
        WAYS,
        default=WAYS[0],
        required=True,
        key="compare-way",
        help="What the selected head stands beside.",
    )
    other = _other(request, chosen, way or WAYS[0])
    if other is None:
        return
    label, second = other
    first_column, second_column = st.columns(2, gap="medium")
    names = (f"{chosen.name}", label)
    with first_column:
        _one(chosen, names[0], key="compare-first")
    with second_column:
        _one(second, names[1], key="compare-second")
    left, right = st.columns([0.55, 0.45], gap="medium")
    with left:
        _difference(chosen, second, names)
    with right:
        _scores(chosen, second, names)


def _other(request: Request, chosen: Selection, way: str) -> tuple[str, Selection] | None:
    if way == "another head":
        second = _pick_head(chosen, chosen.run)
        return second.name, second
    changed = _other_text(request) if way == "another text" else _other_model(request)
    run = None if changed is None else attempt(changed)
    if changed is None or run is None:
        return None
    if way == "another text":
        layer, head = chosen.layer, chosen.head
        second = replace(chosen, run=run, layer=layer, head=head)
        return f"{chosen.name}, other text", second
    second = _pick_head(replace(chosen, run=run, stack=run.stack), run)
    return f"{second.name} of {changed.model}", second


def _pick_head(chosen: Selection, run: models.Capture) -> Selection:
    layers = run.layers(chosen.stack)
    left, right = st.columns(2)
    layer = left.number_input(
        "Layer",
        0,
        layers - 1,
        min(chosen.layer, layers - 1),
        key=f"compare-layer-{layers}",
        help="Layer of the other head.",
    )
    heads = run.heads(int(layer), chosen.stack)
    usual = min(chosen.head + 1, heads - 1) if run is chosen.run else min(chosen.head, heads - 1)
    head = right.number_input(
        "Head", 0, heads - 1, usual, key=f"compare-head-{heads}", help="Number of the other head."
    )
    return replace(chosen, run=run, layer=int(layer), head=int(head))


def _other_text(request: Request) -> Request | None:
    text = st.text_area(
        "Other text",
        key="compare-text",
        height=80,
        max_chars=choices.LONGEST_TEXT,
        placeholder="Type a text for the same head",
        help="The same head reads this text instead.",
    )
    if not text or not text.strip():
        st.caption("Type a text to see the same head on it.")
        return None
    return replace(request, text=text, second="")


def _other_model(request: Request) -> Request | None:
    task = task_of(request.model)
    others = [
        name
        for name, row in models.CATALOG.items()
        if name != request.model and row.task == task and row.form != "none"
    ]
    name = st.selectbox(
        "Other model",
        others,
        index=None,
        key="compare-model",
        accept_new_options=True,
        placeholder="Choose a model, or type a Hub id or folder",
        help="A head of this model reads the same text.",
    )
    return replace(request, model=name, second="") if name else None


def _one(chosen: Selection, name: str, *, key: str) -> None:
    st.markdown(f"**{escaped(name)}**" + (f" · {chosen.role}" if chosen.role else ""))
    figure = heatmap(
        chosen.weights(),
        chosen.query_tokens,
        chosen.key_tokens,
        scale=session.get(keys.SCALE),
        leave_out_first=session.get(keys.FIRST_OUT),
        measure=chosen.measure,
        dark=chosen.dark,
        height=HEIGHT,
    )
    st.plotly_chart(figure, key=key, theme=None, config=with_bar(chosen.file_name))


def _difference(first: Selection, second: Selection, names: tuple[str, str]) -> None:
    if (first.query_tokens, first.key_tokens) != (second.query_tokens, second.key_tokens):
        st.caption(
            "No difference is drawn: the two read different tokens, so there are no equal cells to subtract."
        )
        return
    one, other = first.weights(), second.weights()
    st.markdown(f"**{escaped(names[0])} minus {escaped(names[1])}**")
    figure = difference_heatmap(
        one, other, first.query_tokens, first.key_tokens, dark=first.dark, height=HEIGHT
    )
    config = with_bar(f"{first.file_name}-minus-{second.file_name}")
    st.plotly_chart(figure, key="compare-difference", theme=None, config=config)
    if not session.get(keys.VALUE_WEIGHTED):
        elsewhere = 0.5 * np.abs(one - other).sum(-1).mean()
        st.caption(
            f"On average {elsewhere:.1%} of a token's attention lies elsewhere (mean total variation distance)."
        )


def _scores(first: Selection, second: Selection, names: tuple[str, str]) -> None:
    tables = [(selection, selection.run.scores(selection.stack)) for selection in (first, second)]
    rows = {
        SCORE_NAMES[name]: [
            table.values[name][selection.layer, selection.head].item() for selection, table in tables
        ]
        for name in tables[0][1].names
    }
    st.dataframe(
        {
            "score": list(rows),
            names[0]: [row[0] for row in rows.values()],
            f"{names[1]} ": [row[1] for row in rows.values()],
        },
        hide_index=True,
        width="content",
        column_config={
            name: st.column_config.NumberColumn(format="%.3f") for name in (names[0], f"{names[1]} ")
        },
    )
