"""The views Importance and Doubts in a real Chromium: the least important heads go to the wall at a click."""

import re
from pathlib import Path

from playwright.sync_api import expect

from tests.e2e.visitor import SLOW_MS, Visitor


def test_the_least_important_heads_go_to_the_wall(visitor: Visitor, tiny_llama: Path) -> None:
    asked = f"model={tiny_llama}&text=one two three four&prune_view=Importance&evaluated_tokens=256&off=0.1"
    page = visitor.open(f"prune?{asked}", size=(1440, 2800))
    expect(page.get_by_text("your 1 head", exact=True)).to_be_visible(timeout=SLOW_MS)
    page.get_by_role("button", name="Switch them off on the wall").click()
    expect(page).not_to_have_url(re.compile(r"off=0\.1(&|$)"), timeout=SLOW_MS)
    expect(page.get_by_text("your 5 heads", exact=True)).to_be_visible(timeout=SLOW_MS)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("your 1 head", exact=True)).to_be_visible(timeout=SLOW_MS)

    page.get_by_role("radio", name="Doubts").or_(page.get_by_role("button", name="Doubts")).first.click()
    page.locator(".st-key-go-doubt-words").get_by_role("button").first.click()
    expect(page.get_by_text(re.compile("of 18 heads give function words"))).to_be_visible(timeout=SLOW_MS)
