"""Hard attention: at each step the writer looks at one place alone, drawn from what would be the weights of soft attention.

Source: Xu et al. 2015 (arXiv 1502.03044), section 4.1, equations 5 to 11. A draw has no gradient, so the drawing is taught by
REINFORCE: what was drawn becomes likelier, the more so the better the writer then did than its baseline foretold. The baseline
is learned, one number from the writer's state (the paper has a moving average). At test the likeliest place is taken.
"""

from __future__ import annotations

from typing import ClassVar, Literal, NamedTuple

import torch
from huggingface_hub.dataclasses import strict
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForSeq2SeqLM

from models.classic.recurrent import Attention, Look, RecurrentConfig, RecurrentModel, Source
from models.classic.soft import AdditiveScore
from models.shape.attention_geometry import Form

Choice = Literal["likeliest", "drawn", "expected"]


class Draw(NamedTuple):
    """One step: alpha and the weights that came of it [batch, source]; the writer's state before it [batch, hidden]."""

    probabilities: Tensor
    weights: Tensor
    state: Tensor


class HardAttention(Attention):
    """alpha = softmax(scores), place ~ alpha, context = h_place."""

    def __init__(self, config: RecurrentConfig) -> None:
        super().__init__()
        self.additive = AdditiveScore(config)

    def keys(self, annotations: Tensor) -> Tensor:
        """What of the score does not depend on the step, [batch, source, attention]."""
        return self.additive.key(annotations)

    def probabilities(self, state: Tensor, source: Source) -> Tensor:
        """alpha, [batch, source]."""
        scores = self.additive(state, source.keys).masked_fill(~source.mask, -torch.inf)
        return torch.softmax(scores, dim=-1)

    def forward(
        self,
        state: Tensor,
        source: Source,
        choice: Choice = "likeliest",
        generator: torch.Generator | None = None,
        seen: list[Draw] | None = None,
    ) -> Look:
        """state: of the writer, [batch, hidden]. choice: of the place; "expected" takes the mean over all, as soft attention.

        generator: what "drawn" draws with. seen: is given what each step drew.
        """
        alpha = self.probabilities(state, source)
        weights = alpha if choice == "expected" else _one_hot(_place(alpha, choice, generator), alpha)
        if seen is not None:
            seen.append(Draw(alpha, weights, state))
        return Look(weights, torch.einsum("bs,bsd->bd", weights, source.annotations))


def _place(alpha: Tensor, choice: Choice, generator: torch.Generator | None) -> Tensor:
    if choice == "likeliest":
        return alpha.argmax(-1)
    return torch.multinomial(alpha.cpu(), 1, generator=generator)[:, 0].to(
        alpha.device
    )  # the same draws on every device


def _one_hot(place: Tensor, like: Tensor) -> Tensor:
    return nn.functional.one_hot(place, like.shape[-1]).to(like.dtype)


@strict
class HardConfig(RecurrentConfig):
    model_type = "headlight_hard"
    attention_form: ClassVar[Form] = "hard"


class HardModel(RecurrentModel):
    config_class = HardConfig

    def __init__(self, config: HardConfig) -> None:
        super().__init__(config)
        self.attention = HardAttention(config)
        self.post_init()


AutoConfig.register(HardConfig.model_type, HardConfig, exist_ok=True)
AutoModelForSeq2SeqLM.register(HardConfig, HardModel, exist_ok=True)
