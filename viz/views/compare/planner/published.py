"""What others have published of the planned model, ours beside it, and what each number compares with."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from models.costs.kinds import as_kind
from models.costs.planner import ServingPlan
from models.costs.published import GOLDENS, SHAPES
from models.shape.attention_geometry import Geometry
from models.shape.cache_size import cache_elements_per_token
from viz.figures.costs.table import Cell, Row, link, table_html
from viz.views.compare.golden_formulas import golden_formula, golden_text
from viz.views.compare.source_links import address

# DeepSeek 67B: 95 layers of 8 key/value heads, each 128 wide (arXiv 2401.02954, Table 2).
_V2 = SHAPES["DeepSeek-V2"]
_67B = Geometry(95, 64, 8, 128, 8192, "gqa", 4096, 102_400, "decoder", 128)
_BITS, _DEPLOYED_BITS = 16, 6  # of a number in bf16, and of one in DeepSeek-V2's cache as served


@dataclass(frozen=True, slots=True)
class Beside:
    """what; published and ours as shown; against what; source; formula: of ours, with its numbers."""

    what: str
    published: str
    ours: str
    against: str
    source: str
    formula: str = ""


def headline_figures() -> tuple[Beside, ...]:
    """DeepSeek-V2's two numbers that are quoted everywhere, and what they compare with."""
    small, large = cache_elements_per_token(_V2), cache_elements_per_token(_67B)
    own_mha = cache_elements_per_token(as_kind(_V2, "mha"))
    served = 1 - small * _DEPLOYED_BITS / (large * _BITS)
    paper = "DeepSeek-V2, arXiv 2405.04434"
    return (
        Beside(
            "DeepSeek-V2: less KV cache", "93.3%", f"{served:.1%}",
            "DeepSeek 67B, a GQA of other depth and width, and 6 bits a number (section 3.2.3) against 16", paper,
            f"1 - {small:,} x {_DEPLOYED_BITS} bits / ({large:,} x {_BITS} bits) = {served:.1%}",
        ),
        Beside(
            "The same with equal bits: latents alone", "not published", f"{1 - small / large:.1%}",
            "DeepSeek 67B, both in 16 bits", "formula",
            f"1 - {small:,} / (2 x 8 kv_heads x 128 x 95 layers) = 1 - {small:,} / {large:,} = {1 - small / large:.1%}",
        ),
        Beside(
            "The same against its own shape", "not published", f"{1 - small / own_mha:.1%}",
            "DeepSeek-V2's 128 heads with MHA", "formula",
            f"1 - {small:,} / (2 x 128 heads x 128 x 60 layers) = 1 - {small:,} / {own_mha:,} = {1 - small / own_mha:.1%}",
        ),
        Beside(
            "DeepSeek-V2: maximum generation throughput", "5.76 times", "no formula gives it",
            "DeepSeek 67B, 8 H800; measured by its authors, not the same shape with MHA", paper,
        ),
    )  # fmt: skip


def beside(plan: ServingPlan) -> tuple[Beside, ...]:
    """The two headlines, then what is published of a model of this very shape."""
    shape = plan.own.cost.shape
    fitting = [
        golden for golden in GOLDENS
        if golden.over is None and _alike(golden.shape, shape) and golden.tokens == 1
    ]  # fmt: skip
    return headline_figures() + tuple(
        Beside(
            golden.what,
            golden_text(golden, golden.published),
            golden_text(golden, golden.ours),
            golden.unit,
            golden.source,
            golden_formula(golden),
        )
        for golden in fitting
    )


def _alike(golden: Geometry, shape: Geometry) -> bool:
    """Of the same latents: the only shapes of which numbers a token are published."""
    return golden.kv_lora_rank is not None and all(
        getattr(golden, name) == getattr(shape, name)
        for name in ("layers", "heads", "kv_lora_rank", "qk_rope_head_dim", "v_head_dim")
    )


def published_beside(plan: ServingPlan, dark: bool) -> None:
    """A table."""
    st.markdown(
        "**What is quoted everywhere, and against what** · *published* beside *formula*",
        help="A saving is always one against something. Every number of ours stands above the formula that gives it.",
    )
    titles = tuple(map(Cell, ("number", "published", "ours", "against", "source")))
    rows = [
        Row(
            (
                Cell(one.what, strong=True),
                Cell(one.published),
                Cell(one.ours, strong=one.ours == one.published),
                Cell(one.against),
                Cell(link(one.source, address(one.source, one.what), dark), html=True),
            ),
            one.formula,
        )
        for one in beside(plan)
    ]
    st.html(table_html(titles, rows, dark=dark))
