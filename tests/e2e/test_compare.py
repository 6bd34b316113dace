"""The page Compare in a real Chromium: contenders are measured at a click, points appear on the lines, files can be saved."""

import json
import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.e2e.visitor import SLOW_MS, Visitor

PLAN = "contexts=24&batches=1&new_tokens=8&repeats=5&contenders=family-mqa|family-mla@latent"


def test_contenders_are_measured_and_saved(visitor: Visitor) -> None:
    page = visitor.open(f"compare?{PLAN}", size=(1440, 1800))
    charts = page.get_by_test_id("stPlotlyChart")
    expect(charts.first).to_be_visible(timeout=SLOW_MS)
    first_look = page.get_by_text("A first look", exact=False)
    expect(first_look).to_be_visible(timeout=SLOW_MS)
    page.get_by_role("button", name="Run", exact=True).click()
    expect(first_look).to_have_count(0)
    expect(page.get_by_role("button", name="CSV", exact=True)).to_be_visible(timeout=SLOW_MS)
    expect(charts).to_have_count(5, timeout=SLOW_MS)
    expect(page.get_by_text("family-mla, latent").first).to_be_visible()
    records = saved(page)
    for _ in range(60):
        if {record["repeats"] for record in records} == {5}:  # else a button of before, yet to be replaced
            break
        page.wait_for_timeout(500)
        records = saved(page)
    assert {len(record["decode_ms_per_token"]) for record in records} == {5}
    # DeepSeek-V2 (arXiv 2405.04434), Table 1, in float32: one key and value head of 32, and a latent of 128 + 16.
    assert {record["contender"]: record["cache_bytes"] for record in records} == {
        "family-mqa": 2 * 32 * 4 * 4 * 24,
        "family-mla, latent": 144 * 4 * 4 * 24,
    }
    expect(page).to_have_url(re.compile("contexts=24"))


def saved(page: Page) -> list[dict[str, Any]]:
    with page.expect_download() as saving:
        page.get_by_role("button", name="JSON", exact=True).click()
    return json.loads(Path(saving.value.path()).read_text())
