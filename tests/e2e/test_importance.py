"""The views Importance and Doubts in a real Chromium: the least important heads go to the wall at a click."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import Watch
from tests.e2e.server import ROOT, serving

pytestmark = pytest.mark.e2e

SLOW_MS = 120_000
expect.set_options(timeout=60_000)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving(ROOT / "app.py") as address:
        yield address


def test_the_least_important_heads_go_to_the_wall(browser: Browser, address: str, tiny_llama: Path) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 2800})
    context.set_default_timeout(SLOW_MS)
    page, watch = context.new_page(), Watch()
    watch.attach(page)
    asked = f"model={tiny_llama}&text=one two three four&prune_view=Importance&evaluated_tokens=256&off=0.1"
    page.goto(f"{address}/prune?{asked}")
    expect(page.get_by_text("your 1 head", exact=True)).to_be_visible(timeout=SLOW_MS)
    page.get_by_role("button", name="Switch them off on the wall").click()
    expect(page).not_to_have_url(re.compile(r"off=0\.1(&|$)"), timeout=SLOW_MS)
    expect(page.get_by_text("your 5 heads", exact=True)).to_be_visible(timeout=SLOW_MS)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("your 1 head", exact=True)).to_be_visible(timeout=SLOW_MS)

    page.get_by_role("radio", name="Doubts").or_(page.get_by_role("button", name="Doubts")).first.click()
    page.locator(".st-key-doubt-words-go").get_by_role("button").first.click()
    expect(page.get_by_text(re.compile("of 18 heads give function words"))).to_be_visible(timeout=SLOW_MS)
    expect(page.get_by_test_id("stException")).to_have_count(0)
    context.close()
    assert watch.outside(address, address.replace("http", "ws")) == []
    assert watch.own_complaints() == []
