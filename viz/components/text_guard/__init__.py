"""Keeps half characters out of every text field of the page; the fields would lose what was typed."""

from pathlib import Path

from streamlit.components.v2 import component

REPLACEMENT = "\ufffd"

_mount = component(
    "headlight_text_guard", js=(Path(__file__).parent / "text_guard.js").read_text(encoding="utf-8")
)


def text_guard() -> None:
    """Put U+FFFD in the place of every lone surrogate that is typed or pasted, anywhere on the page. Shows nothing."""
    _mount(key="text-guard")
