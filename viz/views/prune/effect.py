"""The wall on which heads are switched off, and what that does to the visitor's text."""

from __future__ import annotations

from viz.views.prune.subject import Subject


def effect(subject: Subject) -> None:
    """Above all views of the page."""
