"""Measuring: what runs and in which order, bytes to the byte, and everything that is refused. No test asserts a time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor

from models.errors import BadSelection
from models.measuring import fit, one_at_a_time, peak_memory
from models.measuring import timed_run as running
from models.measuring.measurement import Contender, Repeats, measure, measure_in_turn
from models.run.cache_modes import new_cache
from models.run.head_gates import gates
from models.run.model import AttentionModel
from models.run.tap import Tap, tapped
from tests.models.engine_models import assert_near, engine
from tests.sentences import assert_sentence

pytestmark = pytest.mark.slow

# Numbers kept per token, worked out by hand: 3 layers, 6 heads of 10; latents of 20 with a rotary key of 6, keys of 10 + 6
# and values of 14 when they are expanded.
KEPT = {
    ("llama mha", "auto"): 3 * 2 * 6 * 10,
    ("llama gqa", "auto"): 3 * 2 * 2 * 10,
    ("llama mqa", "auto"): 3 * 2 * 1 * 10,
    ("deepseek_v3", "expanded"): 3 * 6 * (16 + 14),
    ("deepseek_v3", "latent"): 3 * (20 + 6),
    ("deepseek_v3", "absorbed"): 3 * (20 + 6),
}


@contextmanager
def watched(model: AttentionModel) -> Iterator[list[tuple[Tensor, Tensor]]]:
    """Input ids and logits of every forward pass."""
    seen: list[tuple[Tensor, Tensor]] = []
    hook = model.module.register_forward_hook(
        lambda _, args, given, output: seen.append((given["input_ids"], output.logits)), with_kwargs=True
    )
    try:
        yield seen
    finally:
        hook.remove()


@pytest.mark.parametrize(("name", "cache"), KEPT)
def test_the_bytes_of_the_live_cache_are_the_formula(name: str, cache: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(running, "CHUNK", 8)  # in three pieces
    found = measure(engine(name), prompt_tokens=19, new_tokens=5, batch=2, cache=cache, repeats=2)
    assert found.cache_bytes == 4 * 2 * 24 * KEPT[name, cache] == found.formula_bytes
    assert (found.cache, found.off_formula, found.other_bytes) == (cache, 0, 0)
    assert (found.prompt_tokens, found.new_tokens, found.batch) == (19, 5, 2)
    assert len(found.prefill_s) == len(found.decode_ms_per_token) == 2
    assert min(*found.prefill_s, *found.decode_ms_per_token) > 0
    assert found.tokens_per_s == pytest.approx(2000 / found.decode_ms_per_token.median)
    assert found.weights_bytes == 4 * sum(weight.numel() for weight in engine(name).module.parameters())
    assert (found.device, found.dtype, found.threads) == ("cpu", "float32", torch.get_num_threads())


def test_auto_is_what_latents_are_best_run_with():
    assert measure(engine("deepseek_v3"), 5, 1, repeats=1).cache == "absorbed"


def test_the_prompt_is_read_in_pieces_and_then_token_by_token(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(running, "CHUNK", 8)
    model = engine("llama gqa")
    with watched(model) as seen:
        measure(model, prompt_tokens=19, new_tokens=3, repeats=1)
    sizes = [ids.shape[1] for ids, _ in seen]
    once = [8, 8, 3, 1, 1, 1]
    assert sizes == [8, 1, *once, *once]  # a short one, the one that is weighed, the one that is timed
    text = torch.cat([ids for ids, _ in seen[-6:]], dim=1)
    with torch.inference_mode():
        assert_near(seen[-1][1][:, -1], model.module(input_ids=text, use_cache=False).logits[:, -1])


def test_linear_attention_reads_its_prompt_whole(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(running, "CHUNK", 8)
    model = engine("qwen3_next")
    with watched(model) as seen:
        found = measure(model, prompt_tokens=19, new_tokens=2, repeats=1)
    assert [ids.shape[1] for ids, _ in seen[-3:]] == [19, 1, 1]
    assert found.other_bytes > 0


def test_contenders_run_in_turn():
    first, second = engine("llama mha"), engine("llama mqa")
    told: list[str] = []
    contenders = [Contender("A", first), Contender("B", second), Contender("C", first)]
    found = measure_in_turn(contenders, 6, 2, repeats=2, progress=lambda message, _: told.append(message))
    assert [each.name for each in found] == ["A", "B", "C"]
    runs = list(dict.fromkeys(message.partition(":")[0] for message in told))
    warm = [f"{name}, warming up" for name in "ABC"]
    assert runs == [*warm, *(f"{name}, run {n} of 2" for n in (1, 2) for name in "ABC"), "Measured"]


def test_progress_rises_to_the_end():
    shares: list[float] = []
    measure(engine("llama gqa"), 6, 2, repeats=2, progress=lambda _, share: shares.append(share))
    assert shares[-1] == 1
    assert all(0 <= share <= 1 for share in shares)
    assert max(shares[:4]) < 0.34 < shares[-2]


def test_heads_are_off_while_they_are_measured():
    model, off = engine("llama gqa"), [(1, 4), (2, 0)]
    with watched(model) as seen:
        measure(model, 7, 3, repeats=1, heads_off=off)
    text = torch.cat([ids for ids, _ in seen[-4:]], dim=1)
    with torch.inference_mode(), tapped(Tap(gates=gates(model, off))):
        expected = model.module(input_ids=text, use_cache=False).logits[:, -1]
    assert_near(seen[-1][1][:, -1], expected)
    with torch.inference_mode():
        plain = model.module(input_ids=text, use_cache=False).logits[:, -1]
    assert (plain - expected).abs().max() > 0.01 * expected.abs().max()


def test_repeats_worked_out_by_hand():
    some = Repeats((4.0, 1.0, 2.0, 3.0, 5.0))
    assert (some.median, some.quartiles, some.spread) == (3.0, (2.0, 4.0), 2 / 3)
    assert (Repeats((7.0,)).quartiles, Repeats((7.0,)).spread) == ((7.0, 7.0), 0.0)


def test_memory_that_was_taken_and_given_back_is_seen():
    with peak_memory.Peak(torch.device("cpu")) as peak:
        block = torch.ones(96_000_000 // 4)
        threading.Event().wait(0.1)
        del block
    if peak.is_of == "unknown":
        assert peak.bytes is None
    else:
        assert peak.bytes is not None
        assert 0.9 * 96e6 < peak.bytes < 3 * 96e6


def test_another_measurement_waits_visibly_and_can_be_called_off(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(one_at_a_time, "LOOK_S", 0.01)
    told: list[str] = []

    class Enough(Exception):
        pass

    def listen(message: str, _: float) -> None:
        told.append(message)
        if len(told) == 3:
            raise Enough

    model, begun, go_on = engine("llama gqa"), threading.Event(), threading.Event()

    def hold(_message: str, _share: float) -> None:
        begun.set()
        go_on.wait(30)

    other = threading.Thread(target=measure, args=(model, 5, 1), kwargs={"repeats": 1, "progress": hold})
    other.start()
    assert begun.wait(30)
    with pytest.raises(Enough):
        measure(model, 5, 1, progress=listen)
    go_on.set()
    other.join(30)
    assert told == [one_at_a_time.ANOTHER] * 3
    assert measure(model, 5, 1, repeats=1).cache_bytes > 0


def test_broken_off_in_the_middle_the_next_one_can_run():
    def stop(message: str, share: float) -> None:
        if share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure(engine("llama gqa"), 6, 2, progress=stop)
    told: list[str] = []
    measure(engine("llama gqa"), 6, 2, repeats=1, progress=lambda message, _: told.append(message))
    assert one_at_a_time.ANOTHER not in told


@pytest.mark.parametrize(
    ("name", "sizes", "words"),
    [
        ("llama gqa", {"prompt_tokens": 0}, "prompt tokens"),
        ("llama gqa", {"new_tokens": -3}, "new tokens"),
        ("llama gqa", {"batch": 0}, "texts at once"),
        ("llama gqa", {"repeats": True}, "repeats"),
        ("llama gqa", {"prompt_tokens": 2.5}, "prompt tokens"),
        ("llama gqa", {"prompt_tokens": 60, "new_tokens": 5}, "59 or fewer"),
        ("llama gqa", {"prompt_tokens": 10**30}, "64 at most"),
        ("llama gqa", {"cache": "absorbed"}, "no latents"),
        ("llama gqa", {"heads_off": [(9, 0)]}, "L9 H0"),
        ("bert", {}, "choose a decoder"),
        ("t5", {}, "choose a decoder"),
        ("openai-gpt", {}, "keeps no cache"),
    ],
)
def test_refusals(name: str, sizes: dict, words: str):
    given: dict = {"prompt_tokens": 6, "new_tokens": 2} | sizes
    with pytest.raises(BadSelection, match=words) as refused:
        measure(engine(name), **given)
    assert_sentence(refused.value)


def test_more_than_memory_holds_is_refused_with_the_longest_that_fits(monkeypatch: pytest.MonkeyPatch):
    model = engine("deepseek_v3")
    monkeypatch.setattr("models.free_memory.free_bytes", lambda _: 10_000_000)
    monkeypatch.setattr(fit, "BLOCK", 1)
    with pytest.raises(BadSelection, match=r"take a prompt of \d+ or fewer") as refused:
        measure(model, prompt_tokens=60, new_tokens=4, batch=40, repeats=1)
    assert_sentence(refused.value)
    longest = int(str(refused.value).split(" or fewer")[0].split()[-1])
    assert 1 <= longest < 60
    assert measure(model, prompt_tokens=longest, new_tokens=4, batch=40, repeats=1).cache_bytes > 0
    with pytest.raises(BadSelection):
        measure(model, prompt_tokens=longest + 1, new_tokens=4, batch=40, repeats=1)
    with pytest.raises(BadSelection, match="fewer texts") as refused:
        measure(model, prompt_tokens=60, new_tokens=4, batch=10**12)
    assert_sentence(refused.value)


def test_a_cache_without_latents_grows_by_blocks_too():
    assert new_cache(engine("llama gqa")) is None
    assert measure(engine("llama gqa"), 6, 2, repeats=1).spare_bytes > 0
