"""Contenders measured in turn on this machine, beside the formulas."""

from __future__ import annotations

import streamlit as st

from viz.services import measurements
from viz.services.measurements import Plan
from viz.views.costs.charts import charts
from viz.views.costs.published import published
from viz.views.costs.running import running
from viz.views.costs.settings import settings
from viz.views.costs.table import table
from viz.views.explain import explain


def measure() -> None:
    """One view of the page Compare."""
    plan = settings()
    if plan is not None:
        running(plan, lambda going_on: _shown(plan, going_on))
    explain("Measure")


def _shown(plan: Plan, going_on: bool) -> None:
    """Everything that is known of a plan. going_on: more of it is being measured, so the numbers still change."""
    points = measurements.points(plan)
    charts(plan, points, going_on=going_on, dark=st.context.theme.type == "dark")
    if not going_on:
        table(points)
        published(points)
