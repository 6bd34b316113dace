"""What the benchmark of a decode step measures: the same step in every mode, and caches as large as the formula."""

from dataclasses import replace

import torch

from tests.benchmarks.decode import MODES, QUICK, TARGETS, decode, filled, latent_model
from tests.models.engine_models import assert_near


def test_lines_of_a_tiny_run():
    lines = list(decode(replace(QUICK, contexts=(12,)), rounds=1))
    sizes = {line.what.split(", ")[1]: line for line in lines if line.unit == "B"}
    assert sizes.keys() == set(MODES)
    assert [sizes[mode].value for mode in MODES] == [2 * 4 * 4 * (12 + 8 + 12), 2 * 4 * 24, 2 * 4 * 24]
    assert all(line.value == line.predicted and line.verdict == "ok" for line in sizes.values())
    ratios = [line for line in lines if not line.unit]
    assert [line.what.split(", ")[0] for line in ratios] == [
        "absorbed / latent",
        "absorbed / expanded",
        "absorbed / multi-head attention of equal width",
    ]
    assert all(line.value > 0 and line.at_most is None for line in ratios)


def test_the_targets_are_those_of_sixteen_heads():
    assert TARGETS == {512: (1.5, 1.1), 2048: (3.0, 1.4), 8192: (6.0, 1.9)}


@torch.inference_mode()
def test_every_mode_has_read_the_same_context():
    model = latent_model(QUICK, 4)
    token = torch.tensor([[7]])
    found = [
        model.module(input_ids=token, past_key_values=filled(model, mode, 24), use_cache=True).logits
        for mode in MODES
    ]
    for other in found[1:]:
        assert_near(other, found[0])
