"""How far attention moved between two runs, by hand and on a model."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

import models
from models import BadSelection, Capture, change_per_query, most_changed, pattern_change
from models.run.records import FinishedPatterns, LayerRecord
from tests.models.engine_models import TEXT, engine
from tests.sentences import assert_sentence

# Three queries, head 0 of layer 0: not moved, a half moved, all moved; head 1 as before.
BEFORE = [[1.0, 0, 0], [0.5, 0.5, 0], [0.25, 0.25, 0.5]]
AFTER = [[1.0, 0, 0], [1.0, 0, 0], [0.5, 0.5, 0.0]]


def run(*layers: list[list[list[float]]], ids: tuple[int, ...] = (5, 6, 7)) -> Capture:
    base = models.capture(engine("llama gqa"), TEXT)
    records = tuple(LayerRecord(FinishedPatterns(torch.tensor(layer))) for layer in layers)
    return replace(
        base, layers_of={"decoder": records}, ids={"text": ids}, token_strings={"text": tuple("abc")}
    )


def test_by_hand():
    """Distances 0, 1/2 and 1/2; so 1/3 on average. The second layer has one head, which stayed."""
    before, after = run([BEFORE, BEFORE], [AFTER]), run([AFTER, BEFORE], [AFTER])
    change = pattern_change(before, after)
    assert change[0].tolist() == pytest.approx([1 / 3, 0])
    assert change[1, 0] == 0
    assert change[1, 1].isnan()
    assert change_per_query(before, after, 0, 0).tolist() == pytest.approx([0, 0.5, 0.5])
    assert torch.equal(pattern_change(after, before).nan_to_num(), change.nan_to_num())
    found = most_changed(change)
    assert [(head.layer, head.head) for head in found] == [(0, 0), (0, 1), (1, 0)]
    assert found[0].change == pytest.approx(1 / 3)
    assert len(most_changed(change, 1)) == 1


def test_what_a_sink_takes_counts_as_a_key():
    """A row that gives all of its attention to the sink has moved by all it gave, not by half of it."""
    gone = [[1.0, 0, 0], [0.0, 0, 0], [0.25, 0.25, 0.25]]
    assert change_per_query(run([BEFORE]), run([gone]), 0, 0).tolist() == pytest.approx([0, 1, 0.25])


@pytest.mark.parametrize("block", [7, 2**20])
def test_on_a_model(block: int, monkeypatch: pytest.MonkeyPatch):
    """Beside numpy on the patterns that the capture shows, also where they are compared in blocks."""
    monkeypatch.setattr(sys.modules["models.look.pattern_changes"], "BLOCK_ELEMENTS", block)
    model = engine("llama gqa")
    before = models.capture(model, TEXT)
    after = models.capture(model, TEXT, heads_off=[(0, 1), (0, 4)])
    said: list[float] = []
    change = pattern_change(before, after, progress=lambda _, fraction: said.append(fraction))
    assert said == sorted(said)
    assert said[-1] == 1.0
    assert bool((change[0] == 0).all()), "what is switched off in a layer moves only the layers above"
    for layer in range(1, before.layers()):
        for head in range(before.heads(layer)):
            one, other = (np.asarray(part.pattern(layer, head)) for part in (before, after))
            expected = 0.5 * np.abs(one - other).sum(1).mean()
            assert expected > 1e-3
            assert change[layer, head].item() == pytest.approx(expected, rel=1e-4)


def test_other_texts_and_models_are_refused():
    before = models.capture(engine("llama gqa"), TEXT)
    others = (models.capture(engine("llama gqa"), f"{TEXT} again"), run([BEFORE], ids=before.ids["text"]))
    for other in others:
        with pytest.raises(BadSelection) as refused:
            pattern_change(before, other)
        assert_sentence(refused.value)
