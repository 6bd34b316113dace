"""The parts of the benchmarks that are not about time: what they count, what they say, what they write."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import models
from models.pruning.importance_by_sweep import Metric
from models.run.model import demand_tokenizer
from tests.benchmarks import __main__ as benchmarks
from tests.benchmarks.bertviz_weight import counted_bytes, measured_bytes
from tests.benchmarks.formulas import block_parameters, cost
from tests.benchmarks.head_loops import loops
from tests.benchmarks.measuring import in_turn, ratio
from tests.benchmarks.reading import reading
from tests.benchmarks.report import Line, say, write
from tests.benchmarks.subjects import Subject, random_gpt2, subject, text_of


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    folder = random_gpt2(tmp_path_factory.mktemp("gpt2"), layers=2, heads=3, width=24)
    return subject(str(folder), "tiny")


def test_jobs_run_in_turn_and_warm_up_is_not_counted() -> None:
    order: list[str] = []
    taken = in_turn({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, rounds=2, warm_up=1)
    assert order == ["a", "b"] * 3
    assert [len(seconds) for seconds in taken.values()] == [2, 2]


def test_ratio_is_taken_within_a_round() -> None:
    # a machine that was ten times slower in the third round
    measured = ratio([2.0, 3.0, 20.0], [1.0, 1.0, 10.0])
    assert (measured.median, measured.low, measured.high, measured.rounds) == (2.0, 2.0, 2.5, 3)
    with pytest.raises(ValueError, match="pair up"):
        ratio([1.0], [1.0, 2.0])


def test_verdicts() -> None:
    line = Line("what", 1.2, at_most=1.15)
    assert [line.verdict, replace(line, value=1.1).verdict, replace(line, at_most=None).verdict] == [
        "falls short",
        "ok",
        "-",
    ]


def test_the_three_ways_compute_the_same(tiny: Subject) -> None:
    text = text_of(demand_tokenizer(tiny.model), 40)
    inputs = tiny.inputs(text, 40)
    assert inputs["input_ids"].shape == (1, 40)
    with torch.inference_mode():
        plain, eager = tiny.plain(**inputs), tiny.eager(**inputs, output_attentions=True)
    run = models.capture(tiny.model, text, max_tokens=40)
    assert plain.logits.shape[1] == 1
    torch.testing.assert_close(plain.logits, eager.logits)
    torch.testing.assert_close(torch.softmax(plain.logits[0, -1:], -1), run.predictions)
    for layer, pattern in enumerate(eager.attentions):
        torch.testing.assert_close(run.pattern(layer), pattern[0])
    kinds = {tiny.plain.config._attn_implementation, tiny.eager.config._attn_implementation}
    assert kinds == {"sdpa", "eager"}
    assert next(tiny.plain.parameters()).data_ptr() == next(tiny.model.module.parameters()).data_ptr()


def test_formulas(tiny: Subject) -> None:
    known = cost(tiny.model.module, tiny.model.geometry, 40)
    run = models.capture(tiny.model, text_of(demand_tokenizer(tiny.model), 40), max_tokens=40)
    assert block_parameters(tiny.model.module) == 2 * 12 * 24**2  # GPT-2: 3 + 1 + 4 + 4 squares a layer
    assert run.nbytes == known.kept_bytes + run.predictions.nbytes
    assert known.patterns_bytes == 2 * 3 * 40 * 40 * 4


def test_bertviz_is_counted_to_the_byte(tiny: Subject) -> None:
    run = models.capture(tiny.model, text_of(demand_tokenizer(tiny.model), 21), max_tokens=21)
    assert counted_bytes(run) == measured_bytes(run)


def test_what_is_said_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = Line("one / other", 0.5, at_most=0.2, low=0.4, high=0.6, rounds=3, predicted=0.1, formula="a b")
    say(line)
    said = capsys.readouterr().out
    assert all(part in said for part in ("0.5", "0.4 to 0.6", "<= 0.2", "falls short", "formula 0.1: a b"))
    write(tmp_path / "bench.json", {"threads": 1}, [], [line])
    written = json.loads((tmp_path / "bench.json").read_text())
    assert written["about"]["threads"] == 1
    assert written["results"][0]["verdict"] == "falls short"


def test_a_quick_run_of_the_times(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bench.json"
    threads = torch.get_num_threads()
    benchmarks.main(["--quick", "--only", "time", "--output", str(path), "--threads", str(threads)])
    written = json.loads(path.read_text())
    assert len(written["results"]) == 4 * len(benchmarks.QUICK.lengths)
    assert len(written["cost_card"]) == len(benchmarks.QUICK.lengths)
    assert {"device", "threads", "versions", "date"} <= written["about"].keys()
    said = capsys.readouterr().out
    assert said.index("By arithmetic") < said.index("capture / plain forward")


def test_the_family_stands_beside_a_five_gram_model_of_its_tokens(tmp_path: Path):
    """On a text that says one thing over and over, which a 5-gram model learns by heart."""
    (tmp_path / "corpus.txt").write_text("Clara gave the letter to the captain.\n" * 400)
    (tmp_path / "valid.txt").write_text("Clara gave the letter to the captain.\n" * 90)
    lines = {line.what: line for line in reading(tmp_path / "corpus.txt", tmp_path / "valid.txt")}
    gram = lines["5-gram Kneser-Ney, validation perplexity"].value
    assert 1 < gram < 1.2
    for name in ("family-mha", "family-mqa", "family-gqa", "family-mla"):
        perplexity = lines[f"{name}, validation perplexity"].value
        assert 1 < perplexity < 4096
        assert lines[f"{name} / 5-gram"].value == pytest.approx(perplexity / gram)


@pytest.mark.parametrize("metric", ["kl", "loss"])
def test_the_loop_with_hooks_finds_what_the_sweep_finds(tiny: Subject, metric: Metric) -> None:
    tokenizer = demand_tokenizer(tiny.model)
    text = text_of(tokenizer, 16)
    ids = tokenizer(text, return_tensors="pt")["input_ids"][:, :16]
    found = loops(tiny.source, tokenizer)["loop"](ids, metric)
    swept = models.sweep(tiny.model, text, metric=metric, max_tokens=16).mean
    assert (found - swept).abs().max() < 0.05 * found.abs().max()
