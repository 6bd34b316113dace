"""BertViz inside our page: the right numbers, harmless tokens, a known weight, nothing from the network."""

import re

import numpy as np
import pytest

from models.errors import BadSelection
from tests.browser import Watch
from tests.figures.samples import HOSTILE, attention, loaded_addresses, page_data, unpacked
from viz.figures import bertviz_template
from viz.figures.bertviz_view import (
    Panel,
    drawn_lines,
    estimated_bytes,
    head_view_html,
    model_view_html,
    pair_sizes,
    sentence_pair_panels,
    within_limits,
)

TOKENS = ("The", " cat", " sat", " down", ".")
VIEWS = {"head": head_view_html, "model": model_view_html}


def self_panel(layers=2, heads=3, tokens=TOKENS):
    return Panel("self", attention(layers, heads, len(tokens), len(tokens)), tokens, tokens)


def parameters(page):
    return page_data(page, "const params = headlightBertviz(")


@pytest.mark.parametrize("view", VIEWS)
def test_numbers_and_names_survive(view):
    panel = self_panel()
    data = parameters(VIEWS[view]([panel], layers=[4, 7], heads=[0, 2, 5]))
    (part,) = data["attention"]
    np.testing.assert_allclose(unpacked(part["attn"]), panel.attention, atol=7.7e-6, rtol=0)
    assert part["left_text"] == part["right_text"] == list(TOKENS)
    assert data["include_layers"] == [4, 7]
    if view == "model":
        assert data["include_heads"] == [0, 2, 5]
        assert data["total_heads"] == 3


def test_the_heads_lit_at_first_are_given_by_their_real_numbers():
    page = head_view_html([self_panel()], layers=[4, 7], heads=[0, 2, 5], layer=7, shown_heads=[2, 5])
    assert (parameters(page)["layer"], parameters(page)["heads"]) == (7, [1, 2])
    assert "<li>0</li><li>2</li><li>5</li>" in page
    with pytest.raises(BadSelection, match=r"Head 1 is not among the heads shown \(0, 2, 5\)"):
        head_view_html([self_panel()], layers=[4, 7], heads=[0, 2, 5], shown_heads=[1])
    with pytest.raises(BadSelection, match="Layer 3 is not among the layers"):
        head_view_html([self_panel()], layers=[4, 7], heads=[0, 2, 5], layer=3)


@pytest.mark.parametrize("view", VIEWS)
def test_encoder_decoder_keeps_each_stack_apart(view):
    source, target = TOKENS[:3], TOKENS
    panels = [
        Panel("encoder", attention(2, 4, 3, 3), source, source),
        Panel("decoder", attention(2, 4, 5, 5), target, target),
        Panel("cross", attention(2, 4, 5, 3), target, source),
    ]
    parts = parameters(VIEWS[view](panels, [0, 1], range(4)))["attention"]
    assert [part["name"] for part in parts] == ["Encoder", "Decoder", "Cross"]
    assert [part["attn"]["shape"] for part in parts] == [[2, 4, 3, 3], [2, 4, 5, 5], [2, 4, 5, 3]]
    assert (parts[2]["left_text"], parts[2]["right_text"]) == (list(target), list(source))
    np.testing.assert_allclose(unpacked(parts[2]["attn"]), panels[2].attention, atol=7.7e-6, rtol=0)


def test_a_text_pair_is_cut_as_bertviz_cuts_it():
    panels = sentence_pair_panels(self_panel(), second_start=2)
    parts = parameters(head_view_html(panels, [0, 1], range(3)))["attention"]
    assert [part["name"] for part in parts] == [
        "All", "Sentence A -> Sentence A", "Sentence B -> Sentence B", "Sentence A -> Sentence B",
        "Sentence B -> Sentence A",
    ]  # fmt: skip
    np.testing.assert_allclose(
        unpacked(parts[4]["attn"]), panels[0].attention[:, :, 2:, :2], atol=7.7e-6, rtol=0
    )
    assert (parts[4]["left_text"], parts[4]["right_text"]) == ([" sat", " down", "."], ["The", " cat"])


@pytest.mark.parametrize("view", VIEWS)
def test_tokens_cannot_leave_the_script(view):
    page = VIEWS[view]([self_panel(tokens=HOSTILE)], [0, 1], range(3))
    page.encode("utf-8")  # no lone surrogate is left
    harmless = VIEWS[view]([self_panel(tokens=tuple("x" * len(HOSTILE)))], [0, 1], range(3))
    for mark in ("<script", "</script", "<img"):
        assert page.count(mark) == harmless.count(mark)
    assert "window.hacked=1<" not in page
    assert "<!--" not in page
    assert "\u2028" not in page
    assert len(parameters(page)["attention"][0]["left_text"]) == len(HOSTILE)


@pytest.mark.parametrize("view", VIEWS)
def test_nothing_is_asked_from_elsewhere(view):
    page = VIEWS[view]([self_panel()], [0, 1], range(3))
    assert loaded_addresses(page) == []
    assert "default-src 'none'" in page
    assert re.findall(r"<(?:script|link|img|iframe)[^>]+(?:src|href)", page) == []


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(("layers", "heads", "tokens"), [(1, 1, 1), (6, 12, 32), (4, 9, 96)])
def test_the_weight_is_known_beforehand(view, layers, heads, tokens):
    panel = self_panel(layers, heads, tuple(f" word{index}" for index in range(tokens)))
    actual = len(VIEWS[view]([panel], range(layers), range(heads)).encode())
    estimate = estimated_bytes(view, [(layers, heads, tokens, tokens)])
    assert abs(estimate / actual - 1) < 0.05


def test_limits_count_what_is_drawn_at_once():
    shape = [(6, 12, 50, 40)]
    assert drawn_lines("head", shape) == 12 * 50 * 40
    assert drawn_lines("model", shape) == 6 * 12 * 50 * 40
    assert within_limits("model", shape)
    assert not within_limits("model", [(30, 9, 64, 64)])
    assert within_limits("head", [(30, 9, 64, 64)])
    assert not within_limits("head", [(30, 9, 512, 512)])


def test_disagreeing_shapes_are_refused():
    with pytest.raises(BadSelection, match=r"weights of \(1, 3, 5, 5\).*but they are \(2, 3, 5, 5\)"):
        head_view_html([self_panel()], [0], range(3))
    with pytest.raises(BadSelection, match="one stack, a text pair"):
        head_view_html([Panel("cross", attention(1, 1, 2, 2), ("a", "b"), ("a", "b"))] * 2, [0], [0])


def test_another_bertviz_is_noticed(monkeypatch):
    class Page:
        data = "<script src='elsewhere.js'></script>"

    monkeypatch.setattr(bertviz_template, "head_view", lambda **_: Page())
    with pytest.raises(RuntimeError, match="install the version that requirements"):
        head_view_html([self_panel()], [0, 1], range(3))


@pytest.mark.parametrize("view", VIEWS)
def test_hostile_tokens_are_drawn_and_do_not_run(view, browser):
    page, watch = browser.new_page(), Watch()
    watch.attach(page)
    page.set_content(VIEWS[view]([self_panel(tokens=HOSTILE)], [0, 1], range(3)))
    page.locator("svg text").first.wait_for()
    if view == "model":
        page.locator("#vis svg > g").first.click()
    drawn = page.locator("svg text").all_text_contents()
    for token in ("\\u2028", "\\ud800", "␀", "⏎", "&lt;b&gt;", "🙂", " the", "=1+1", "\\\"'`", "<!--"):
        assert drawn.count(token) >= 2, token
    assert any(text.startswith("</script>") for text in drawn)
    assert page.locator("svg line").count() >= 3 * len(HOSTILE) ** 2
    assert page.evaluate("window.hacked") is None
    assert (watch.outside(), watch.complaints) == ([], [])
    page.close()


def test_the_head_view_of_a_pair_can_be_filtered_in_the_browser(browser):
    panels = sentence_pair_panels(self_panel(), second_start=2)
    sizes = [(len(panel.query_tokens), len(panel.key_tokens)) for panel in panels]
    assert list(pair_sizes(len(TOKENS), 2)) == sizes
    page, watch = browser.new_page(), Watch()
    watch.attach(page)
    page.set_content(head_view_html(panels, [0, 1], range(3), layer=0))
    chooser = page.locator("select").filter(has_text="Sentence A -> Sentence B")
    chooser.select_option(label="Sentence A -> Sentence B")
    page.wait_for_function("document.querySelectorAll('#vis text').length === 5")
    assert page.locator("#vis text").all_text_contents() == list(TOKENS)
    assert (watch.outside(), watch.complaints) == ([], [])
    page.close()
