"""The self-check: every published number is on the page, a wrong one is seen, and live caches are counted."""

import time
from dataclasses import replace

import pytest

from models.costs import published
from models.costs.published import FIGURES, GOLDENS
from tests.app import visit
from tests.app.test_planner import page, said
from viz.services import live_caches
from viz.views.compare.golden_formulas import golden_formula
from viz.views.compare.self_check import check_golden
from viz.views.compare.source_links import address

LONGEST_S = 240.0


def open_self_check() -> visit.AppTest:
    app = visit.opened("compare", cost_view="Self-check")
    ends = time.monotonic() + LONGEST_S
    while any(button.key == "cancel-self-check" for button in app.button):
        assert time.monotonic() < ends
        time.sleep(0.5)
        visit.rerun(app)
    return app


def test_all_published_numbers_and_live_caches_are_there_and_agree():
    app = open_self_check()
    assert visit.complaints(app) == []
    shown = page(app)
    assert shown.count("✓ agrees") == len(GOLDENS) + 6  # MHA, GQA, MQA and MLA's three ways
    assert "✗" not in shown
    assert f"all {len(GOLDENS)} agree" in said(app)
    assert "all 6 agree" in said(app)
    # By hand: 2 texts of 48 tokens, 4 layers, 4 bytes; 2 x 8 x 32 numbers of MHA, 128 + 16 of MLA.
    assert f"{2 * 48 * 4 * 4 * 2 * 8 * 32:,}" in shown
    assert f"{2 * 48 * 4 * 4 * (128 + 16):,}" in shown
    for figure in FIGURES:
        assert figure.published in shown
    assert shown.count("<a ") == len(GOLDENS) + len(FIGURES)


def test_a_number_that_differs_is_seen(monkeypatch: pytest.MonkeyPatch):
    wrong = replace(GOLDENS[1], published=69_120)  # the latent counted twice, as calculators do
    monkeypatch.setattr(published, "GOLDENS", (*GOLDENS, wrong))
    app = open_self_check()
    assert page(app).count("✗ differs") == 1
    assert "−50.00%, beyond" in page(app)
    assert f"1 of {len(GOLDENS) + 1} differ" in said(app)


def test_a_cache_that_differs_is_seen(monkeypatch: pytest.MonkeyPatch):
    real = live_caches.live_caches

    def wrong(*given):
        first, *rest = real(*given)
        return (replace(first, counted=first.counted + 4), *rest)

    monkeypatch.setattr("viz.views.compare.self_check.live_caches", wrong)
    app = open_self_check()
    assert page(app).count("✗ differs") == 1
    assert "+4 bytes" in page(app)
    assert "1 of 6 differ" in said(app)


@pytest.mark.parametrize("golden", GOLDENS, ids=lambda golden: golden.what)
def test_a_formula_in_words_gives_its_number(golden):
    formula, _, result = golden_formula(golden).rpartition(" = ")
    for word in (
        "kv_heads",
        "d_head",
        "layers",
        "latent",
        "rotary key",
        "heads",
        "key",
        "value",
        "tokens",
        "bytes",
    ):
        formula = formula.replace(f" {word}", "")
    worked = eval(formula.replace(",", "").replace(" x ", " * "))
    assert worked == pytest.approx(float(result.replace(",", "")), rel=1e-3 if golden.over else 0)
    assert worked == pytest.approx(golden.ours)
    assert check_golden(golden).agrees
    assert address(golden.source, golden.what).startswith("https://")
