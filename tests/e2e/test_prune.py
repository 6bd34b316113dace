"""The page Prune in a real Chromium: heads go off under the mouse and the keys at once, and what they did is shown."""

import re

from playwright.sync_api import Locator, Page, Position, expect

from tests.e2e.visitor import SLOW_MS, Visitor

TEXT = "one two three four one two three four"
HEADER, GUTTER = 18, 30  # of the wall, in CSS pixels; see layout.js


def wall(page: Page) -> Locator:
    return page.get_by_role("grid", name=re.compile("^All heads, layers down"))


def point(page: Page, layer: float, head: float) -> Position:
    """The middle of a tile; -1 for the labels."""
    box = wall(page).bounding_box()
    assert box
    wide, high = (box["width"] - GUTTER) / 8, (box["height"] - HEADER) / 4
    return {
        "x": GUTTER / 2 if head < 0 else GUTTER + (head + 0.45) * wide,
        "y": HEADER / 2 if layer < 0 else HEADER + (layer + 0.45) * high,
    }


def struck_out(page: Page) -> Locator:
    return page.get_by_text(re.compile("^switched off · "))


def expect_off(page: Page, heads: str) -> None:
    """In the address, as viz/heads_off.py writes it."""
    expect(page).to_have_url(re.compile(rf"[?&]off={re.escape(heads.replace(',', '%2C'))}(&|$)"))


def open_prune(visitor: Visitor, more: str = "") -> Page:
    page = visitor.open(f"prune?model=family-mha&text={TEXT}{more}", size=(1440, 1900))
    expect(wall(page)).to_be_visible(timeout=SLOW_MS)
    expect(page.get_by_text("Against random heads")).to_be_visible(timeout=SLOW_MS)
    return page


def test_from_the_example_to_a_choice_that_outlives_a_reload(visitor: Visitor) -> None:
    page = open_prune(visitor)
    expect(page.get_by_text("An example")).to_be_visible()
    page.get_by_role("button", name="All on").click()
    expect_off(page, "none")
    expect(page.get_by_text("All heads are on.", exact=False).first).to_be_visible()

    wall(page).click(position=point(page, 1, 2))
    expect_off(page, "1.2")
    expect(struck_out(page)).to_have_text("switched off · 1")
    expect(page.get_by_text(re.compile("L1 H2 off; zeros stand"))).to_be_visible()
    wall(page).click(position=point(page, 2, 4), modifiers=["Shift"])
    expect_off(page, "1.2-4,2.2-4")
    wall(page).click(position=point(page, 3, -1))
    expect_off(page, "1.2-4,2.2-4,3.0-7")
    wall(page).click(position=point(page, -1, 7))
    expect_off(page, "0.7,1.2-4,1.7,2.2-4,2.7,3.0-7")
    expect(struck_out(page)).to_have_text("switched off · 17")

    for before in ("1.2-4,2.2-4,3.0-7", "1.2-4,2.2-4"):
        page.get_by_role("button", name="Undo").click()
        expect_off(page, before)
    expect(struck_out(page)).to_have_text("switched off · 6")
    page.get_by_role("button", name="Redo").click()
    expect_off(page, "1.2-4,2.2-4,3.0-7")
    page.reload()
    expect(wall(page)).to_be_visible(timeout=SLOW_MS)
    expect(struck_out(page)).to_have_text("switched off · 14")


def test_keys_switch_heads_layers_and_columns(visitor: Visitor) -> None:
    page = open_prune(visitor, "&off=2.5")
    wall(page).focus()
    wall(page).press("Home")  # the first head
    wall(page).press("ArrowRight")
    wall(page).press("ArrowDown")
    expect(wall(page)).to_contain_text("L1 H1")
    wall(page).press(" ")
    expect_off(page, "1.1,2.5")
    expect(wall(page)).to_contain_text("switched off")
    wall(page).press("Shift+Space")
    expect_off(page, "1.0-7,2.5")
    wall(page).press("Shift+Space")
    expect_off(page, "2.5")
    wall(page).press("Control+Space")
    expect_off(page, "0.1,1.1,2.1,2.5,3.1")


def test_a_click_is_seen_before_the_server_has_answered(visitor: Visitor) -> None:
    page = open_prune(visitor, "&off=1.1")
    page.context.set_offline(True)
    wall(page).click(position=point(page, 2, 6))
    expect(struck_out(page)).to_have_text("switched off · 2")
    page.context.close()
    visitor.opened.clear()  # without a network it complains, and rightly


def test_both_write_side_by_side_and_stop(visitor: Visitor) -> None:
    page = open_prune(visitor, "&off=0.0-7")
    page.get_by_role("spinbutton", name="New tokens").fill("400")
    page.get_by_role("spinbutton", name="New tokens").press("Enter")
    page.get_by_role("button", name="Write on, with and without").click()
    expect(page.get_by_text(re.compile("part at the (next|first token)"))).to_be_visible()
    expect(page.locator("mark")).to_have_count(2)
    page.get_by_role("button", name="Stop", exact=True).click()
    written = page.locator("[data-testid=stHtml]:has(mark)").first
    expect(page.get_by_text("stopped before the end")).to_be_visible()
    before = written.inner_text()
    page.wait_for_timeout(1_500)  # nothing may come any more
    assert written.inner_text() == before
