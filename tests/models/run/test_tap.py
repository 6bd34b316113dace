"""The tap: what one visitor records or switches off is nobody else's, and is what it says it is."""

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor, nn

from models.errors import BadSelection
from models.look.captured import Capture
from models.look.capturing import capture
from models.run.model import AttentionModel, demand_tokenizer
from models.run.tap import Tap, tapped
from tests.models.engine_models import TEXT, assert_near, engine, fresh, stock, stock_output

# Per class: the linear layer that reads the heads of layer 1, and its input's width per head.
PROJECTIONS = {
    "gpt2": ("transformer.h.1.attn.c_proj", 8),
    "llama gqa": ("model.layers.1.self_attn.o_proj", 10),
    "gemma2": ("model.layers.1.self_attn.o_proj", 10),
    "gpt_oss": ("model.layers.1.self_attn.o_proj", 10),
    "bert": ("bert.encoder.layer.1.attention.output.dense", 12),
}
TEXTS = (
    "the cat sat",
    "one two three four five one two three",
    "When Mary and John went to the store",
    "def add(a, b): return a + b",
    "x",
    "the dog sat on the cat, and the cat sat on the mat, and so on and on",
    "42 + 12 = 54",
    "John gave a drink to Mary",
)
OFF: tuple[tuple[tuple[int, int], ...], ...] = (
    (),
    ((0, 1),),
    (),
    ((1, 5), (2, 0)),
    ((2, 3),),
    (),
    ((0, 0),),
    (),
)


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads take turns as often as they can, so that what they share shows."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


def everything(run: Capture) -> list[Tensor]:
    patterns = [run.pattern(layer, stack=stack) for stack in run.stacks for layer in range(run.layers(stack))]
    return [*patterns, run.predictions]


def in_threads(work: Callable[[int], list[Tensor]]) -> list[list[Tensor]]:
    """The results of 8 threads that begin at the same moment."""
    start = threading.Barrier(8)

    def begin(index: int) -> list[Tensor]:
        start.wait()
        return work(index)

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(begin, range(8)))


def assert_equal(found: list[Tensor], expected: list[Tensor]) -> None:
    assert len(found) == len(expected)
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(found, expected, strict=True))


@pytest.mark.parametrize("name", ["gpt2", "gemma2"])
def test_eight_threads_answer_as_one_after_the_other(name, restless):
    model = engine(name)

    def work(index: int) -> list[Tensor]:
        return everything(capture(model, TEXTS[index], heads_off=OFF[index]))

    alone = [work(index) for index in range(8)]
    assert not torch.equal(alone[3][-1], capture(model, TEXTS[3]).predictions)  # a gate does something
    for _ in range(3):
        for found, expected in zip(in_threads(work), alone, strict=True):
            assert_equal(found, expected)


@pytest.mark.real
def test_eight_threads_on_the_default_model(smollm2):
    def work(index: int) -> list[Tensor]:
        run = capture(smollm2, TEXTS[index], heads_off=[(17, head) for head in range(index)])
        return [run.pattern(0), run.pattern(18), run.pattern(29), run.predictions]

    alone = [work(index) for index in range(8)]
    for found, expected in zip(in_threads(work), alone, strict=True):
        assert_equal(found, expected)


def test_a_tap_belongs_to_its_own_thread():
    model, seen = engine("gpt2"), []
    with tapped(Tap(observer=lambda *call: seen.append(call))):
        thread = threading.Thread(target=lambda: model.module(input_ids=torch.tensor([[5, 6, 7]])))
        thread.start()
        thread.join()
        assert seen == []
        model.module(input_ids=torch.tensor([[5, 6, 7]]))
    assert len(seen) == 3


def test_the_tap_is_gone_after_an_exception():
    model = fresh("gpt2")
    before = everything(capture(model, TEXT))
    calls: list[int] = []

    def fails(*_) -> None:
        calls.append(1)
        raise RuntimeError("stop here")

    with pytest.raises(RuntimeError, match="stop here"), tapped(Tap(observer=fails)):
        model.module(input_ids=torch.tensor([[5, 6, 7]]))
    model.module(input_ids=torch.tensor([[5, 6, 7]]))
    assert len(calls) == 1
    hook = model.module.get_submodule("transformer.h.2").register_forward_pre_hook(fails)
    with pytest.raises(RuntimeError, match="stop here"):
        capture(model, TEXT, heads_off=[(0, 0), (1, 1)])
    hook.remove()
    assert len(calls) == 2
    assert_equal(everything(capture(model, TEXT)), before)


def test_a_tap_inside_another_gives_it_back():
    model, outer, inner = engine("gpt2"), [], []
    ids = torch.tensor([[5, 6, 7]])
    with tapped(Tap(observer=lambda *call: outer.append(call))):
        with tapped(Tap(observer=lambda *call: inner.append(call))):
            model.module(input_ids=ids)
        model.module(input_ids=ids)
    assert (len(outer), len(inner)) == (3, 3)


@pytest.mark.parametrize("name", [*PROJECTIONS])
def test_a_captured_run_computes_what_an_uncaptured_one_does(name):
    model = engine(name)
    inputs = demand_tokenizer(model)(TEXT, return_tensors="pt")
    inputs = {key: inputs[key] for key in ("input_ids", "attention_mask")}
    seen = []
    with torch.inference_mode():
        plain = model.module(**inputs).logits
        with tapped(Tap(observer=lambda *call: seen.append(call))):
            watched = model.module(**inputs).logits
    assert len(seen) == 3
    assert torch.equal(watched, plain)
    assert_near(plain, stock_output(name).logits)


@pytest.mark.real
def test_a_capture_predicts_what_the_model_does(smollm2):
    inputs = demand_tokenizer(smollm2)(TEXT, return_tensors="pt")
    with torch.inference_mode():
        output = smollm2.module(**inputs, use_cache=False, logits_to_keep=1)
    assert torch.equal(capture(smollm2, TEXT).predictions, torch.softmax(output.logits[0], dim=-1))


def without_heads(name: str, off: tuple[int, ...]):
    """transformers' own answer where a hook zeroes these heads of layer 1 before their output projection."""
    path, width = PROJECTIONS[name]

    def zero(_: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        changed = args[0].clone()
        for head in off:
            changed[..., head * width : (head + 1) * width] = 0
        return (changed, *args[1:])

    hook = stock(name).get_submodule(path).register_forward_pre_hook(zero)
    try:
        return stock_output(name, "the [MASK] sat on the mat" if name == "bert" else TEXT)
    finally:
        hook.remove()


@pytest.mark.parametrize("off", [(0,), (3,), (1, 2)])
@pytest.mark.parametrize("name", [*PROJECTIONS])
def test_switching_heads_off_is_zeroing_them_before_the_output_projection(name, off):
    text, place = ("the [MASK] sat on the mat", 2) if name == "bert" else (TEXT, -1)
    run = capture(engine(name), text, heads_off=[(1, head) for head in off])
    expected, untouched = without_heads(name, off), without_heads(name, ())
    probabilities = torch.softmax(expected.logits[0, place], dim=-1)
    assert_near(run.predictions[0], probabilities, 1e-4)
    assert (torch.softmax(untouched.logits[0, place], dim=-1) - probabilities).abs().max() > 1e-3
    for layer, pattern in enumerate(expected.attentions):
        assert_near(run.pattern(layer), pattern[0])
    assert (untouched.attentions[2] - expected.attentions[2]).abs().max() > 1e-3
    assert run.heads_off == tuple((1, head) for head in off)


def test_heads_of_a_pair_are_switched_off_in_the_decoder():
    model = engine("bart")
    run = capture(model, source="the cat sat", target="the dog")
    gated = capture(model, source="the cat sat", target="the dog", heads_off=[(1, 4)])
    assert all(
        torch.equal(run.pattern(i, stack="encoder"), gated.pattern(i, stack="encoder")) for i in (0, 1)
    )
    assert torch.equal(run.pattern(1), gated.pattern(1))
    assert not torch.equal(run.pattern(1, stack="cross"), gated.pattern(1, stack="cross"))


@pytest.mark.parametrize("head", [(3, 0), (-1, 0), (0, 6), (0, -1)])
def test_a_head_that_is_not_there(head):
    with pytest.raises(BadSelection, match=rf"L{head[0]} H{head[1]} .* counted from 0\."):
        capture(engine("gpt2"), TEXT, heads_off=[(0, 0), head])


def test_a_class_with_attention_of_its_own_says_that_it_has_no_switch():
    model: AttentionModel = engine("falcon")
    with pytest.raises(BadSelection, match=r"Falcon .* cannot be switched off"):
        capture(model, TEXT, heads_off=[(0, 0)])
