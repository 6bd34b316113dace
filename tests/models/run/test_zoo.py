"""Every class of the zoo against transformers' own eager attention: patterns, counts and logits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from models.errors import UnsupportedModel
from models.loading.loader import wrap
from models.look.captured import Capture
from models.look.capturing import capture_inputs
from models.run.attention_call import AttentionCall
from models.run.inputs import Encoded
from models.run.model import AttentionModel
from models.run.records import FinishedPatterns
from models.run.tap import Tap, tapped
from tests.models.zoo import Reference, Row, build, entropy, forward, inputs, logits, reference
from tests.models.zoo_decoders import DECODERS
from tests.models.zoo_encoders import ENCODERS, PAIRS
from tests.models.zoo_latent import HYBRIDS, LATENT
from tests.models.zoo_others import OWN_ATTENTION, REFUSED

pytestmark = pytest.mark.slow

SHOWN = DECODERS + LATENT + HYBRIDS + ENCODERS + PAIRS + OWN_ATTENTION
PATTERN_TOLERANCE = 1e-5
LOGIT_TOLERANCE = 1e-4  # of the largest logit
# The sink takes its share of every row and is dropped; Granite SWA alone reports its weights before that.
WITH_SINKS = {"gpt_oss", "flint", "mimo_v2_flash", "hy_v4", "granite_swa"}


def encoded(row: Row) -> Encoded:
    given = inputs(row)
    named = (
        {"source": given["input_ids"], "target": given["decoder_input_ids"]}
        if row.auto == "seq2seq"
        else None
    )
    ids = {axis: tuple(t[0].tolist()) for axis, t in (named or {"text": given["input_ids"]}).items()}
    return Encoded(given, ids, {axis: tuple(map(str, numbers)) for axis, numbers in ids.items()})


def compare(run: Capture, expected: Reference) -> float:
    """Largest difference over all stacks, layers and heads; an assertion where counts or sizes differ."""
    worst = 0.0
    assert set(run.stacks) == set(expected.patterns)
    for stack, layers in expected.patterns.items():
        assert run.layers(stack) == len(layers)
        for layer, theirs in enumerate(layers):
            ours = run.pattern(layer, stack=stack)
            assert ours.dtype == torch.float32
            assert ours.shape == theirs.shape[1:]
            worst = max(worst, (ours - theirs[0]).abs().max().item())
    return worst


def looked_at(row: Row) -> tuple[AttentionModel, Reference]:
    module = build(row)
    expected = reference(row, module, inputs(row))
    return wrap(module, name=row.name), expected


def granite_before_the_sink(run: Capture, expected: Reference) -> Reference:
    """Granite SWA's report with every row scaled by what the sink leaves of it."""
    ours = [run.pattern(layer).sum(-1, keepdim=True) for layer in range(run.layers())]
    theirs = expected.patterns["decoder"]
    return replace(expected, patterns={"decoder": [t * s for t, s in zip(theirs, ours, strict=True)]})


def captured_logits(row: Row, model: AttentionModel) -> Tensor:
    with tapped(Tap(observer=lambda *_: None)):
        return logits(forward(row, model.module, inputs(row)))


@pytest.mark.parametrize("row", SHOWN, ids=str)
def test_patterns_counts_and_logits_are_those_of_eager(row: Row) -> None:
    model, expected = looked_at(row)
    plain = logits(forward(row, model.module, inputs(row)))

    run = capture_inputs(model, encoded(row))

    assert model.plan.route == row.route
    assert {
        stack: [run.heads(i, stack) for i in range(run.layers(stack))] for stack in run.stacks
    } == row.stacks
    if row.name == "granite_swa":
        expected = granite_before_the_sink(run, expected)
    assert compare(run, expected) <= PATTERN_TOLERANCE
    assert (plain - expected.logits).abs().max() <= LOGIT_TOLERANCE * expected.logits.abs().max()
    assert torch.equal(captured_logits(row, model), plain)
    if row.auto in ("causal", "seq2seq"):
        assert (run.predictions[0] - plain[0, -1].softmax(-1)).abs().max() <= 1e-5


@pytest.mark.parametrize("row", SHOWN, ids=str)
def test_the_reference_itself_is_telling(row: Row) -> None:
    """Counts as worked out by hand from the config, rows that sum to one, attention neither uniform nor one-hot."""
    expected = reference(row, build(row), inputs(row))
    assert {stack: [p.shape[1] for p in layers] for stack, layers in expected.patterns.items()} == row.stacks
    for layers in expected.patterns.values():
        assert any(0.05 < entropy(pattern[0]) < 0.93 for pattern in layers)
        for pattern in layers:
            sums = pattern.sum(-1)
            assert sums.max() <= 1 + PATTERN_TOLERANCE
            assert row.name in WITH_SINKS or sums.min() >= 1 - PATTERN_TOLERANCE


def without_mask(call: AttentionCall) -> AttentionCall:
    return replace(call, mask=None, causal=False)


def only_causal(call: AttentionCall) -> AttentionCall:
    return replace(call, mask=None, causal=True)


BROKEN: list[tuple[str, str, Callable[[AttentionCall], AttentionCall]]] = [
    ("no mask", "llama gqa", without_mask),
    ("no scaling", "llama gqa", lambda call: replace(call, scaling=1.0)),
    ("key heads in another order", "llama gqa", lambda call: replace(call, key=call.key.flip(0))),
    ("query heads in another order", "llama mha", lambda call: replace(call, query=call.query.roll(1, 0))),
    ("no window", "mistral", only_causal),
    ("no soft cap", "gemma2", lambda call: replace(call, softcap=None)),
    ("no sinks", "gpt_oss", lambda call: replace(call, sinks=None)),
    ("no position bias", "t5", lambda call: replace(call, position_bias=None)),
    ("no index", "deepseek_v32", only_causal),
    ("no blocks", "minimax_m3_vl_text", only_causal),
    ("no rotary part", "deepseek_v3", lambda call: replace(call, key=call.key * (torch.arange(16) < 10))),
]


@pytest.mark.parametrize(("name", "breakage"), [pytest.param(n, b, id=i) for i, n, b in BROKEN])
def test_a_broken_replay_is_noticed(name: str, breakage: Callable[[AttentionCall], AttentionCall]) -> None:
    model, expected = looked_at(next(row for row in SHOWN if row.name == name))
    run = capture_inputs(model, encoded(next(row for row in SHOWN if row.name == name)))
    run.layers_of = {
        stack: tuple(replace(record, attention=breakage(record.attention)) for record in records)  # type: ignore[arg-type]
        for stack, records in run.layers_of.items()
    }
    assert compare(run, expected) > 1000 * PATTERN_TOLERANCE


def test_a_swapped_or_missing_layer_is_noticed() -> None:
    row = next(row for row in SHOWN if row.name == "llama gqa")
    model, expected = looked_at(row)
    run = capture_inputs(model, encoded(row))
    first, second, third = run.layers_of["decoder"]
    run.layers_of = {"decoder": (second, first, third)}
    assert compare(run, expected) > 1000 * PATTERN_TOLERANCE
    run.layers_of = {"decoder": (first, second)}
    with pytest.raises(AssertionError):
        compare(run, expected)


PADDED = [
    "gpt2", "llama gqa", "mistral", "gemma2", "gpt_oss", "bert", "modernbert", "deepseek_v3", "deepseek_v32",
    "nllb-moe", "t5", "bart",
]  # fmt: skip


@pytest.mark.parametrize("row", [row for row in SHOWN if row.name in PADDED], ids=str)
def test_left_padding_is_not_looked_at(row: Row) -> None:
    pads = 4
    given = inputs(row, batch=2)
    given["attention_mask"][0, :pads] = 0
    module = build(row)
    expected = reference(row, module, given)
    model = wrap(module)
    calls: list[AttentionCall | FinishedPatterns] = []
    with tapped(Tap(observer=lambda _, call, __: calls.append(call))):
        output = forward(row, model.module, given)
    for stack, theirs in expected.patterns.items():
        ours = [call for call, site in zip(calls, model.plan.sites, strict=True) if site.stack == stack]
        rows = slice(0 if stack in ("cross", "decoder") and row.auto == "seq2seq" else pads, None)
        for call, pattern in zip(ours, theirs, strict=True):
            assert (call.weights()[:, rows] - pattern[0, :, rows]).abs().max() <= PATTERN_TOLERANCE
    real = slice(0 if row.auto == "seq2seq" else pads, None)
    ours, theirs = logits(output)[:, real], expected.logits[:, real]
    assert (ours - theirs).abs().max() <= LOGIT_TOLERANCE * theirs.abs().max()


@pytest.mark.parametrize("row", REFUSED, ids=str)
def test_what_cannot_be_shown_is_refused_by_name(row: Row) -> None:
    module = build(row)
    with pytest.raises(UnsupportedModel) as refusal:
        wrap(module)
    message = str(refusal.value)
    assert type(module).__name__ in message or module.config.model_type in message


def test_a_class_that_replays_wrongly_is_refused_at_load(monkeypatch: pytest.MonkeyPatch) -> None:
    module = build(next(row for row in SHOWN if row.name == "gemma2"))
    honest = AttentionCall.weights
    monkeypatch.setattr(AttentionCall, "weights", lambda call: honest(replace(call, softcap=None)))
    with pytest.raises(UnsupportedModel, match="Gemma2ForCausalLM"):
        wrap(module)
