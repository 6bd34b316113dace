"""What a person does on the page, in a real Chromium, on a real server with the real models."""

import csv
import re
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

import models
from tests.e2e.server import ROOT, serving
from tests.e2e.visitor import SLOW_MS, Visitor
from viz import theme

pytestmark = pytest.mark.real

TEXT = "The cat sat on the mat, and the dog sat on the cat."
REAL = "?model=smollm2-135m"


def look(visitor: Visitor, query: str, theme: Literal["light", "dark"] = "light") -> Page:
    page = visitor.open(query, size=(1280, 1400), theme=theme)
    expect(heading(page)).to_be_visible(timeout=SLOW_MS)
    expect(page.locator(".heatmaplayer").first).to_be_attached()
    expect(wall(page)).to_be_visible()
    return page


def heading(page: Page) -> Locator:
    """The title of the selected head."""
    return page.get_by_role("heading", name=re.compile(r"^L\d+ H\d+"))


def wall(page: Page) -> Locator:
    return page.get_by_role("grid", name=re.compile("All heads"))


def text_field(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Text", exact=True)


def shown_head(page: Page) -> tuple[int, int]:
    found = re.match(r"L(\d+) H(\d+)", heading(page).inner_text())
    assert found
    return int(found[1]), int(found[2])


def expect_head(page: Page, layer: int, head: int) -> None:
    name = re.compile(rf"L{layer} H{head}\b")
    expect(heading(page)).to_have_text(name)
    expect(wall(page)).to_contain_text(name)


def choose(page: Page, option: str) -> None:
    """A part of a segmented control."""
    page.get_by_role("radio", name=option, exact=True).click()


def run_text(page: Page, text: str) -> None:
    text_field(page).fill(text)
    page.get_by_role("button", name="Run", exact=True).click()


def expect_tokens(page: Page, *tokens: str) -> None:
    """The token strip ends with these."""
    strip = page.get_by_role("option")
    expect(strip.last).to_have_text(tokens[-1])
    assert strip.all_text_contents()[-len(tokens) :] == list(tokens)


def test_a_journey(visitor: Visitor) -> None:
    page = look(visitor, REAL)
    expect(page.get_by_test_id("stAlert")).to_have_count(0)
    run_text(page, TEXT)
    expect_tokens(page, " the", " cat", ".")
    first = shown_head(page)

    wall(page).click(position={"x": 120, "y": 200})
    expect(heading(page)).not_to_have_text(re.compile(rf"L{first[0]} H{first[1]}\b"))
    layer, head = shown_head(page)
    expect_head(page, layer, head)
    for key in ("ArrowDown", "ArrowDown", "ArrowRight"):
        wall(page).press(key)
    expect_head(page, layer + 2, head + 1)

    choose(page, "logarithmic")
    expect(page).to_have_url(re.compile("scale=logarithmic"))
    expect(page.locator(".cbaxis, .colorbar").first).to_contain_text("0.0001")

    choose(page, "Compare")
    expect(page.locator(".heatmaplayer")).to_have_count(4)
    expect(page.get_by_text(re.compile(rf"^L{layer + 2} H{head + 1} minus L"))).to_be_visible()

    choose(page, "BertViz")
    drawing = page.frame_locator(f'iframe[title*="head view of layer {layer + 2}"]')
    expect(drawing.locator("svg").first).to_be_visible()
    expect(drawing.locator("body")).to_contain_text("mat")

    expect(page).to_have_url(re.compile("view=BertViz"))
    # What a reload brings back, and in the other theme.
    page.reload()
    expect_head(page, layer + 2, head + 1)
    expect(text_field(page)).to_have_value(TEXT)
    expect(page.get_by_role("radio", name="logarithmic")).to_be_checked()
    expect(page.locator("iframe[title*='BertViz']")).to_be_visible()
    dark = look(visitor, "?" + page.url.partition("?")[2], theme="dark")
    expect_head(dark, layer + 2, head + 1)
    expect(dark.locator(".stApp")).to_have_css("background-color", rgb(theme.BACKGROUND_DARK))
    expect(dark.locator(".bglayer .bg").first).to_have_css("fill", rgb(theme.BACKGROUND_DARK))
    expect(page.locator(".bglayer .bg").first).to_have_css("fill", rgb(theme.BACKGROUND))


def rgb(colour: str) -> str:
    return f"rgb({', '.join(str(int(colour[start : start + 2], 16)) for start in (1, 3, 5))})"


def test_what_is_downloaded_is_what_the_engine_says(visitor: Visitor) -> None:
    page = look(visitor, f"{REAL}&text={TEXT}&layer=11&head=1&view=Download")
    run = models.capture(models.load("smollm2-135m"), TEXT)
    stem = "smollm2-135m-L11H1"
    assert download(page, "PNG", f"{stem}.png").read_bytes().startswith(b"\x89PNG\r\n")
    assert "L11 H1" in download(page, "SVG", f"{stem}.svg").read_text("utf-8")
    rows = list(csv.reader(download(page, "CSV of the pattern", f"{stem}.csv").open(encoding="utf-8-sig")))
    weights = np.array([[float(weight) for weight in row[1:]] for row in rows[1:]], dtype=np.float32)
    np.testing.assert_allclose(weights, run.pattern(11, 1).numpy(), atol=1e-6)
    assert "L11 H1" in download(page, "HTML of the head", f"{stem}.html").read_text("utf-8")
    reopened = models.Capture.load(download(page, "NPZ of the capture", "smollm2-135m-capture.npz"))
    np.testing.assert_allclose(reopened.pattern(11, 1).numpy(), run.pattern(11, 1).numpy(), atol=1e-6)


def download(page: Page, button: str, name: str) -> Path:
    with page.expect_download() as saved:
        page.get_by_role("button", name=button, exact=True).click()
    assert saved.value.suggested_filename == name
    return saved.value.path()


def test_two_visitors_at_once_see_each_their_own(visitor: Visitor) -> None:
    pages = [look(visitor, REAL), look(visitor, REAL)]
    texts = [("one two three one two three", " two", " three"), ("The dog saw the cat", " the", " cat")]
    for page, (text, *_) in zip(pages, texts, strict=True):
        run_text(page, text)
    for page, (_, *tokens) in zip(pages, texts, strict=True):
        expect_tokens(page, *tokens)
    pages[0].bring_to_front()
    wall(pages[0]).click(position={"x": 120, "y": 200})
    expect(pages[0]).to_have_url(re.compile("layer="))
    expect(pages[1]).not_to_have_url(re.compile("layer="))
    expect(text_field(pages[1])).to_have_value(texts[1][0])


def test_a_sentence_pair_and_hostile_text(visitor: Visitor) -> None:
    page = look(visitor, "?model=minilm")
    page.get_by_role("textbox", name="Second sentence, or target").fill("<img src=x onerror=window.hit=1>")
    run_text(page, "<script>window.hit=2</script> ![x](http://elsewhere.invalid/x.png)")
    expect(page.get_by_role("option").filter(has_text="[SEP]")).to_have_count(2)
    for view in ("Compare", "BertViz", "Rollout", "All heads", "Continue", "Download"):
        choose(page, view)
        expect(page).to_have_url(re.compile("view=" + view.replace(" ", ".")))
        expect(page.get_by_text("What am I looking at?")).to_have_count(2)
    assert page.evaluate("window.hit") is None


def test_writing_can_be_stopped(visitor: Visitor) -> None:
    page = look(visitor, f"{REAL}&text=Once upon a time&view=Continue")
    tokens = page.get_by_role("spinbutton", name="New tokens")
    tokens.fill("512")
    tokens.press("Enter")
    page.get_by_role("button", name="Continue", exact=True).click()
    expect(page.get_by_role("log")).to_contain_text(re.compile(r"\w+ \w+ \w+"), timeout=SLOW_MS)
    page.get_by_role("button", name="Stop", exact=True).click()
    written = page.get_by_test_id("stCode")
    take = page.get_by_role("button", name="Look at the heads over the longer text")
    expect(take).to_be_visible()
    text = "Once upon a time" + written.inner_text()
    assert len(text.split()) < 250  # far from 512 tokens
    take.click()
    expect(text_field(page)).to_have_value(re.compile(re.escape(text.strip())))


def test_a_mistake_leaves_the_picture_in_view(visitor: Visitor) -> None:
    page = look(visitor, f"{REAL}&text={TEXT}")
    run_text(page, "   ")
    expect(page.get_by_test_id("stAlert")).to_contain_text("The text is empty; type a word or more.")
    expect(page.get_by_text("Below is what was shown before.")).to_be_visible()
    expect_tokens(page, " cat", ".")
    # Half of a surrogate pair, which no widget message can carry, is replaced and pointed out.
    text_field(page).focus()
    text_field(page).evaluate(
        """field => {
            const owner = Object.getPrototypeOf(field);
            Object.getOwnPropertyDescriptor(owner, "value").set.call(field, "half \\ud83d");
            field.dispatchEvent(new Event("input", { bubbles: true }));
        }"""
    )
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_test_id("stAlert")).to_contain_text("could not be read")
    expect(text_field(page)).to_have_value("half \ufffd")
    run_text(page, TEXT)
    expect(page.get_by_test_id("stAlert")).to_have_count(0)
    expect_tokens(page, " cat", ".")


def test_the_bare_page_needs_neither_network_nor_cache(browser: Browser, tmp_path: Path) -> None:
    """A first start on a machine that reaches nobody: the family is there, with its card."""
    nobody = "http://127.0.0.1:9"
    cut = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "HF_ENDPOINT"), nobody)
    with serving(ROOT / "app.py", HEADLIGHT_CACHE=str(tmp_path / "cache"), **cut) as address:
        visitor = Visitor(browser, address)
        page = visitor.open(size=(1280, 1400))
        expect(wall(page)).to_have_attribute("aria-rowcount", "4", timeout=SLOW_MS)
        expect(page.get_by_role("combobox", name="Model")).to_have_value(re.compile("^Family · .*MHA"))
        page.get_by_role("button", name="Card").click()
        expect(page.get_by_role("cell", name="4,096 bytes per token")).to_be_visible()
        expect(page.get_by_text(re.compile("^Measured on "))).to_be_visible()
        visitor.leave()
    assert not (tmp_path / "cache").exists()
