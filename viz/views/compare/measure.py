"""Contenders measured in turn on this machine, beside the formulas."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from viz.services import measurements
from viz.services.contenders import most_tokens
from viz.services.measurements import Plan, Point
from viz.views.compare.charts import charts
from viz.views.compare.published import published
from viz.views.compare.running import running, without_a_plan
from viz.views.compare.settings import settings
from viz.views.compare.table import table
from viz.views.explain import explain


def measure() -> None:
    """One view of the page Compare."""
    plan = settings()
    if plan is not None:
        running(plan, lambda going_on: _shown(plan, going_on))
    else:
        without_a_plan()
    explain("Measure")


def _shown(plan: Plan, going_on: bool) -> None:
    """Everything that is known of a plan. going_on: more of it is being measured, so the numbers still change."""
    points = measurements.points(plan)
    if points and not going_on:
        st.caption(_so_far(plan, points))
    dark = st.context.theme.type == "dark"
    charts(plan, points, going_on=going_on, dark=dark)
    if not going_on:
        table(points)
        published(points, dark=dark)


def _so_far(plan: Plan, points: Sequence[Point]) -> str:
    """How much of the plan the numbers below are, and what Run would add; "" where nothing is missing."""
    wanted = sum(len(plan.cells(most_tokens(entrant))) for entrant in plan.entrants)
    few = max(point.repeats for point in points)
    if few < plan.repeats:
        return (
            f"A first look at {len(points)} of {wanted} cells, median of {few} after a warm-up: Run measures all, "
            f"{plan.repeats} times each."
        )
    return "" if len(points) == wanted else f"{len(points)} of {wanted} cells are measured: Run measures all."
