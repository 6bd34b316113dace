"""How much memory the caches of many users take, for any model."""

from __future__ import annotations


def planner() -> None:
    """One view of the page Compare."""
