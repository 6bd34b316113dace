"""Planner, roofline and self-check in a real Chromium: a config is pasted, a device is measured, every number agrees."""

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import Watch
from tests.e2e.server import ROOT, serving

pytestmark = pytest.mark.e2e

SLOW_MS = 480_000
CONFIG = {
    "model_type": "llama",
    "num_hidden_layers": 2,
    "hidden_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 128,
    "vocab_size": 100,
}
expect.set_options(timeout=60_000)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving(ROOT / "app.py") as address:
        yield address


def test_a_config_is_pasted_the_device_measured_and_every_number_checked(
    browser: Browser, address: str
) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 1600})
    context.set_default_timeout(SLOW_MS)
    page, watch = context.new_page(), Watch()
    watch.attach(page)
    page.goto(f"{address}/compare?cost_view=Planner&planned=pasted config&plan_context=100&users=3")
    field = page.get_by_label("config.json", exact=True)
    expect(field).to_be_visible(timeout=SLOW_MS)
    field.fill(json.dumps(CONFIG))
    field.press("Control+Enter")
    # By hand: 2 x 2 key/value heads x 16 x 2 layers x 2 bytes.
    expect(page.get_by_text("= 256 bytes per token")).to_be_visible(timeout=SLOW_MS)
    expect(page.get_by_test_id("stPlotlyChart")).to_have_count(2, timeout=SLOW_MS)
    field.fill(json.dumps({**CONFIG, "num_key_value_heads": 3}))
    field.press("Control+Enter")
    expect(page.get_by_text("3 key/value heads")).to_be_visible(timeout=SLOW_MS)
    expect(page.get_by_text("= 256 bytes per token")).to_be_visible()  # the earlier plan stays
    page.get_by_role("radio", name="Roofline").or_(page.get_by_text("Roofline", exact=True)).first.click()
    expect(page.get_by_role("button", name="Measure again")).to_be_visible(timeout=SLOW_MS)
    expect(page.get_by_text("by a product of matrices")).to_be_visible()
    expect(page).to_have_url(re.compile("cost_view=Roofline"))
    page.get_by_text("Self-check", exact=True).first.click()
    expect(page.get_by_role("button", name="Count again")).to_be_visible(timeout=SLOW_MS)
    expect(page.get_by_text("✓ agrees")).to_have_count(16 + 6, timeout=SLOW_MS)
    expect(page.get_by_text("✗ differs")).to_have_count(0)
    expect(page.get_by_role("link", name="LMCache#715")).to_have_attribute("target", "_blank")
    page.get_by_text("Planner", exact=True).first.click()
    expect(page.get_by_label("config.json", exact=True)).to_have_value(re.compile('"num_key_value_heads": 3'))
    expect(page.get_by_test_id("stException")).to_have_count(0)
    context.close()
    assert watch.outside(address, address.replace("http", "ws")) == []
    assert watch.own_complaints() == []
