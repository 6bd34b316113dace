"""Published numbers and ours beside them, and the caches of the family counted live."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from models.costs import published
from models.costs.published import Golden
from viz import unforeseen
from viz.figures.golden_table import Checked, checked_table
from viz.services.job import Job
from viz.services.live_caches import LiveCache, live_caches
from viz.state import keys, session
from viz.views.compare.golden_formulas import elements, golden_formula, golden_text
from viz.views.compare.published import published as others
from viz.views.compare.source_links import address
from viz.views.explain import explain
from viz.views.obtain import complain
from viz.views.working import begin, forget, job_of, still_running

_LIVE = "**Live caches beside the formula**"


def self_check() -> None:
    """One view of the page Compare."""
    dark = st.context.theme.type == "dark"
    goldens = [check_golden(golden) for golden in published.GOLDENS]
    _live(dark)
    st.markdown(f"**Published numbers beside the formula** · {verdict(goldens, 'published')}")
    st.html(checked_table(goldens, "published", "ours (formula)", dark=dark))
    others((), dark=dark)
    explain("Self-check")


def verdict(rows: Sequence[Checked], what: str) -> str:
    """How many agree, in words."""
    wrong = sum(not row.agrees for row in rows)
    if wrong:
        return f":red[:material/error: {wrong} of {len(rows)} differ]"
    return f":material/check_circle: all {len(rows)} agree · *{what}* and *formula*"


def check_golden(golden: Golden) -> Checked:
    """Worked out now."""
    off = golden.ours / golden.published - 1
    return Checked(
        golden.what,
        golden.agrees,
        golden_text(golden, golden.published),
        golden_text(golden, golden.ours),
        _difference(off, golden.tolerance),
        golden.unit,
        golden.source,
        address(golden.source, golden.what),
        golden_formula(golden),
        golden.note,
    )


def _difference(off: float, allowed: float) -> str:
    """Ours less theirs, and how much of that the rounding of what is printed explains."""
    if off == 0:
        return "none"
    difference = f"{off:+.2%}".replace("-", "−") if abs(off) >= 0.0001 else "under 0.01%"
    return f"{difference}, {'within' if abs(off) <= allowed else 'beyond'} {allowed:.2%}"


def check_live(found: LiveCache) -> Checked:
    """A cache as it was counted, and Table 1 with its numbers."""
    kept = elements(found.shape, latents=found.mode != "expanded")
    formula = f"{kept} x {found.tokens:,} tokens x {found.itemsize} bytes"
    expected = "no formula" if found.formula is None else f"{found.formula:,}"
    off = 0 if found.formula is None else found.counted - found.formula
    return Checked(
        found.model if found.mode == "auto" else f"{found.model}, {found.mode}",
        found.agrees,
        f"{found.counted:,}",
        expected,
        "none" if found.agrees else f"{off:+,} bytes",
        "bytes",
        "",
        "",
        f"{formula} = {expected}",
    )


def _job() -> Job[Any]:
    """Begun when the view is first opened, and kept for this visitor until asked for again."""
    where = session.get(keys.DEVICE), session.get(keys.DTYPE)
    return job_of(keys.SELF_CHECK_JOB, where) or begin(
        keys.SELF_CHECK_JOB, where, lambda progress: live_caches(*where, progress)
    )


def _live(dark: bool) -> None:
    job, title = _job(), st.empty()
    title.markdown(f"{_LIVE} · counting")
    if still_running(keys.SELF_CHECK_JOB, job):
        return
    title.markdown(_LIVE)
    if job.cancelled:
        st.info("Cancelled: no cache was counted.", icon=":material/cancel:")
    elif job.error is not None:
        complain(unforeseen.sentence(job.error, "counting the caches", "a moment when less runs beside it"))
    elif job.result is not None:
        rows = [check_live(one) for one in job.result]
        title.markdown(f"{_LIVE} · {verdict(rows, 'measured')}")
        st.html(checked_table(rows, "counted live", "formula", dark=dark, sources=False))
    st.button(
        "Count again", key="self-check-again", on_click=forget, args=(keys.SELF_CHECK_JOB,), icon=":material/refresh:",
        help="Run the family's models once more and count the bytes in their live caches.",
    )  # fmt: skip
