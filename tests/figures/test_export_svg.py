"""The SVG of a head: well-formed, its pixels the weights, its labels the tokens."""

import io
import re
from base64 import b64decode
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from models.errors import BadSelection
from tests.figures.samples import HOSTILE, attention
from viz import theme
from viz.figures.export_svg import heatmap_svg
from viz.figures.heatmap import bent_scale
from viz.figures.scales import SCALES, Scale, bent, unbent

SVG = "{http://www.w3.org/2000/svg}"


def parsed(weights, queries, keys, dark=False, caption="a model, a text"):
    return ElementTree.fromstring(
        heatmap_svg(weights, queries, keys, "L5 H3 · induction", caption, dark).encode()
    )


def texts(root):
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def image_element(root):
    (element,) = root.iter(f"{SVG}image")
    return element


def embedded(root):
    address = image_element(root).get("href", "")
    assert address.startswith("data:image/png;base64,")
    return Image.open(io.BytesIO(b64decode(address.partition(",")[2])))


@pytest.mark.parametrize("dark", [False, True])
def test_pixels_are_the_weights(dark):
    weights = attention(1, 1, 4, 6)[0, 0] / 3
    root = parsed(weights, tuple("abcd"), tuple("uvwxyz"), dark)
    levels = np.asarray(embedded(root)) / 255 * weights.max()
    np.testing.assert_allclose(levels, weights, atol=weights.max() / 509)
    colours = np.asarray(embedded(root).convert("RGB"))
    query, key = np.unravel_index(weights.argmax(), weights.shape)
    strongest = (theme.INK_DARK if dark else theme.INK)[-1]
    assert "#{:02x}{:02x}{:02x}".format(*colours[query, key]) == strongest
    assert image_element(root).get("style") == "image-rendering:pixelated"


def test_both_axes_the_title_and_the_caption_are_written():
    root = parsed(
        attention(1, 1, 2, 3)[0, 0], (" cat", "sat"), ("The", "\n", "on"), caption="smollm2 · “The cat”"
    )
    assert texts(root)[:1] == ["L5 H3 · induction"]
    assert {"·cat", "sat", "The", "⏎", "on", "smollm2 · “The cat”", "0"} <= set(texts(root))
    assert root.findtext(f"{SVG}title") == "L5 H3 · induction"


def test_labels_are_thinned_where_there_is_no_room():
    tokens = tuple(f"t{index}" for index in range(300))
    elements = [
        element
        for element in parsed(np.eye(300), tokens, tokens).iter(f"{SVG}text")
        if re.fullmatch(r"t\d+", element.text or "")
    ]
    assert 60 < len(elements) < 110
    rows = [float(element.get("y", "")) for element in elements if element.get("transform") is None]
    assert np.diff(rows).min() >= 11


def test_hostile_tokens_are_shown_and_nothing_is_loaded():
    count = len(HOSTILE)
    source = heatmap_svg(
        attention(1, 1, count, count)[0, 0], HOSTILE, HOSTILE, "<&\x00\ud800", "\x1b]0;<script>"
    )
    root = ElementTree.fromstring(source.encode("utf-8"))
    assert {"&lt;b&gt;", "\\ud800", "␀", "⏎", "=1+1", "\\ufffe", "<&␀\\ud800", "␛]0;<script>"} <= set(
        texts(root)
    )
    assert "<script" not in source
    assert set(re.findall(r"""(?:href|xmlns)="(?!data:)([^"]*)""", source)) == {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize(
    ("top", "ticks"), [(1.0, ["0", "0.25", "0.5", "0.75", "1"]), (0.03, ["0", "0.01", "0.02", "0.03"])]
)
def test_the_colour_bar_has_round_ticks(top, ticks):
    root = parsed(np.array([[top, 0.0]]), ("a",), ("b", "c"))
    assert [text for text in texts(root) if re.fullmatch(r"[\d.]+", text)] == ticks


def test_weights_of_zero_and_nan_are_drawn_as_nothing():
    root = parsed(np.array([[0.0, np.nan]]), ("a",), ("b", "c"))
    assert np.asarray(embedded(root)).tolist() == [[0, 0]]


def test_disagreeing_tokens_are_refused():
    with pytest.raises(
        BadSelection, match=r"weights of \(1, 1\) \(queries, keys\) were expected, but they are \(2, \d\)"
    ):
        heatmap_svg(np.zeros((2, 2)), ("a",), ("b",), "L0 H0", "")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("scale", SCALES)
def test_the_scale_on_screen_is_the_scale_that_is_saved(scale: Scale, dark: bool):
    weights = np.array([[0.5, 0.125, 0.01, 0.0001, 0.0]])
    source = heatmap_svg(weights, ("a",), tuple("bcdef"), "L0 H0", "", dark, scale=scale)
    saved = np.asarray(embedded(ElementTree.fromstring(source.encode())).convert("RGB"))[0]
    for weight, colour in zip(weights[0], saved, strict=True):
        stops = bent_scale(scale, dark)  # what Plotly draws on the page
        places = [place for place, _ in stops]
        channels = np.array([[int(hue[i : i + 2], 16) for i in (1, 3, 5)] for _, hue in stops])
        on_screen = [np.interp(weight / 0.5, places, channel) for channel in channels.T]
        np.testing.assert_allclose(colour, on_screen, atol=6, err_msg=f"weight {weight}")


def test_the_bar_of_a_bent_scale_names_the_weights_of_its_colours():
    source = heatmap_svg(
        np.array([[1.0, 0.0]]), ("a",), ("b", "c"), "L0 H0", "", scale="logarithmic", measure="norm"
    )
    assert [text for text in texts(ElementTree.fromstring(source.encode())) if re.fullmatch(r"[\d.]+", text)] == [
        "1", "0.1", "0.01", "0.001", "0.0001",
    ]  # fmt: skip
    assert ">norm</text>" in source


@pytest.mark.parametrize("scale", SCALES)
def test_a_scale_can_be_undone(scale: Scale):
    places = np.linspace(0, 1, 11)
    np.testing.assert_allclose(bent(unbent(places, scale), scale), places, atol=1e-12)
    assert bent(0.0, scale) == 0.0
