"""Streamlit's settings agree with the rest of the program."""

import tomllib
from pathlib import Path

import pytest

from viz import theme

SETTINGS = tomllib.loads((Path(__file__).parent.parent / ".streamlit" / "config.toml").read_text("utf-8"))


@pytest.mark.parametrize(("mode", "suffix"), [("light", ""), ("dark", "_DARK")])
def test_the_page_has_the_colours_of_the_figures(mode: str, suffix: str):
    colours = SETTINGS["theme"][mode]
    pairs = {
        "primaryColor": "PRIMARY",
        "backgroundColor": "BACKGROUND",
        "secondaryBackgroundColor": "SURFACE",
        "textColor": "TEXT",
    }
    assert colours == {setting: getattr(theme, name + suffix) for setting, name in pairs.items()}


def test_nothing_is_told_to_anybody():
    assert SETTINGS["browser"]["gatherUsageStats"] is False
    assert SETTINGS["client"]["showErrorDetails"] == "none"
