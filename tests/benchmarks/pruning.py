"""The sweep of all heads beside the plain loop, and how many heads of a real model can go.

Sweep / loop, so below 1 the sweep is the quicker; the targets are the reciprocals of how many times it shall be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import GPT2LMHeadModel

import models
from models.prune_order import ORDERS
from models.sweep import Metric
from tests.benchmarks.measuring import in_turn, ratio
from tests.benchmarks.report import Line, from_ratio
from tests.benchmarks.subjects import text_of

NEAR = 1e-5  # nats, between the sweep's values and the loop's
MORE = 0.05  # of the loss, up to which heads are removed


@dataclass(frozen=True, slots=True)
class Size:
    """tokens: of the swept text. rounds: of the sweep against the loop. read: tokens that a curve is measured on, in texts
    of `text_tokens`; points: of a curve; step: heads that the greedy order removes at once, None for its own choice."""

    tokens: int = 128
    rounds: int = 3
    read: int = 512
    text_tokens: int = 128
    points: int = 31
    step: int | None = 27


FULL = Size()
QUICK = Size(tokens=16, rounds=1, read=48, text_tokens=24, points=4, step=3)


def sweeping(source: str, name: str, size: Size) -> Iterator[Line]:
    """The sweep of a GPT-2 against a full run with a hook for each head, of the same weights in transformers alone."""
    model = models.load(source, device="cpu", dtype="float32")
    text = text_of(model.tokenizer, size.tokens)
    plain = cast(Any, GPT2LMHeadModel).from_pretrained(source, attn_implementation="sdpa").eval()
    ids = model.tokenizer(text, return_tensors="pt")["input_ids"][:, : size.tokens]
    bridge = _transformer_lens(source)
    targets: tuple[tuple[Metric, float], ...] = (("kl", 1 / 4), ("loss", 1 / 2))
    for metric, at_most in targets:
        jobs: dict[str, Callable[[], Tensor]] = {
            "sweep": lambda metric=metric: (
                models.sweep(model, text, metric=metric, max_tokens=size.tokens).mean
            ),
            "loop": lambda metric=metric: plain_loop(plain, ids, metric),
        }
        if bridge is not None:
            jobs["TransformerLens"] = lambda metric=metric: bridge(ids, metric)
        found: dict[str, Tensor] = {}
        taken = in_turn({key: _keeping(found, key, job) for key, job in jobs.items()}, size.rounds, warm_up=0)
        for other in [key for key in jobs if key != "sweep"]:
            measured = ratio(taken["sweep"], taken[other])
            note = f"{1 / measured.median:.3g} times as quick; sweep {min(taken['sweep']):.3g} s"
            note += "" if bridge else "; TransformerLens is not installed, so its loop is left out"
            what = f"sweep by {metric} / {other}, {name}, {size.tokens} tokens"
            yield from_ratio(what, measured, at_most=at_most if other == "loop" else None, note=note)
            apart = (found["sweep"] - found[other]).abs().max().item()
            largest = found[other].abs().max().item()
            note = f"the largest value is {largest:.3g}"
            yield Line(f"sweep by {metric} - {other}, largest difference", apart, "nats", NEAR, note=note)


def _keeping(found: dict[str, Tensor], name: str, job: Callable[[], Tensor]) -> Callable[[], None]:
    def run() -> None:
        found[name] = job()

    return run


@torch.inference_mode()
def plain_loop(plain: Any, ids: Tensor, metric: str) -> Tensor:
    """[layer, head]: a full forward pass of transformers' own model for every head, zeros put in by a hook."""
    config = plain.config
    width = config.n_embd // config.n_head
    full = plain(ids, use_cache=False).logits[0]
    found = torch.zeros(config.n_layer, config.n_head)
    for layer in range(config.n_layer):
        for head in range(config.n_head):

            def zero(_: nn.Module, args: tuple, head: int = head) -> tuple:
                joined = args[0].clone()
                joined[..., head * width : (head + 1) * width] = 0
                return (joined,)

            hook = plain.transformer.h[layer].attn.c_proj.register_forward_pre_hook(zero)
            found[layer, head] = missed(full, plain(ids, use_cache=False).logits[0], ids[0], metric)
            hook.remove()
    return found


def missed(full: Tensor, without: Tensor, ids: Tensor, metric: str) -> Tensor:
    """By what the importance of a head is measured, from logits [pos, vocab]."""
    if metric == "loss":
        return functional.cross_entropy(without[:-1], ids[1:]) - functional.cross_entropy(full[:-1], ids[1:])
    before, after = full[-1].log_softmax(-1), without[-1].log_softmax(-1)
    return (before.exp() * (before - after)).sum()


def _transformer_lens(source: str) -> Callable[[Tensor, str], Tensor] | None:
    """Its hook loop over the same weights; None where it is not installed."""
    try:
        from transformer_lens import HookedTransformer  # pyright: ignore[reportMissingImports]
    except ImportError:
        return None
    hooked = HookedTransformer.from_pretrained_no_processing(
        "gpt2", hf_model=GPT2LMHeadModel.from_pretrained(source), device="cpu"
    )

    @torch.inference_mode()
    def loop(ids: Tensor, metric: str) -> Tensor:
        full = hooked(ids)[0]
        found = torch.zeros(hooked.cfg.n_layers, hooked.cfg.n_heads)
        for layer in range(hooked.cfg.n_layers):
            for head in range(hooked.cfg.n_heads):

                def zero(value: Tensor, hook: object, head: int = head) -> Tensor:
                    value[:, :, head] = 0
                    return value

                hooks = [(f"blocks.{layer}.attn.hook_z", zero)]
                without = hooked.run_with_hooks(ids, fwd_hooks=hooks)[0]
                found[layer, head] = missed(full, without, ids[0], metric)
        return found

    return loop


def curves(source: str, name: str, size: Size) -> Iterator[Line]:
    """Share of the heads that can go for at most 5% more loss, in each order, on the text that comes with Headlight.

    Heads are ranked on the same text; nothing is trained in between.
    """
    model = models.load(source, device="cpu", dtype="float32")
    texts = models.cut_into_texts(model, tokens=size.text_tokens, max_tokens=size.read)
    for order in ORDERS:
        curve = models.prune_curve(
            model, texts, order, points=size.points, step=size.step, max_tokens=size.text_tokens
        )
        share = curve.removable(MORE)
        note = (
            f"{round(share * curve.total)} of {curve.total} heads; loss {curve.mean[0]:.4g}, at the knee "
            f"({curve.share[curve.knee]:.2g}) {curve.mean[curve.knee]:.4g}, without heads {curve.mean[-1]:.4g}"
        )
        yield Line(f"heads removable for at most {MORE:.0%} more loss, {order}, {name}", share, note=note)
        if order == "random":
            apart = curve.loss.std(0)[1:-1].max().item()
            yield Line(f"largest spread of {len(curve.loss)} random draws, {name}", apart, "nats")
