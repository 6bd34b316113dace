"""Planner, roofline and self-check in a real Chromium: a config is pasted, a device is measured, every number agrees."""

import json
import re

from playwright.sync_api import expect

from tests.e2e.visitor import SLOW_MS, Visitor

CONFIG = {
    "model_type": "llama",
    "num_hidden_layers": 2,
    "hidden_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 128,
    "vocab_size": 100,
}


def test_a_config_is_pasted_the_device_measured_and_every_number_checked(visitor: Visitor) -> None:
    page = visitor.open(
        "compare?cost_view=Planner&planned=pasted config&plan_context=100&users=3", size=(1440, 1600)
    )
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
