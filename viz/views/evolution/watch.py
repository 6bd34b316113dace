"""The chosen model at work on what a visitor types."""

from __future__ import annotations

from models.classic.milestones import Milestone
from viz.services.ancestors import TITLES
from viz.views.evolution.alignment import alignment
from viz.views.evolution.date_text import date_text
from viz.views.evolution.draws import draws


def watch(milestone: Milestone, dark: bool) -> None:
    """A date being written, or a story being read."""
    name = milestone.model
    found = date_text()
    if found is None:
        return
    text, said = found
    alignment(name, TITLES[name], text, said)
    if name == "classic-hard":
        draws(text, said, dark)
