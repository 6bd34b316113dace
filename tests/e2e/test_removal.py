"""Heads removed for real in a Chromium: a few off, removed, compared, taken away as a zip, and looked at in Explore."""

import io
import re
import zipfile
from pathlib import Path

from playwright.sync_api import expect

from tests.e2e.visitor import SLOW_MS, Visitor

TEXT = "one two three four one two three four"


def test_from_the_click_to_the_smaller_model_in_explore(visitor: Visitor, tiny_llama: Path) -> None:
    page = visitor.open(
        f"prune?model={tiny_llama}&text={TEXT}&off=0.0-1,2.4&prune_view=Remove+for+real", size=(1440, 1700)
    )
    button = page.get_by_role("button", name="Remove 3 heads for real")
    expect(button).to_be_visible(timeout=SLOW_MS)
    expect(page.get_by_text("Only whole groups free cache")).to_be_visible()

    page.get_by_role("button", name="Take whole groups").click()
    expect(page).to_have_url(re.compile(r"off=0\.0-2"))
    expect(page.get_by_text("Whole groups are removed")).to_be_visible()
    page.get_by_role("button", name="Remove 3 heads for real").click()
    expect(page.get_by_text("The smaller model computes what the gated one does")).to_be_visible(
        timeout=SLOW_MS
    )
    again = page.get_by_role("button", name="Measure again")
    expect(again).to_be_visible(timeout=SLOW_MS)
    expect(page.locator(".st-key-removal-speed .main-svg").first).to_be_visible()

    with page.expect_download(timeout=SLOW_MS) as download:
        page.get_by_role("button", name=re.compile("^Download as zip")).click()
    with zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes())) as archive:
        assert {"config.json", "model.safetensors", "tokenizer.json"} <= {
            Path(name).name for name in archive.namelist()
        }

    page.get_by_role("button", name="Open in Explore").click()
    expect(page.get_by_role("heading", name="Explore")).to_be_visible(timeout=SLOW_MS)
    expect(page.get_by_text("15 patterns", exact=False)).to_be_visible(timeout=SLOW_MS)
