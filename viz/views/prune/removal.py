"""Heads removed for real, and what that saves."""

from __future__ import annotations

from viz.views.prune.subject import Subject


def removal(subject: Subject) -> None:
    """One view of the page Prune."""
