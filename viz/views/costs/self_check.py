"""Published numbers, and ours beside them."""

from __future__ import annotations


def self_check() -> None:
    """One view of the page Compare."""
