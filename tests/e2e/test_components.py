"""The browser parts in a real Chromium: picks reach Python, keys move, hostile tokens stay text."""

import re
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.server import serving
from tests.e2e.visitor import SLOW_MS, Visitor

HEADER, GUTTER = 18, 30  # of the wall, in CSS pixels; see layout.js


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving(Path(__file__).parent / "components_page.py") as address:
        yield address


@pytest.fixture(params=["light"])
def page(request: pytest.FixtureRequest, visitor: Visitor) -> Iterator[Page]:
    page = visitor.open(size=(1280, 1400), theme=request.param)
    expect(page.get_by_text("head 0,0; picked None")).to_be_visible(timeout=SLOW_MS)
    expect(page.get_by_role("listbox")).to_be_visible()
    expect(wall(page)).to_contain_text("L0 H0")
    yield page
    assert page.evaluate("window.hit") is None


def wall(page: Page) -> Locator:
    return page.get_by_role("grid").first


def click_head(page: Page, layer: int, head: int) -> None:
    """Click the middle of a tile; this small wall has the largest tiles, 68 pixels and 3 between."""
    wall(page).click(position={"x": GUTTER + head * 71 + 34, "y": HEADER + layer * 71 + 34})


def test_a_click_on_a_tile_selects_its_head(page: Page) -> None:
    click_head(page, 2, 3)
    expect(page.get_by_text("head 2,3; picked (2, 3)")).to_be_visible()
    expect(wall(page)).to_contain_text("L2 H3, previous token")
    # Layer 1 has two heads only: where a third would be there is nothing to click.
    click_head(page, 1, 2)
    page.get_by_role("button", name="Go to L1 H1").click()
    expect(page.get_by_text("head 1,1; picked None")).to_be_visible()
    expect(wall(page)).to_contain_text("L1 H1")


def test_what_marks_a_head_hides_nothing_of_its_pattern(page: Page) -> None:
    # The first head is chosen, and the mouse rests on the one beside it: a ring around each.
    wall(page).hover(position={"x": GUTTER + 71 + 34, "y": HEADER + 34})
    inked = """(marks, [x, y, side]) => {
      const scale = marks.width / marks.clientWidth;
      const copy = Object.assign(document.createElement("canvas"), { width: marks.width, height: marks.height });
      const context = copy.getContext("2d", { willReadFrequently: true });
      context.drawImage(marks, 0, 0);
      const { data } = context.getImageData(x * scale, y * scale, side * scale, side * scale);
      return data.filter((value, place) => place % 4 === 3 && value > 0).length;
    }"""
    for left in (GUTTER, GUTTER + 71):
        assert wall(page).evaluate(inked, [left, HEADER, 68]) == 0
        assert wall(page).evaluate(inked, [left - 3, HEADER - 3, 74]) > 500


def test_arrow_keys_move_and_python_hears_where_they_rest(page: Page) -> None:
    click_head(page, 0, 0)
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight", "Home"):
        wall(page).press(key)
    # Row 1 is shorter: down from its last head stays in that column.
    expect(wall(page)).to_contain_text("L2 H0, switched off")
    expect(page.get_by_text("head 2,0; picked (2, 0)")).to_be_visible()
    wall(page).press("End")
    expect(page.get_by_text("head 2,3; picked (2, 3)")).to_be_visible()


def test_sorting_lays_the_highest_score_first(page: Page) -> None:
    page.get_by_role("radiogroup").get_by_text("induction").click()
    expect(wall(page)).to_have_attribute("aria-rowcount", "1")
    wall(page).click(position={"x": 20, "y": 20})
    expect(page.get_by_text("head 2,3; picked (2, 3)")).to_be_visible()
    wall(page).press("ArrowRight")
    expect(page.get_by_text("head 2,2; picked (2, 2)")).to_be_visible()
    wall(page).press("End")
    expect(page.get_by_text("head 0,0; picked (0, 0)")).to_be_visible()


def test_hovering_tells_of_a_head(page: Page) -> None:
    wall(page).hover(position={"x": GUTTER + 71 + 34, "y": HEADER + 2 * 71 + 34})
    tooltip = page.locator(".tooltip:popover-open")
    expect(tooltip).to_contain_text("L2 H1")
    expect(tooltip).to_contain_text("<b>bold</b>")
    expect(tooltip).to_contain_text("21")


def test_a_token_shades_those_it_looks_at(page: Page) -> None:
    token = page.get_by_role("option")
    expect(token).to_have_text(
        [
            "<script>window.hit=1</script>",
            " <img src=x onerror=window.hit=2>",
            "⏎",
            " the",
            "שלום",
            "␀",
            "\\ud800",
        ]
    )
    token.nth(4).click()
    expect(page.get_by_text("token 4 looks at")).to_be_visible()
    shades = [token.nth(index).evaluate("chip => chip.style.background") for index in range(7)]
    assert shades[5] == shades[6] == ""  # a later token cannot be looked at
    red = [int(re.findall(r"\d+", shade)[0]) for shade in shades[:5]]
    assert min(red) == red[3]  # the previous token is the darkest
    token.nth(4).press("ArrowLeft")
    expect(page.get_by_text("token 3 looks at")).to_be_visible()
    page.get_by_role("button", name="looked at by").click()
    expect(page.get_by_text("token 3 looked at by")).to_be_visible()
    assert token.nth(0).evaluate("chip => chip.style.background") == ""


def test_lines_can_be_read_out(page: Page) -> None:
    lines = page.get_by_role("img", name="Attention as lines")
    lines.focus()
    lines.press("ArrowDown")
    lines.press("ArrowDown")
    expect(page.get_by_text(re.compile(r"^·<img src=x .* looks at "))).to_be_attached()


def test_pictures_are_saved(page: Page) -> None:
    with page.expect_download() as saved:
        page.get_by_role("button", name="PNG").click()
    assert saved.value.suggested_filename == "L5-H3-a-b.png"
    assert struct.unpack(">II", saved.value.path().read_bytes()[16:24]) == (60, 40)
    with page.expect_download() as saved:
        page.get_by_role("button", name="SVG").click()
    assert "漢字" in saved.value.path().read_text("utf-8")


def test_the_names_of_the_heads_stay_in_sight(page: Page) -> None:
    deep = page.get_by_role("grid", name="Deep wall")
    names = page.locator(".root:has([aria-label='Deep wall']) .names")
    below = deep.evaluate(
        """wall => {
            const scroller = wall.closest(".scroll");
            scroller.scrollTop = 150;
            return wall.parentElement.querySelector(".names").getBoundingClientRect().y - scroller.getBoundingClientRect().y;
        }"""
    )
    assert 0 <= below <= 4
    # They cover what scrolls under them, and are no tile of it: a click there selects nothing.
    expect(names).to_have_css("pointer-events", "none")
    expect(deep).to_contain_text("L29 H1")
    deep.click(position={"x": GUTTER + 20, "y": 150 + 9})
    expect(deep).to_contain_text("L29 H1")
    deep.click(position={"x": GUTTER + 20, "y": 150 + 60})
    expect(deep).not_to_contain_text("L29 H1")


@pytest.mark.parametrize("page", ["light", "dark"], indirect=True)
def test_the_ground_follows_the_theme(page: Page, request: pytest.FixtureRequest) -> None:
    theme = request.node.callspec.params["page"]
    root = page.locator(".root:has(.marks)").first
    expect(root).to_have_attribute("data-theme", theme)
    corner = """canvas => [...canvas.getContext("2d").getImageData(%d, %d, 1, 1).data].slice(0, 3)"""
    # The upper right of a causal pattern, away from the badge, is the ground.
    ground = root.locator("canvas").first.evaluate(corner % (GUTTER + 71 + 50, HEADER + 15))
    assert (min(ground) > 250) if theme == "light" else (max(ground) < 40)
