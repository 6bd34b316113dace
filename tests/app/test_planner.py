"""The planner: numbers of papers come out, and what cannot be planned is said while the earlier plan stays."""

import json
import time

import pytest

from tests.app import visit
from tests.sentences import assert_sentence
from viz.services import plans
from viz.services.known_configs import KNOWN_CONFIGS
from viz.views.compare.source_links import address

LLAMA = {
    "model_type": "llama",
    "num_hidden_layers": 32,
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 1000,
}
LONGEST_S = 120.0
SHOWN = "Below is what was shown before."


def open_planner(**given: object) -> visit.AppTest:
    return over(visit.opened("compare", **{"cost_view": "Planner", **given}))


def over(app: visit.AppTest) -> visit.AppTest:
    """Once no config is being read any more."""
    ends = time.monotonic() + LONGEST_S
    while any(button.key == "cancel-plan" for button in app.button):
        assert time.monotonic() < ends
        time.sleep(0.3)
        visit.rerun(app)
    return app


def said(app: visit.AppTest) -> str:
    return " ".join(text.value for text in (*app.markdown, *app.caption))


def page(app: visit.AppTest) -> str:
    return " ".join(html.proto.body for html in app.get("html"))


def total_bytes(app: visit.AppTest) -> dict[str, int]:
    """Bytes of weights and caches, by the names of the bars."""
    *_, caches = visit.figure(app, "plan-memory")["data"]
    sent = caches["customdata"]
    totals = visit.decoded(sent) if isinstance(sent, dict) else sent
    names = [name.replace("<b>", "").replace("</b>", "") for name in caches["y"]]
    return dict(zip(names, map(int, totals), strict=True))


def test_it_opens_on_a_plan_of_a_model_that_many_serve():
    app = open_planner()
    assert visit.complaints(app) == []
    assert app.query_params == {"cost_view": "Planner"}
    # Llama 3 8B by hand: 2 x 8 x 128 x 32 layers x 2 bytes x 32,768 tokens x 16 users, beside 8.03 billion weights.
    weights = 2 * 8_030_261_248
    token = 2 * 128 * 32 * 2
    assert total_bytes(app) == {
        "MHA": weights + 16 * 32_768 * token * 32,
        "GQA, its own": weights + 16 * 32_768 * token * 8,
        "MQA": weights + 16 * 32_768 * token,
        "MLA": weights + 16 * 32_768 * (512 + 64) * 32 * 2,
    }
    told = [note["text"] for note in visit.figure(app, "plan-memory")["layout"]["annotations"]]
    # Of the MHA's 291 GB 72 can be used on each device: four do not hold them.
    assert told[:4] == [
        "<b>291 GB</b> · 5 devices",
        "<b>84.8 GB</b> · 2 devices",
        "<b>24.7 GB</b> · 1 device",
        "<b>35.4 GB</b> · 1 device",
    ]
    own = [token * 8, 32_768 * token * 8, 16 * 32_768 * token * 8, weights + 16 * 32_768 * token * 8]
    assert all(f'title="{count:,} bytes"' in page(app) for count in own)
    room = 0.9 * 80e9 - weights
    assert f"**{int(room // (32_768 * token * 8)):,}** fit on one device of 80 GB" in said(app)
    assert "2 x 8 kv_heads x 128 d_head x 32 layers x 2 bytes = 131,072 bytes per token" in page(app)


def test_the_famous_saving_stands_beside_ours_and_against_what():
    shown = page(open_planner())
    # DeepSeek-V2 (arXiv 2405.04434): 60 layers of 512 + 64 in 6 bits as served, DeepSeek 67B 95 of 2 x 8 x 128 in 16 bits.
    assert f"{1 - 60 * 576 * 6 / (95 * 2048 * 16):.1%}" == "93.3%"
    assert shown.count("93.3%") == 3  # published, ours, and behind the formula
    assert "1 - 34,560 x 6 bits / (194,560 x 16 bits) = 93.3%" in shown
    assert "82.2%" in shown
    assert "DeepSeek 67B" in shown
    assert "5.76 times" in shown
    assert 'href="https://arxiv.org/abs/2405.04434"' in shown


def test_latents_of_deepseek_as_published():
    app = open_planner(planned="DeepSeek-V2-Lite", plan_context=1, users=1)
    totals = total_bytes(app)
    weights = totals["MLA, its own"] - 31_104  # panbanda/higgs#254
    assert totals["MHA"] - weights == 110_592 * 2  # the paper's appendix prints 110.6K
    assert "panbanda/higgs#254" in page(app)


def test_windows_are_counted_as_they_are():
    app = open_planner(planned="Mistral 7B v0.1 (windows)", users=1)
    totals = total_bytes(app)
    each = 2 * 8 * 128 * 32 * 2
    assert totals["GQA as it is"] - totals["GQA"] == each * (4_095 - 32_768)
    assert "min(32,768 tokens, window 4,096 - 1)" in page(app)


def test_weights_that_do_not_fit_leave_no_user_until_more_devices_work_together():
    app = open_planner(planned="DeepSeek-V2")
    assert "**0** fit on one device" in said(app)
    assert any("weights alone take 471 GB" in note for note in visit.notes(app))
    app = over(visit.rerun(app, together=8))
    assert "**46** fit on 8 devices of 80 GB" in said(app)
    assert app.query_params["together"] == "8"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"num_key_value_heads": 5}, "5 key/value heads"),
        ({"num_attention_heads": 7}, "not a multiple of the number of attention heads"),
        ({"num_attention_heads": -4}, "no attention heads"),
        ({"num_hidden_layers": 10**8}, "no more than 1,000 layers are taken here"),
        ({"hidden_size": "wide"}, "expected int"),
        ({"model_type": "mamba", "num_attention_heads": None}, "no attention heads"),
        ({"model_type": "no-such-[x](http://a.invalid)"}, "no-such"),
        ({"model_type": 3}, "names no model_type"),
        ({"model_type": "bert"}, "keeps no cache"),
        ({"model_type": "mistral", "sliding_window": -5}, "window of -5 tokens"),
        ({"model_type": "\ud800"}, "is no config"),  # half a character
    ],
)
def test_a_config_that_cannot_be_planned_is_told_and_nothing_is_lost(changed: dict, told: str):
    app = open_planner()
    before = total_bytes(app)
    pasted = json.dumps({**LLAMA, **changed})
    app = over(visit.rerun(app, planned="pasted config", pasted=pasted))
    (sentence,) = visit.complaints(app)
    assert_sentence(sentence)
    assert told in sentence
    assert app.text_area(key="pasted").value == pasted
    assert total_bytes(app) == before
    assert SHOWN in visit.notes(app)
    app = over(visit.rerun(app, pasted=json.dumps(LLAMA)))
    assert visit.complaints(app) == []
    assert total_bytes(app) != before


@pytest.mark.parametrize(
    "broken",
    [
        "{",
        '{"model_type": "llama",}',
        "[1, 2]",
        "llama",
        "<!DOCTYPE html><html></html>",
        "[" * 100_000,
        '{"model_type": "llama", "num_hidden_layers": ' + "9" * 5_000 + "}",  # more digits than Python reads
    ],
)
def test_what_is_no_json_is_told(broken: str):
    app = over(visit.rerun(open_planner(), planned="pasted config", pasted=broken))
    (sentence,) = visit.complaints(app)
    assert_sentence(sentence)
    assert SHOWN in visit.notes(app)


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("plan_context", -5),
        ("plan_context", 2**53 - 1),
        ("users", 0),
        ("users", 2**53 - 1),
        ("device_gb", -80),
        ("device_gb", 10**9),
        ("together", 0),
    ],
)
def test_numbers_out_of_bounds_are_told_and_the_earlier_plan_stays(name: str, count: int):
    app = open_planner()
    before = total_bytes(app)
    app.number_input(key=name).set_value(count)
    over(visit.rerun(app))
    (sentence,) = visit.complaints(app)
    assert_sentence(sentence)
    assert f"{count}" in sentence or f"{count:,}" in sentence
    assert app.number_input(key=name).value == count
    assert total_bytes(app) == before
    assert visit.complaints(open_planner(**{name: 10**40})) != []  # as an address may say it


def test_a_model_that_is_nowhere_is_told_and_one_of_this_machine_is_planned():
    app = open_planner(planned="no-such-model")
    (sentence,) = visit.complaints(app)
    assert "no config.json in no-such-model" in sentence
    app = over(visit.rerun(app, planned="family-mqa", plan_context=512, users=1))
    assert visit.complaints(app) == []
    totals = total_bytes(app)
    assert totals["MHA"] - totals["MQA, its own"] == 7 * 2 * 32 * 4 * 2 * 512


def test_a_context_beyond_the_model_is_said():
    app = open_planner(planned="family-mqa", plan_context=4_096)
    assert any("reads 512 tokens; 4,096 are beyond it" in note for note in visit.notes(app))


@pytest.mark.parametrize(
    ("name", "total"),
    [
        ("Llama 3.1 70B", 70.6e9),
        ("DeepSeek 67B", 67.4e9),
        ("DeepSeek-V2-Lite", 15.7e9),
        ("Gemma 2 9B (windows in half the layers)", 9.24e9),
        ("StarCoder (MQA)", 15.5e9),
    ],
)
def test_well_known_models_have_the_weights_that_others_count(name: str, total: float):
    assert name in KNOWN_CONFIGS
    weights = plans.anatomy_of(name).weights
    assert weights is not None
    assert weights.total == pytest.approx(total, rel=0.003)


def test_sources_have_addresses():
    assert address("panbanda/higgs#254") == "https://github.com/panbanda/higgs/issues/254"
    assert address("GQA, arXiv 2305.13245, Table 1") == "https://arxiv.org/abs/2305.13245"
    assert address("its config.json", "DeepSeek-V2-Lite, latents").endswith(
        "DeepSeek-V2-Lite/blob/main/config.json"
    )
    assert address("formula") == ""
