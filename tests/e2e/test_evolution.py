"""The ancestors of attention in a real Chromium: the timeline, a date that is typed, its answer played and pointed at."""

import re

from playwright.sync_api import Page, expect

from tests.e2e.visitor import SLOW_MS, USUAL_MS, Visitor


def written(page: Page) -> str:
    """What stands of the answer, with what is hidden left out."""
    return page.locator("output.answer").inner_text()


def test_a_date_is_typed_written_played_and_pointed_at(visitor: Visitor) -> None:
    page = visitor.open("evolution", size=(1280, 1400))
    answer = page.locator("output.answer")
    expect(answer).to_have_text("2018-05-09", timeout=SLOW_MS)
    field = page.get_by_role("textbox", name="A date, spelled as you like")
    field.fill("31.12.1999")
    field.press("Enter")
    expect(answer).to_have_text("1999-12-31", timeout=USUAL_MS)
    expect(page.get_by_text("is what the text says")).to_be_visible()

    answer.evaluate(
        """output => {
            window.seen = [];
            new MutationObserver(() => window.seen.push(output.textContent)).observe(output, { childList: true });
        }"""
    )
    page.get_by_role("button", name="Play", exact=True).click()
    expect(answer).to_have_text("1999-12-31")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible(timeout=USUAL_MS)
    seen = list(dict.fromkeys(page.evaluate("window.seen")))
    assert seen == ["1999-12-31"[:length] for length in range(1, 11)]

    # the first character of the answer stands where the text says the year
    page.locator(".written").first.hover()
    expect(page.locator(".said")).to_have_text(
        re.compile(r"“1” was written with probability .*what says it: “1”")
    )
    page.locator(".cell").nth(6).hover()
    expect(page.locator(".said")).to_have_text(re.compile(r"it looked at “1” \(character 7\), weight ≈"))

    page.get_by_label("Characters written").fill("4")
    assert written(page) == "1999"
    assert page.locator(".written:not(.unwritten)").count() == 4


def test_the_timeline_is_walked_by_keys_and_the_address_keeps_it(visitor: Visitor) -> None:
    page = visitor.open("evolution", size=(1280, 1400))
    chosen = page.get_by_role("radio", checked=True).and_(page.locator(".step"))
    expect(chosen).to_contain_text("Soft", timeout=SLOW_MS)
    chosen.press("ArrowRight")
    chosen.press("ArrowRight")
    expect(page.get_by_role("heading", name="Memory network")).to_be_visible(timeout=USUAL_MS)
    expect(page.locator(".hop-table")).to_contain_text("Mary got the milk", timeout=USUAL_MS)
    expect(page).to_have_url(re.compile("ancestor=memory"))
    page.locator(".step", has_text="Hard").click()
    expect(page.get_by_role("heading", name="Hard (stochastic) attention")).to_be_visible(timeout=USUAL_MS)
    expect(page.locator("output.answer")).to_have_text("2018-05-09", timeout=USUAL_MS)
    assert page.locator(".cell u").count() > 0, "the places that might have been drawn are dots"
    page.reload()
    expect(page.get_by_role("heading", name="Hard (stochastic) attention")).to_be_visible(timeout=USUAL_MS)


def test_explore_opens_an_ancestor_on_the_visitors_own_date(visitor: Visitor) -> None:
    page = visitor.open("evolution?date=31.12.1999", size=(1280, 1400))
    expect(page.locator("output.answer")).to_have_text("1999-12-31", timeout=SLOW_MS)
    page.get_by_role("button", name="Open in Explore").click()
    expect(page.get_by_role("heading", name="Explore")).to_be_visible(timeout=USUAL_MS)
    expect(page.get_by_text("soft (additive) attention")).to_be_visible(timeout=USUAL_MS)
    expect(page.get_by_role("textbox", name="Text", exact=True)).to_have_value("31.12.1999")
