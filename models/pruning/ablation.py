"""Switch heads off and see what changes: loss, predictions, and every other head's pattern."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Float, Float32
from torch import Tensor

from models.errors import BadSelection
from models.look.captured import Candidate, Capture
from models.look.capturing import capture_with_logits, encode_for
from models.look.pattern_changes import pattern_change
from models.look.token_losses import losses_of
from models.pruning.head_outputs import mean_outputs, other_outputs
from models.pruning.measured import demand_measured
from models.run.head_gates import HeadOutputs, Heads, HeadsOff, distinct
from models.run.inputs import Encoded, Text, listed_texts
from models.run.model import AttentionModel

Method = Literal["zero", "mean", "resample"]
METHODS: tuple[Method, ...] = ("zero", "mean", "resample")
CANDIDATES = 12
BLOCK = 256  # positions whose probabilities are held at once


@dataclass(frozen=True, eq=False)
class Baseline:
    """A text's run with all heads on, which any number of ablations are compared to.

    logits: [pos, vocab] in the model's number format, None where the model has no language head. loss: [pos], nats per
    token, as models.token_loss gives it; all NaN for encoders, which do not predict each token from those before.
    """

    encoded: Encoded
    run: Capture
    logits: Float[Tensor, "pos vocab"] | None
    loss: Float32[Tensor, " pos"]

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.run.nbytes + (0 if self.logits is None else self.logits.nbytes)


@dataclass(frozen=True, eq=False)
class Ablation:
    """A text's run with heads switched off, beside its run with all of them.

    off: which heads, and what stands for their outputs. before, after: the captures. delta_loss [pos]: loss with the heads
    off less loss with them on, nats per token (NaN at the first token and for encoders). kl [pos]: KL(before || after) of
    the predictions made at each position, nats (NaN without a language head).
    """

    off: HeadsOff
    before: Capture
    after: Capture
    token_loss_before: Float32[Tensor, " pos"]
    token_loss_after: Float32[Tensor, " pos"]
    kl: Float32[Tensor, " pos"]

    @property
    def loss_before(self) -> float:
        """Mean over the text's tokens but the first, nats per token; NaN for encoders, and for a text of one token."""
        return self.token_loss_before[1:].mean().item()

    @property
    def loss_after(self) -> float:
        """The same with the heads off."""
        return self.token_loss_after[1:].mean().item()

    @property
    def delta_loss(self) -> Float32[Tensor, " pos"]:
        """[pos], nats per token; above 0 where the text became harder to foresee."""
        return self.token_loss_after - self.token_loss_before

    @property
    def top_next_before(self) -> tuple[Candidate, ...]:
        """The likeliest next tokens with all heads on; of an encoder at its first mask token."""
        return tuple(self.before.top_next(CANDIDATES)) if self.before.places else ()

    @property
    def top_next_after(self) -> tuple[Candidate, ...]:
        """The same with the heads off."""
        return tuple(self.after.top_next(CANDIDATES)) if self.after.places else ()

    @cached_property
    def pattern_shift(self) -> Float32[Tensor, "layer head"]:
        """How far every head's pattern moved, float32 [layer, head], 0 to 1; see models.pattern_change.

        Of the stack whose heads are off. Heads of their layer and of those before do not move.
        """
        return pattern_change(self.before, self.after, stack=self.off.stack)


def baseline(
    model: AttentionModel,
    text: Text | None = None,
    *,
    source: str | None = None,
    target: str | None = None,
    max_tokens: int | None = None,
) -> Baseline:
    """Run a text with all heads on; see models.capture for the arguments. Raises BadText, TextTooLong, BadSelection."""
    demand_measured(model)
    encoded = encode_for(model, text, source=source, target=target, max_tokens=max_tokens)
    run, logits = capture_with_logits(model, encoded)
    return Baseline(encoded, run, logits, _losses(model, run, logits))


def ablate(
    model: AttentionModel,
    text: Text | Baseline,
    heads: Heads,
    method: Method = "zero",
    *,
    reference: str | Sequence[str] | HeadOutputs | None = None,
    stack: str | None = None,
    max_tokens: int | None = None,
) -> Ablation:
    """Run a text with heads switched off, and compare with the run that has them.

    text: a text, or what `baseline` gave for it, which saves its run. heads: (layer, head) of `stack` (None: the default
    one). method: "zero"; "mean", by each head's mean output over the reference texts; "resample", by its output on one
    other text, position by position. reference: these texts, or outputs worked out before. Gates stand before the output
    projection; no weight is touched. Raises BadSelection, BadText, TextTooLong.
    """
    given = text if isinstance(text, Baseline) else baseline(model, text, max_tokens=max_tokens)
    off = distinct(heads, stack)
    if off.instead is None:
        off = HeadsOff(off.heads, off.stack, replacement(model, method, reference))
    run, logits = capture_with_logits(model, given.encoded, heads_off=off)
    return Ablation(
        off=off,
        before=given.run,
        after=run,
        token_loss_before=given.loss,
        token_loss_after=_losses(model, run, logits),
        kl=divergence(given.logits, logits, len(given.loss)),
    )


def replacement(
    model: AttentionModel, method: Method, reference: str | Sequence[str] | HeadOutputs | None
) -> HeadOutputs | None:
    """What stands for the outputs of heads that are off, None for zeros. Raises BadSelection, BadText."""
    if method not in METHODS:
        raise BadSelection(
            f"Heads are switched off by {', '.join(METHODS)}, but “{method}” came; choose one."
        )
    if method == "zero":
        return None
    if isinstance(reference, HeadOutputs):
        return reference
    if not reference:
        raise BadSelection(
            f"“{method}” needs a reference text for what stands in for a head; give reference=."
        )
    texts = listed_texts(reference)
    if method == "mean":
        return mean_outputs(model, texts)
    if len(texts) > 1:
        raise BadSelection(f"“resample” takes one other text, but {len(texts)} came; give one.")
    return other_outputs(model, *texts)


def _losses(model: AttentionModel, run: Capture, logits: Tensor | None) -> Tensor:
    """[pos], NaN where the model does not predict each token from those before it."""
    ids = run.ids.get("target", run.ids.get("text", ()))
    if logits is None or model.geometry.role == "encoder":
        return torch.full((len(ids),), torch.nan, dtype=torch.float32)
    return losses_of(logits, ids)


def divergence(before: Tensor | None, after: Tensor | None, positions: int) -> Tensor:
    """KL(before || after), float32 [pos], nats; a block of positions at a time."""
    kl = torch.full((positions,), torch.nan, dtype=torch.float32)
    if before is None or after is None:
        return kl
    for start in range(0, positions, BLOCK):
        rows = slice(start, min(start + BLOCK, positions))
        kl[rows] = divergence_of(before[rows], after[rows]).cpu()
    return kl


def divergence_of(before: Tensor, after: Tensor) -> Tensor:
    """The same of logits [..., vocab] that are taken to float32 at once, [...]."""
    one, other = (logits.float().log_softmax(-1) for logits in (before, after))
    terms = one.exp() * (one - other)
    return terms.masked_fill(one == -torch.inf, 0.0).sum(-1).clamp(min=0)  # 0 log 0 is 0
