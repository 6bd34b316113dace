"""The query-key view: what it draws is the head's own arithmetic."""

import numpy as np
import pytest

from models.errors import BadSelection
from tests.browser import Watch
from tests.figures.samples import HOSTILE, loaded_addresses, page_data, unpacked
from viz.figures.query_key_view import estimated_query_key_bytes, query_key_html

QUERIES, KEYS, WIDTH = 3, 5, 7
QUERY_TOKENS = ("a", "b", "c")
KEY_TOKENS = ("v", "w", "x", "y", "z")


def arrays(queries=QUERIES, keys=KEYS, bias=None):
    random = np.random.default_rng(3)
    q, k = random.normal(size=(queries, WIDTH)), random.normal(size=(keys, WIDTH))
    scores = q @ k.T * WIDTH**-0.5 + (0 if bias is None else bias)
    weights = np.exp(scores)
    return q, k, weights / weights.sum(axis=1, keepdims=True), scores


def data_of(page):
    return page_data(page, "window.headlight = ")


def test_arrays_survive_exactly():
    q, k, weights, _ = arrays()
    data = data_of(query_key_html(q, k, weights, QUERY_TOKENS, KEY_TOKENS, title="L5 H3"))
    for name, expected in (("query", q), ("key", k), ("pattern", weights)):
        np.testing.assert_array_equal(unpacked(data[name]), expected.astype(np.float32))
    assert (data["selected"], data["note"], data["other"]) == (2, "", None)
    assert data["scaling"] == pytest.approx(7**-0.5)


def test_what_the_product_does_not_explain_is_told_or_shown():
    bias = np.random.default_rng(4).normal(size=(QUERIES, KEYS))
    q, k, weights, scores = arrays(bias=bias)
    untold = data_of(query_key_html(q, k, weights, QUERY_TOKENS, KEY_TOKENS, title="L5 H3"))
    assert "position bias" in untold["note"]
    told = data_of(query_key_html(q, k, weights, QUERY_TOKENS, KEY_TOKENS, title="L5 H3", scores=scores))
    assert told["note"] == ""
    np.testing.assert_allclose(unpacked(told["other"]), bias, atol=1e-5)


def test_a_causal_mask_needs_no_explanation():
    q, k, _, scores = arrays(queries=5)
    seen = np.tril(np.ones((5, 5), bool))
    weights = np.where(seen, np.exp(scores), 0)
    weights /= weights.sum(axis=1, keepdims=True)
    unmasked = data_of(query_key_html(q, k, weights, KEY_TOKENS, KEY_TOKENS, title="L5 H3"))
    assert unmasked["note"] == ""
    masked = np.where(seen, scores, -np.inf)
    data = data_of(query_key_html(q, k, weights, KEY_TOKENS, KEY_TOKENS, title="L5 H3", scores=masked))
    assert data["note"] == ""
    np.testing.assert_allclose(unpacked(data["other"]), 0, atol=1e-5)


def test_the_weight_is_known_beforehand():
    q, k, weights, _ = arrays(queries=60, keys=80)
    tokens = tuple(f" word{index}" for index in range(80))
    page = query_key_html(q, k, weights, tokens[:60], tokens, title="L5 H3")
    assert abs(estimated_query_key_bytes(60, 80, WIDTH) / len(page.encode()) - 1) < 0.05


def test_disagreeing_shapes_are_refused():
    q, k, weights, _ = arrays()
    with pytest.raises(BadSelection, match="but they are"):
        query_key_html(q, k, weights.T, QUERY_TOKENS, KEY_TOKENS, title="L5 H3")
    with pytest.raises(BadSelection, match="Query 3 is out of range"):
        query_key_html(q, k, weights, QUERY_TOKENS, KEY_TOKENS, title="L5 H3", selected=3)


def test_the_browser_shows_scores_and_weights_of_the_chosen_query(browser):
    count = len(HOSTILE)
    q, k, weights, scores = arrays(count, count)
    html = query_key_html(q, k, weights, HOSTILE, HOSTILE, title="L5 H3", selected=0)
    assert loaded_addresses(html) == []
    page, watch = browser.new_page(), Watch()
    watch.attach(page)
    page.set_content(html)
    page.locator("nav button").nth(4).click()
    for column, expected in ((0, scores[4]), (1, weights[4])):
        cells = page.locator(f"main > .row > .meter:nth-of-type({column + 3}) span")
        shown = [float(title) for title in cells.evaluate_all("all => all.map(one => one.title)")]
        np.testing.assert_allclose(shown, expected, atol=1e-5)
    assert page.locator("nav button").nth(4).text_content() == "\\u2028"
    assert (page.locator("main .token").nth(1).text_content() or "").startswith("</script>")
    assert page.evaluate("window.hacked") is None
    assert (watch.outside(), watch.complaints) == ([], [])
    page.close()
