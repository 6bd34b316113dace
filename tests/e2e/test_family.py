"""The page Family in a real Chromium: one click, four walls."""

import re

from playwright.sync_api import Locator, Page, expect

from models.shape.family import KINDS
from tests.e2e.visitor import SLOW_MS, Visitor

TEXT = "one two three four one two three four"


def wall(page: Page, kind: str) -> Locator:
    return page.get_by_role("grid", name=f"All heads of {kind.upper()},")


def expect_head(page: Page, layer: int, head: int) -> None:
    """The same head in all four walls, and in the title."""
    name = re.compile(rf"L{layer} H{head}\b")
    expect(page.get_by_role("heading", name=re.compile(r"^L\d+ H\d+ in each"))).to_have_text(name)
    for kind in KINDS:
        expect(wall(page, kind)).to_contain_text(name)


def corner(page: Page, kind: str) -> tuple[float, float]:
    box = wall(page, kind).bounding_box()
    assert box
    return box["width"], box["height"]


def test_a_click_in_one_wall_selects_in_all_and_a_reload_keeps_it(visitor: Visitor) -> None:
    page = visitor.open(f"?text={TEXT}&layer=0&head=0&model=family-mha", size=(1440, 1400))
    expect(page.get_by_role("heading", name=re.compile(r"^L0 H0"))).to_be_visible(timeout=SLOW_MS)
    page.get_by_role("link", name="Family").click()
    expect(wall(page, "mla")).to_be_visible(timeout=SLOW_MS)
    expect_head(page, 0, 0)
    assert len({corner(page, kind) for kind in KINDS}) == 1  # equally large, so that rows and columns line up

    width, height = corner(page, "gqa")
    wall(page, "gqa").click(position={"x": width - 12, "y": height - 12})
    expect_head(page, 3, 7)
    wall(page, "mqa").press("ArrowUp")
    expect_head(page, 2, 7)
    page.get_by_role("option").nth(3).click()
    expect(page).to_have_url(re.compile(r"/family\?.*token=3"))

    page.reload()
    expect(wall(page, "mla")).to_be_visible(timeout=SLOW_MS)
    expect_head(page, 2, 7)
    expect(page.get_by_role("option").nth(3)).to_have_attribute("aria-selected", "true")
    expect(page.locator(".heatmaplayer")).to_have_count(4)

    page.get_by_role("link", name="Explore").click()
    expect(page.get_by_role("heading", name=re.compile(r"^L2 H7"))).to_be_visible(timeout=SLOW_MS)


def test_a_narrow_page_has_two_walls_in_a_row(visitor: Visitor) -> None:
    page = visitor.open(f"family?text={TEXT}", size=(1000, 1400))
    boxes = []
    for kind in KINDS:
        expect(wall(page, kind)).to_be_visible(timeout=SLOW_MS)
        boxes.append(wall(page, kind).bounding_box())
    (first, second, third, fourth) = boxes
    assert first["y"] == second["y"] < third["y"] == fourth["y"]
    assert first["x"] == third["x"] < second["x"] == fourth["x"]
    assert first["width"] == fourth["width"] > 240
