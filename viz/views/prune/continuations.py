"""Two texts, written with and without the heads that are off."""

from __future__ import annotations

from viz.views.prune.subject import Subject


def continuations(subject: Subject) -> None:
    """One view of the page Prune."""
