"""The page Convert in a real Chromium: it opens on a conversion, follows the slider, and hands the model on."""

import re
from pathlib import Path

from playwright.sync_api import expect

from tests.e2e.visitor import SLOW_MS, Visitor

TEXT = "one two three four one two three four"
# By default the page fits to eight times as many tokens, and measures on a whole held-out text.
QUICK = "calibration_tokens=2048&measured_on=the text in the sidebar"


def test_from_the_first_look_to_the_model_on_every_page(visitor: Visitor, tmp_path: Path) -> None:
    page = visitor.open(f"convert?model=family-gqa&text={TEXT}&{QUICK}", size=(1440, 1700))
    wall = page.get_by_role("grid", name=re.compile("^What changed in all heads"))
    expect(wall).to_be_visible(timeout=SLOW_MS)
    expect(page.get_by_text("1,024 bytes").first).to_be_visible()
    expect(page.locator(".heatmaplayer")).to_have_count(3)
    expect(page.get_by_text("chosen ", exact=False).first).to_be_visible(timeout=SLOW_MS)
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0, timeout=SLOW_MS)

    wall.click(position={"x": 110, "y": 20})  # the first tile is the one that is chosen
    box = wall.bounding_box()
    assert box
    expect(page).to_have_url(re.compile(r"layer=\d.*head=\d"))
    chosen = page.get_by_role("heading", name=re.compile(r"^L\d H\d.* of its attention moved")).inner_text()

    page.get_by_role("slider", name="Share").press("ArrowRight")
    expect(page).to_have_url(re.compile("share=51"))
    expect(page.get_by_text("A latent of 65 numbers")).to_be_visible()
    page.reload()
    expect(wall).to_be_visible(timeout=SLOW_MS)
    expect(page.get_by_text("A latent of 65 numbers")).to_be_visible()
    assert chosen[:5] in page.get_by_role("heading", name=re.compile("attention moved")).inner_text()

    page.get_by_role("radio", name="Use it").click()
    page.get_by_role("button", name="Look at it in Explore").click()
    expect(page.get_by_role("heading", name="Explore")).to_be_visible(timeout=SLOW_MS)
    expect(page.get_by_text("Converted from family-gqa: a latent of 65 numbers")).to_be_visible(
        timeout=SLOW_MS
    )
