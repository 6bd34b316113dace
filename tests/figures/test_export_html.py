"""The page of one head: exact numbers, light, offline, and tokens that stay text."""

import numpy as np
import pytest

from models.errors import BadSelection
from tests.browser import Watch
from tests.figures.samples import HOSTILE, attention, loaded_addresses, page_data, unpacked
from viz.figures.export_html import head_html


def data_of(page):
    return page_data(page, "window.headlight = ")


def test_numbers_survive_exactly():
    weights = attention(1, 1, 3, 5)[0, 0]
    data = data_of(head_html(weights, tuple("abc"), tuple("vwxyz"), head="L5 H3"))
    np.testing.assert_array_equal(unpacked(data["pattern"]), weights)
    assert (data["queryTokens"], data["keyTokens"]) == (list("abc"), list("vwxyz"))
    assert np.array(unpacked(data["palette"])).shape == (256, 3)


def test_what_is_known_of_the_head_is_written():
    scores = {"previous_token": (0.8123456, 0.0625), "induction": (float("nan"), float("nan"))}
    page = head_html(
        np.ones((1, 1)),
        ("a",),
        ("a",),
        head="L5 H3",
        role="induction",
        model="gpt & co",
        text="a <b>\nc",
        scores=scores,
    )
    assert "<h1>L5 H3 · induction</h1>" in page
    assert "gpt &amp; co" in page
    assert "a &lt;b&gt;\nc</blockquote>" in page
    assert '<th>previous token</th><td title="0.8123456">0.812</td><td title="0.0625">0.0625</td>' in page
    assert page.count("the text gives no chance to tell") == 2


def test_a_page_is_light_and_loads_nothing():
    tokens = tuple(f" word{index}" for index in range(128))
    page = head_html(attention(1, 1, 128, 128)[0, 0], tokens, tokens, head="L0 H0")
    assert len(page.encode()) < 120_000
    assert loaded_addresses(page) == []


def test_disagreeing_tokens_are_refused():
    with pytest.raises(
        BadSelection, match=r"weights of \(1, 1\) \(queries, keys\) were expected, but they are \(2, \d\)"
    ):
        head_html(np.zeros((2, 2)), ("a",), ("b",), head="L0 H0")


def test_from_a_file_hovering_names_the_pair_and_its_weight(browser, tmp_path):
    count = len(HOSTILE)
    weights = attention(1, 1, count, count)[0, 0]
    file = tmp_path / "head.html"
    file.write_text(
        head_html(weights, HOSTILE, HOSTILE, head="L5 H3", text="".join(HOSTILE)), encoding="utf-8"
    )
    page, watch = browser.new_page(), Watch()
    watch.attach(page)
    page.goto(file.as_uri())
    seen = set()
    width = page.locator("canvas").bounding_box()["width"]
    for x in range(5, int(width) - 40, 16):
        page.locator("canvas").hover(position={"x": x, "y": 4 + 620 / count * 4.5})
        seen.add(page.locator("output").text_content())
    expected = f"“\u2068\\u2028\u2069” (4) → “\u2068&lt;b&gt;\u2069” (9): {float(f'{weights[4, 9]:.6g}')}"
    assert expected in seen
    page.locator("select").select_option("square root")
    assert page.evaluate("window.hacked") is None
    assert (watch.outside(file.as_uri()), watch.complaints) == ([], [])
    page.close()


def test_it_opens_as_the_head_was_looked_at(browser):
    weights = np.array([[1.0, 0.0], [0.9, 0.1]], np.float32)
    page = browser.new_page()
    page.set_content(
        head_html(
            weights,
            ("a", "b"),
            ("a", "b"),
            head="L5 H3",
            scale="logarithmic",
            leave_out_first=True,
            measure="norm",
        )
    )
    assert page.locator("select").input_value() == "logarithmic"
    assert "strongest norm 0.1" in page.locator(".tools").text_content()
    page.close()
