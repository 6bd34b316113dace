"""Contenders measured in turn on this machine, beside the formulas."""

from __future__ import annotations


def measure() -> None:
    """One view of the page Compare."""
