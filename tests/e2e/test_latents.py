"""The page Latents in a real Chromium: one click on the map, and all that hangs on it follows."""

import re

from playwright.sync_api import Locator, Page, expect

from tests.e2e.visitor import SLOW_MS, Visitor

TEXT = "one two three four one two three four"


def latents(page: Page) -> Locator:
    return page.get_by_role("grid", name=re.compile(r"^Latents of layer"))


def expect_cell(page: Page, pos: int, dimension: int) -> None:
    """The cell that the map frames, the token of the strip, the titles beside the map, and the address."""
    expect(latents(page)).to_contain_text(re.compile(rf"position {pos} .*, dimension {dimension},"))
    expect(page.get_by_role("option", selected=True)).to_have_id(f"token{pos}")
    expect(page.get_by_role("heading", name=re.compile(rf"^Position {pos}\b"))).to_be_visible()
    expect(page.get_by_role("heading", name=re.compile(rf"^Dimension {dimension}\b"))).to_be_visible()
    expect(page).to_have_url(re.compile(rf"token={pos}&dimension={dimension}\b"))


def test_a_click_on_a_cell_chooses_token_and_dimension(visitor: Visitor) -> None:
    page = visitor.open(
        f"latents?text={TEXT}&model=family-mla&layer=1&head=0&token=0&dimension=0", size=(1440, 1400)
    )
    expect(latents(page)).to_be_visible(timeout=SLOW_MS)
    expect_cell(page, 0, 0)

    box = latents(page).bounding_box()
    assert box
    latents(page).click(position={"x": box["width"] - 4, "y": box["height"] - 6})  # of the rotary key
    last = page.get_by_role("option").count() - 1
    expect_cell(page, last, 0)
    latents(page).press("ArrowUp")
    latents(page).press("ArrowRight")
    expect_cell(page, last - 1, 1)
    page.get_by_role("option").nth(2).click()
    expect_cell(page, 2, 1)
    page.get_by_label("Dimension", exact=True).fill("42")
    page.get_by_label("Dimension", exact=True).press("Enter")
    expect_cell(page, 2, 42)
    left = (
        104 + 127.5 * (box["width"] - 2 - 104 - 16) / 144
    )  # the last of 128 dimensions; 16 of the rotary key follow
    latents(page).click(position={"x": left, "y": 34 + 4})
    expect_cell(page, 0, 127)

    page.reload()
    expect(latents(page)).to_be_visible(timeout=SLOW_MS)
    expect_cell(page, 0, 127)
