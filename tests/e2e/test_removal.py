"""Heads removed for real in a Chromium: a few off, removed, compared, taken away as a zip, and looked at in Explore."""

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import Watch
from tests.e2e.server import ROOT, serving

pytestmark = pytest.mark.e2e

TEXT = "one two three four one two three four"
SLOW_MS = 300_000  # the first visitor waits for the server to load its libraries, and then for a model that is timed
expect.set_options(timeout=60_000)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    cache = tmp_path_factory.mktemp("cache")
    with serving(ROOT / "app.py", HEADLIGHT_CACHE=str(cache), OMP_NUM_THREADS="1") as address:
        yield address


def test_from_the_click_to_the_smaller_model_in_explore(
    browser: Browser, address: str, tiny_llama: Path
) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 1700})
    context.set_default_timeout(SLOW_MS)
    page, watch = context.new_page(), Watch()
    watch.attach(page)
    page.goto(f"{address}/prune?model={tiny_llama}&text={TEXT}&off=0.0-1,2.4&prune_view=Remove+for+real")
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
    expect(page.get_by_test_id("stException")).to_have_count(0)
    context.close()
    assert watch.outside(address, address.replace("http", "ws")) == []
    assert watch.own_complaints() == []
