"""What heads put out on other texts: the replacements for heads that are switched off other than by zeros."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.look.capturing import encode_for, forward
from models.progress import Progress, no_progress
from models.run.head_gates import HeadOutputs, demand_gates
from models.run.inputs import Encoded, listed_texts
from models.run.model import AttentionModel
from models.run.tap import Tap, tapped


def mean_outputs(
    model: AttentionModel,
    texts: str | Sequence[str],
    *,
    max_tokens: int | None = None,
    source: str = "",
    progress: Progress = no_progress,
) -> HeadOutputs:
    """Every head's mean output over all positions of reference texts, [1, head, d_value] per call ("mean" ablation).

    source: what the texts are, in a few words, to be shown. Raises BadText where there are none, BadSelection.
    """
    given = listed_texts(texts)
    sums: list[Tensor] = []
    positions: list[int] = []
    for number, text in enumerate(given):
        progress(f"Reading reference text {number + 1} of {len(given)}", number / len(given))
        seen = _outputs(model, encode_for(model, text, max_tokens=max_tokens))
        if not sums:
            sums, positions = [torch.zeros_like(part[:1]) for part in seen], [0] * len(seen)
        for call, part in enumerate(seen):
            sums[call] += part.sum(0, keepdim=True)
            positions[call] += len(part)
    means = tuple(total / count for total, count in zip(sums, positions, strict=True))
    told = f"their mean over {sum(positions[:1]):,} tokens of {source or 'the reference texts'}"
    return HeadOutputs(means, told, "mean")


def other_outputs(model: AttentionModel, text: str, *, max_tokens: int | None = None) -> HeadOutputs:
    """Every head's outputs on another text, position by position, [pos, head, d_value] per call ("resample" ablation).

    A longer text that is ablated with them begins with the first position again. Raises BadText, BadSelection.
    """
    seen = _outputs(model, encode_for(model, text, max_tokens=max_tokens))
    return HeadOutputs(tuple(seen), "what they put out on another text", "resample")


def _outputs(model: AttentionModel, encoded: Encoded) -> list[Tensor]:
    """Outputs of every attention call of one pass, float32 [query, head, d_value]."""
    demand_gates(model)
    seen: list[Tensor] = []

    def observe(_: nn.Module, __: object, output: Tensor) -> None:
        seen.append(output[0].float().clone())

    with tapped(Tap(observer=observe)):
        forward(model, encoded)
    return seen
