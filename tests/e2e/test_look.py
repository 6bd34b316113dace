"""What stands where, on a screen of 1280 x 800: nothing worth a look begins below the fold, is cut, or scrolls away."""

import re

from playwright.sync_api import Page, expect

from tests.e2e.visitor import SLOW_MS, Visitor

SCREEN = (1280, 800)
SECTIONS = {
    "Look": {"Explore": "", "Latents": "latents"},
    "Change": {"Prune": "prune", "Convert": "convert"},
    "Cost": {"Compare": "compare"},
    "Learn": {"Family": "family", "Formation": "formation"},
}


def test_explore_fits_the_screen_and_its_pages_are_in_sections(visitor: Visitor) -> None:
    page = visitor.open(size=SCREEN)
    expect(page.locator(".heatmaplayer").first).to_be_attached(timeout=SLOW_MS)
    chart = page.get_by_test_id("stPlotlyChart").first.bounding_box()
    assert chart is not None
    assert chart["y"] < SCREEN[1] / 2
    expect(page.get_by_title(re.compile("^induction: .* by chance .*the tick"))).to_be_visible()
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_in_viewport()
    expect(page.get_by_test_id("stNavSectionHeader")).to_have_text([re.compile(name) for name in SECTIONS])
    for pages in SECTIONS.values():
        for title, path in pages.items():
            link = page.get_by_test_id("stSidebarNavLink").filter(has_text=title)
            expect(link).to_have_attribute("href", re.compile(rf"^http://[^/]+/{path}$"))


def test_no_table_of_the_family_is_cut_and_its_badges_can_be_read(visitor: Visitor) -> None:
    page = visitor.open("family", size=(1280, 3600))
    tables = page.locator('[data-testid="stDataFrame"] .dvn-scroller')
    expect(tables).to_have_count(4, timeout=SLOW_MS)
    wide = "tables => tables.map(table => table.scrollWidth - table.clientWidth)"
    beyond = tables.evaluate_all(wide)
    for _ in range(40):  # until the grids know their widths
        if not any(beyond):
            break
        page.wait_for_timeout(250)
        beyond = tables.evaluate_all(wide)
    assert beyond == [0, 0, 0, 0]
    assert smallest_tile(page) >= 32


def smallest_tile(page: Page) -> float:
    """CSS pixels along a tile of the narrowest wall: eight heads, the labels of the layers, and gaps between."""
    walls = page.get_by_role("grid", name=re.compile("^All heads of"))
    expect(walls).to_have_count(4)
    widths = walls.evaluate_all("walls => walls.map(wall => wall.clientWidth)")
    return (min(widths) - 30) / 8 - 3
