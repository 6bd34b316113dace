"""One measured demonstration for each step of the timeline: that it fixed what it is said to have fixed."""

from __future__ import annotations

from collections.abc import Callable

from models.classic.date_reading import DateSaid
from models.classic.milestones import Milestone
from viz.views.evolution.date_text import date_text
from viz.views.evolution.mended.caches import in_name_only, kept_of_text
from viz.views.evolution.mended.heads import cross_attention, many_heads, self_attention
from viz.views.evolution.mended.hops import hops
from viz.views.evolution.mended.length import length
from viz.views.evolution.mended.one_place import one_place
from viz.views.evolution.mended.window import window

# By the milestone's key; the memory network alone reads no date.
ON_A_DATE: dict[str, Callable[[str, DateSaid, bool], None]] = {
    "none": length,
    "soft": length,
    "hard": one_place,
    "local": window,
    "self": self_attention,
    "cross": cross_attention,
    "multi-head": many_heads,
    "mqa": lambda text, _, dark: kept_of_text(text, "mqa", dark),
    "gqa": lambda text, _, dark: kept_of_text(text, "gqa", dark),
    "mla": lambda text, _, dark: kept_of_text(text, "mla", dark),
    "nominal-latent": lambda text, _, dark: in_name_only(text, dark),
}


def mended(milestone: Milestone, dark: bool) -> None:
    """What the chosen kind fixed, on the visitor's date or story."""
    if milestone.key == "memory":
        hops(dark)
        return
    found = date_text()
    if found is not None:
        ON_A_DATE[milestone.key](*found, dark)
