"""Watching heads form, in a real Chromium: the slider, playing, the selected head, and what Python hears of it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.server import serving
from tests.e2e.visitor import SLOW_MS, Visitor
from tests.formations import HEADS, formation

HEADER, GUTTER, STEP = 18, 30, 71  # of the wall, in CSS pixels; see layout.js


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving(Path(__file__).parent / "formation_page.py") as address:
        yield address


@pytest.fixture
def page(visitor: Visitor) -> Page:
    page = visitor.open(size=(1280, 1200))
    expect(page.get_by_text("record 3, L2 H1, told 0")).to_be_visible(timeout=SLOW_MS)
    expect(page.get_by_role("grid")).to_contain_text("L2 H1")
    return page


def numbers(page: Page, chart: str) -> list[str]:
    """What stands below a chart."""
    return page.locator("figure", has_text=chart).locator("dd").all_inner_texts()


def picture(page: Page) -> str:
    return page.locator("canvas.tile").evaluate("canvas => canvas.toDataURL()")


def test_a_record_shows_its_step_and_its_numbers(page: Page) -> None:
    slider = page.get_by_label("Training step")
    expect(page.get_by_text("step 27 · 2,700 tokens seen · validation loss 5.00")).to_be_visible()
    before = picture(page)
    slider.fill("1")
    expect(page.get_by_text("step 3 · 300 tokens seen · validation loss 7.00")).to_be_visible()
    assert picture(page) != before
    records = {"mha": formation("mha", seed=2), "gqa": formation("gqa", seed=3)}
    own = records["mha"].scores
    assert numbers(page, "Its scores") == [
        f"{own[name][1, 2, 1]:.3f}" for name in ("induction", "previous_token", "first_token")
    ]
    best = [record.strongest("previous_token") for record in records.values()]
    assert numbers(page, "Strongest previous-token") == [f"{values[1]:.3f}" for values, _ in best]
    whose = page.locator("figure", has_text="Strongest previous-token").locator("dt .quiet").all_inner_texts()
    assert whose == [f"L{heads[1][0]} H{heads[1][1]}" for _, heads in best]
    expect(page.get_by_text("record 1, L2 H1, told 1")).to_be_visible()


def test_playing_runs_to_the_end_and_python_hears_where_it_stops(page: Page) -> None:
    moment, play = page.get_by_text(re.compile(r"^step \d+ ·")), page.get_by_role("button", name="Play")
    moment.evaluate(
        """line => {
            window.seen = [];
            const note = () => window.seen.push(line.textContent.split(" · ")[0]);
            new MutationObserver(note).observe(line, { childList: true });
        }"""
    )
    play.click()
    expect(moment).to_have_text(re.compile("^step 27 ·"))
    expect(play).to_be_visible()
    assert page.evaluate("window.seen") == ["step 1", "step 3", "step 9", "step 27"]
    expect(page.get_by_text("record 3, L2 H1, told 0")).to_be_visible()  # it came back to where it had been
    play.evaluate("button => { button.click(); button.click(); }")  # before a slow machine has played it all
    expect(play).to_be_visible()
    expect(page.get_by_text("record 0, L2 H1, told 1")).to_be_visible()


def test_a_click_on_a_head_shows_it_large_with_its_own_numbers(page: Page) -> None:
    page.get_by_role("grid").click(position={"x": GUTTER + 4 * STEP + 30, "y": HEADER + 30})
    expect(page.get_by_text("record 3, L0 H4, told 1")).to_be_visible()
    expect(page.locator(".name strong")).to_have_text("L0 H4")
    own = formation("mha", seed=2).scores["induction"][3, 0, HEADS - 1]
    assert numbers(page, "Its scores")[0] == f"{own:.3f}"


def test_a_click_on_a_chart_moves_to_the_nearest_record(page: Page) -> None:
    chart = page.locator("figure", has_text="Strongest induction").locator("svg[role=img]")
    chart.click(position={"x": 40, "y": 60})
    expect(page.get_by_text("step 1 ·")).to_be_visible()
    expect(page.get_by_text("record 0, L2 H1, told 1")).to_be_visible()


def test_another_kind_is_shown_at_the_same_record(page: Page) -> None:
    page.get_by_label("Training step").fill("2")
    expect(page.get_by_text("record 2, L2 H1, told 1")).to_be_visible()
    before = picture(page)
    page.get_by_text("gqa", exact=True).click()
    expect(page.locator("dt.strong").first).to_contain_text("GQA")
    expect(page.get_by_text("step 9 ·")).to_be_visible()
    own = formation("gqa", seed=3).scores["induction"][2, 2, 1]
    expect(page.locator("figure", has_text="Its scores").locator("dd").first).to_have_text(f"{own:.3f}")
    for _ in range(100):  # it is read in the background
        if picture(page) != before:
            break
        page.wait_for_timeout(50)
    assert picture(page) != before


def test_tokens_of_the_probe_stay_text(page: Page) -> None:
    tokens = page.locator(".probe .token")
    expect(tokens).to_have_text(["Mr", "<b>x</b>", "Clara"])
    assert page.locator(".probe b").count() == 0


def test_no_chart_stands_alone_in_its_row(page: Page) -> None:
    charts = page.locator(".charts figure")
    expect(charts).to_have_count(4)
    for width in (1280, 1000, 1700):
        page.set_viewport_size({"width": width, "height": 1200})
        page.wait_for_timeout(300)
        tops = charts.evaluate_all(
            "charts => charts.map(chart => Math.round(chart.getBoundingClientRect().y))"
        )
        rows = [tops.count(top) for top in sorted(set(tops))]
        assert min(rows) > 1 or max(rows) == 1, (width, rows)
