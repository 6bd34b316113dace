"""What people say about pruning, beside what is measured here."""

from __future__ import annotations

from viz.views.prune.subject import Subject


def doubts(subject: Subject) -> None:
    """One view of the page Prune."""
