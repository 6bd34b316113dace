"""What bounds prefill and decode on the device at hand: arithmetic or memory."""

from __future__ import annotations


def roofline() -> None:
    """One view of the page Compare."""
