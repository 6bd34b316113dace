"""Which heads matter, and how many can go."""

from __future__ import annotations

from viz.views.prune.subject import Subject


def importance(subject: Subject) -> None:
    """One view of the page Prune."""
