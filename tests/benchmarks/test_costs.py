"""What the benchmark of costs measures: every mode in turn, and caches as large as the formula."""

from dataclasses import replace

import pytest

from tests.benchmarks.costs import MHA, MODES, QUICK, TARGETS, costs, decode, steady

pytestmark = pytest.mark.slow


def test_lines_of_a_tiny_run():
    lines = list(decode(replace(QUICK, contexts=(12,), batches=(2,)), rounds=1))
    sizes = [line for line in lines if line.unit == "B"]
    assert len(sizes) == 4
    assert all(line.value == 0 and line.verdict == "ok" for line in sizes)
    # 20 tokens of 2 texts, 2 layers: 4 heads x (12 + 8 + 12), 16 + 8, 16 + 8, 2 x 4 heads x 12, each of 4 bytes
    each = [2 * 4 * 4 * 32, 2 * 4 * 24, 2 * 4 * 24, 2 * 4 * 2 * 4 * 12]
    assert [line.note.split(" bytes")[0] for line in sizes] == [f"{40 * size:,}" for size in each]
    ratios = [line for line in lines if not line.unit]
    assert [line.what.split(", ")[0] for line in ratios] == [
        f"absorbed / {name}" for name in ("latent", "expanded", MHA)
    ]
    assert all(line.value > 0 and line.at_most is None for line in ratios)


def test_the_targets_are_those_of_sixteen_heads():
    assert TARGETS == {512: (1.5, 1.1), 2048: (3.0, 1.4), 8192: (6.0, 1.9)}


def test_the_familys_caches_are_the_formula():
    lines = [line for line in costs(replace(QUICK, contexts=(12,)), rounds=1) if "family" in line.what]
    assert len(lines) == 3 + len(MODES)
    assert all(line.verdict == "ok" for line in lines)


def test_the_same_twice_is_told_with_its_spread():
    lines = list(steady(QUICK, rounds=2))
    assert [line.what.split()[-1] for line in lines] == ["prefill_s", "decode_ms_per_token"]
    assert all(line.at_most == 0.05 and "quartiles" in line.note for line in lines)
