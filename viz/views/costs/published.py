"""What others report, and against what: other models on other devices, for orientation; ours beside it where we have it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from models.family import family_name
from viz.services.measurements import Point

_MHA, _MLA = family_name("mha"), family_name("mla")
# (what, number, against what, source)
ROWS = (
    (
        "DeepSeek-V2’s cache", "**93.3%** less", "DeepSeek 67B, another shape with GQA; not the same shape with MHA",
        "arXiv 2405.04434",
    ),
    ("DeepSeek-V2’s maximum throughput", "**5.76 x**", "DeepSeek 67B as well", "arXiv 2405.04434"),
    (
        "DeepSeek-V2-Lite, latent decode at 2k / 16k / 32k", "**1.01 / 1.71 / 2.19 x**",
        "its own expanded decode, one laptop GPU", "panbanda/higgs, issue 254",
    ),
    (
        "MHA / GQA / MLA, the last with a latent of 192", "**72 / 63 / 67** tokens/s, **1.54 / 0.63 / 0.68** GB",
        "each other: untrained, 12 layers of 24 heads, 768 wide, 32,768 new tokens", "rasbt/LLMs-from-scratch, ch04",
    ),
)  # fmt: skip


def published(points: Sequence[Point]) -> None:
    """A table, and below it the same two ratios as measured here."""
    st.markdown(
        "**What others report** · *published*",
        help="Other models on other devices. A smaller cache is not always quicker: what it saves shows at long contexts and "
        "large batches, where memory is what one waits for.",
    )
    lines = [f"| {what} | {number} | {against} | {source} |" for what, number, against, source in ROWS]
    st.markdown("\n".join(["| what | number | against | source |", "| --- | --- | --- | --- |", *lines]))
    ours = beside(points)
    if ours:
        st.caption(ours)


def beside(points: Sequence[Point]) -> str:
    """Our MLA against our MHA of equal width, at the longest context and smallest batch that both were measured at."""
    at = {(point.entrant.source, point.measured.cache, point.cell): point.measured for point in points}
    for cell in sorted({point.cell for point in points}, key=lambda cell: (-cell.context, cell.batch)):
        mha, mla = at.get((_MHA, "auto", cell)), at.get((_MLA, "absorbed", cell))
        if mha is not None and mla is not None:
            less = 1 - mla.cache_bytes / mha.cache_bytes
            rate = mla.tokens_per_s / mha.tokens_per_s
            return (
                f"Here, at {cell.context:,} tokens x {cell.batch}: family-mla, absorbed, keeps **{less:.1%}** less than "
                f"family-mha, the same width with MHA, and writes **{rate:.3g} x** as fast (*measured*)."
            )
    return ""
