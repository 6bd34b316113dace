"""The timeline of the kinds of attention, and what is to be said of the chosen one."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

import models
from models.classic.milestones import Milestone
from models.classic.timeline import TIMELINE
from models.loading.catalog import ANCESTORS
from viz.components.timeline import TimelineStep, timeline
from viz.state import keys, session
from viz.views.columns import pair

PAGES = Path(__file__).resolve().parents[2] / "pages"
SHORT = {
    "none": "None",
    "soft": "Soft",
    "memory": "Memory",
    "hard": "Hard",
    "local": "Local",
    "self": "Self",
    "cross": "Cross",
    "multi-head": "Many heads",
    "mqa": "MQA",
    "gqa": "GQA",
    "mla": "MLA",
    "nominal-latent": "“Latent”",
}


def milestones() -> Milestone:
    """Draw the timeline; what is chosen on it."""
    known = {milestone.key: milestone for milestone in TIMELINE}
    if session.get(keys.ANCESTOR) not in known:
        session.put({keys.ANCESTOR: "soft"})
    timeline(
        [
            TimelineStep(milestone.key, str(milestone.year or ""), SHORT[milestone.key], milestone.warning)
            for milestone in TIMELINE
        ],
        key="evolution-timeline",
        selected=session.get(keys.ANCESTOR),
        on_select=lambda key: session.put({keys.ANCESTOR: key}),
    )
    return known[session.get(keys.ANCESTOR)]


def about(milestone: Milestone) -> None:
    """Formula, what it mended, what it costs, where it lives."""
    left, right = pair("evolution-about", 0.5, 0.5)
    with left:
        st.markdown(f"#### {milestone.title}")
        for paper in milestone.papers:
            st.caption(
                f"{paper.authors}, {paper.year}: [{paper.title}](https://arxiv.org/abs/{paper.arxiv}) · *published*"
            )
        st.markdown(f"**What it mended.** {milestone.mended}")
        _open(milestone)
    with right:
        st.latex(milestone.formula)
        st.markdown(_costs(milestone))
        st.caption(milestone.cost.symbols)
        st.caption(f"**Today.** {milestone.used_by}")


def _costs(milestone: Milestone) -> str:
    cost = milestone.cost
    rows = [f"| time | ${cost.time}$ | *formula* |", f"| held meanwhile | ${cost.memory}$ | *formula* |"]
    if cost.cache:
        numbers = milestone.cached_numbers
        known = "" if numbers is None else f" = {numbers:,} at the family’s width"
        rows.append(f"| cache, numbers per token and layer | ${cost.cache}${known} | *formula* |")
    return "\n".join(["| cost | | |", "| --- | --- | --- |", *rows])


def _open(milestone: Milestone) -> None:
    """To the pages that show more of it."""
    row = models.CATALOG[milestone.model]
    if row.form == "none":
        return
    text = {"dates": session.get(keys.DATE), "stories": session.get(keys.STORY)}.get(row.task)
    with st.container(horizontal=True):
        opened = st.button(
            "Open in Explore",
            icon=":material/grid_view:",
            key="evolution-explore",
            on_click=_take,
            args=(milestone.model, text),
        )
        if opened:
            st.switch_page(PAGES / "explore.py")
        if row.group != ANCESTORS:
            st.page_link(PAGES / "family.py", label="Beside the family", icon=":material/view_column:")


def _take(name: str, text: str | None) -> None:
    session.put({keys.MODEL: name, keys.SECOND: ""})
    if text is not None:
        session.put({keys.TEXT: text})
