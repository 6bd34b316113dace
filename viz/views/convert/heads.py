"""The heads that suffer most, and one of them before and after."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from torch import Tensor

from viz.components.head_wall import BY_LAYER, head_wall
from viz.figures.layout.config import WITHOUT_BAR
from viz.figures.small_heatmap import small_difference, small_heatmap
from viz.services import conversions
from viz.state import keys, session
from viz.state.head_in_view import head_in_view, select_head
from viz.views.columns import pair
from viz.views.convert.conversion_in_view import ConversionInView
from viz.views.convert.rows import row
from viz.views.selected_head import Selection, controls, head_name

CHANGE = "change"
ORDERS = {CHANGE: "Most changed first", BY_LAYER: "Layers down, heads across"}
WALL_HEIGHT, HEIGHT = 420, 330


def heads(in_view: ConversionInView) -> None:
    """The wall of changes on the left, the chosen head before, after and subtracted on the right."""
    change = conversions.pattern_change(in_view.conversion, in_view.request)
    layer, head = _chosen(in_view, change)
    st.markdown(
        "#### The heads that suffer most",
        help="On the text in the sidebar. Change: the mean total variation distance between a head’s rows before and after, "
        "0% where nothing moved and 100% where no attention lies where it was.",
    )
    left, right = pair("heads", 0.3, 0.7)
    with left:
        _wall(in_view, change, (layer, head))
    with right:
        _patterns(in_view, change, (layer, head))


def _chosen(in_view: ConversionInView, change: Tensor) -> tuple[int, int]:
    """The selected head; where none was selected, the one that changed most."""
    if session.get(keys.LAYER) is None or session.get(keys.HEAD) is None:
        layer, head = divmod(int(change.nan_to_num(-1.0).argmax()), change.shape[1])
        return layer, head
    return head_in_view(in_view.before, in_view.before.stack)


def _wall(in_view: ConversionInView, change: Tensor, selected: tuple[int, int]) -> None:
    order = st.selectbox(
        "Order", list(ORDERS), key="convert-order", format_func=ORDERS.__getitem__, label_visibility="collapsed",
        help="Lay the heads out by how much they changed, or by layer.",
    )  # fmt: skip
    head_wall(
        conversions.change_atlas(in_view.conversion, in_view.request),
        key="convert-wall",
        selected=selected,
        scores={CHANGE: change.numpy()},
        sort=order,
        max_height=WALL_HEIGHT,
        label="What changed in all heads; arrow keys move, Enter selects",
        on_select=select_head,
    )
    st.caption(
        "A tile is the difference before and after, all on one scale: dark is where attention moved. *Measured.*"
    )


def _patterns(in_view: ConversionInView, change: Tensor, head: tuple[int, int]) -> None:
    before = Selection(in_view.before, in_view.before.stack, *head, dark=in_view.dark)
    after = replace(before, run=in_view.after)
    changed = change[head].item()
    st.markdown(
        f"#### {before.title} · {changed:.1%} of its attention moved",
        help=f"{changed:.6g}, *measured*; over all heads {change.nanmean().item():.1%} on average.",
    )
    controls()
    drawn = [before.drawn(), after.drawn()]
    top = max(float(np.nanmax(one.weights)) for one in drawn) or 1.0
    columns = row("patterns", 3)
    for column, one, name in zip(columns, drawn, ("before", "after"), strict=False):
        figure = small_heatmap(
            one.weights, before.query_tokens, top=top, scale=session.get(keys.SCALE),
            leave_out_first=session.get(keys.FIRST_OUT), measure=one.measure, dark=in_view.dark, height=HEIGHT,
        )  # fmt: skip
        column.markdown(f"{name.capitalize()}")
        _draw(
            column,
            figure,
            key=f"convert-head-{name}",
            alt=f"Heatmap of {head_name(*head)} {name} the conversion",
        )
    figure = small_difference(
        drawn[1].weights, drawn[0].weights, before.query_tokens, dark=in_view.dark, height=HEIGHT
    )
    columns[2].markdown("After minus before")
    _draw(
        columns[2], figure, key="convert-difference", alt=f"What the conversion changed in {head_name(*head)}"
    )
    st.caption(_reach(drawn[1].weights - drawn[0].weights))


def _reach(difference: NDArray[np.float32]) -> str:
    least, most = float(np.nanmin(difference)), float(np.nanmax(difference))
    return f"Difference: indigo where it looks more after the conversion, orange where less; from {least:.2g} to {most:+.2g}."


def _draw(column, figure, *, key: str, alt: str) -> None:
    column.plotly_chart(figure, key=key, theme=None, config=WITHOUT_BAR, alt=alt)
