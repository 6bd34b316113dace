"""A token as long as a page: short where tokens stand side by side, whole where one is pointed at."""

import re
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from tests.figures.samples import page_data
from viz.figures.bertviz_view import Panel, head_view_html, model_view_html
from viz.figures.change_strip import change_strip
from viz.figures.export_html import head_html
from viz.figures.export_svg import heatmap_svg
from viz.figures.heatmap import difference_heatmap, heatmap
from viz.figures.layout.axes import LABEL_WIDTH
from viz.figures.long_tokens import CHIP, LINE, MOST, chip, hover_name, whole
from viz.figures.loss_change import loss_change
from viz.figures.query_key_view import query_key_html
from viz.figures.score_parts import score_heatmaps
from viz.figures.small_heatmap import small_heatmap
from viz.figures.token_losses import token_losses

LONG = "x" * 298 + "<b>" + "y" * 299
TOKENS = ("the", LONG, " mill")
PATTERN = np.tril(np.ones((3, 3), np.float32))
SVG = "{http://www.w3.org/2000/svg}"


def unbroken(name: str) -> str:
    return name.replace("<br>", "").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def test_a_chip_is_short_and_knows_the_whole():
    assert chip("the") == {"text": "the"}
    assert chip(LONG) == {"text": "x" * (CHIP - 1) + "…", "whole": LONG}
    assert chip(" " * 600)["text"] == "·" * (CHIP - 1) + "…"  # blanks can be seen
    assert len(whole("z" * 10**6)) == MOST
    assert max(map(len, hover_name("z" * 600).split("<br>"))) == LINE
    assert hover_name("") == ""


@pytest.mark.parametrize(
    "figure",
    [
        heatmap(PATTERN, TOKENS, TOKENS),
        difference_heatmap(PATTERN, PATTERN, TOKENS, TOKENS),
        loss_change([0.1, 0.2, 0.3], [0.2, 0.3, 0.1], TOKENS),
        token_losses({"mha": [0.1, 0.2, 0.3]}, TOKENS),
        score_heatmaps(PATTERN, PATTERN, PATTERN > 0, TOKENS),
        small_heatmap(PATTERN, TOKENS, top=1.0),
    ],
    ids=["heatmap", "difference", "loss change", "token losses", "score parts", "small heatmap"],
)
def test_axes_are_short_and_hovering_tells_the_whole(figure: Any):
    labels = list(figure.layout.xaxis.ticktext)
    assert max(map(len, labels)) <= LABEL_WIDTH + 2
    assert len(labels) == len(figure.layout.xaxis.tickvals) == 3
    name = figure.data[0].x[1]
    assert unbroken(name) == f"1 {LONG}"
    assert max(map(len, name.split("<br>"))) < 2 * LINE
    assert figure.layout.xaxis.tickvals[1] == name


def test_a_saved_picture_has_room_and_tells_the_whole():
    root = ElementTree.fromstring(heatmap_svg(PATTERN, TOKENS, TOKENS, "L0 H0", "").encode())
    assert int(root.get("width", "")) < 500
    labels = [text for text in root.iter(f"{SVG}text") if text.find(f"{SVG}title") is not None]
    told = [text.findtext(f"{SVG}title") for text in labels]
    assert told.count(LONG) == 2


def test_a_saved_page_tells_the_whole():
    data = page_data(head_html(PATTERN, TOKENS, TOKENS, head="L0 H0"), "window.headlight = ")
    assert data["keyTokens"][1] == LONG
    assert data["labelWidth"] < 40


@pytest.mark.parametrize("view", [head_view_html, model_view_html])
def test_bertviz_tells_the_whole(view: Any):
    page = view([Panel("self", PATTERN[None, None], TOKENS, TOKENS)], [0], [0])
    (part,) = page_data(page, "const params = headlightBertviz(")["attention"]
    short = part["left_text"][1]
    assert len(short) <= 32
    assert page_data(page, ";headlightTell(") == {short: LONG}


def test_the_query_and_key_view_tells_the_whole():
    numbers = np.ones((3, 2), np.float32)
    page = query_key_html(
        numbers, numbers, PATTERN / PATTERN.sum(1, keepdims=True), TOKENS, TOKENS, title="L0 H0"
    )
    assert page_data(page, "window.headlight = ")["keyTokens"][1] == LONG


def test_the_strip_of_changes_is_short_and_tells_the_whole():
    drawn = change_strip([0.1, 0.2, 0.3], TOKENS, ["one", "two", "three"], signed=True, dark=False)
    shown = re.sub(r"<[^>]*>", "", re.sub(r'title="[^"]*"', "", drawn))
    assert len(shown) < 60
    assert "&lt;b&gt;" in drawn
    assert "two" in drawn
