"""What others report, and against what: other models on other devices, for orientation; ours beside it where we have it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from models.costs.published import FIGURES, Figure
from models.shape.family import family_name
from viz.figures.costs.table import Cell, Row, link, noted, table_html
from viz.services.measurements import Point
from viz.views.compare.source_links import address

_MHA, _MLA = family_name("mha"), family_name("mla")


def published(points: Sequence[Point], *, dark: bool) -> None:
    """A table, and below it the same two ratios as measured here, where they were."""
    st.markdown(
        "**What others have measured** · *published* only",
        help="Other models on other devices; no formula gives these numbers. A smaller cache is not always quicker: what it "
        "saves shows at long contexts and large batches, where memory is what one waits for.",
    )
    titles = tuple(map(Cell, ("of what", "published", "against", "source")))
    st.html(table_html(titles, [_row(figure, dark) for figure in FIGURES], dark=dark))
    ours = beside(points)
    if ours:
        st.caption(ours)


def _row(figure: Figure, dark: bool) -> Row:
    return Row(
        (
            Cell(figure.what, strong=True),
            Cell(figure.published),
            Cell(figure.against or "–", quiet=not figure.against),
            Cell(
                noted(link(figure.source, address(figure.source, figure.what), dark), figure.note, dark),
                html=True,
            ),
        )
    )


def beside(points: Sequence[Point]) -> str:
    """Our MLA against our MHA of equal width, at the longest context and smallest batch at which both were measured more than
    once."""
    repeated = [point for point in points if point.repeats > 1]
    at = {(point.entrant.source, point.measured.cache, point.cell): point.measured for point in repeated}
    for cell in sorted({point.cell for point in repeated}, key=lambda cell: (-cell.context, cell.batch)):
        mha, mla = at.get((_MHA, "auto", cell)), at.get((_MLA, "absorbed", cell))
        if mha is not None and mla is not None:
            less = 1 - mla.cache_bytes / mha.cache_bytes
            rate = mla.tokens_per_s / mha.tokens_per_s
            return (
                f"Here, at {cell.context:,} tokens x {cell.batch}: family-mla, absorbed, keeps **{less:.1%}** less than "
                f"family-mha, the same width with MHA, and writes **{rate:.3g} x** as fast (*measured*)."
            )
    return ""
