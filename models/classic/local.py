"""Local attention: the writer first says where to look, then looks softly at a window around that place.

Source: Luong et al. 2015 (arXiv 1508.04025), section 3.2, local-p, equations 9 and 10; on the encoder-decoder of soft.py,
so with its additive score and with the state before the step.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import torch
from huggingface_hub.dataclasses import strict
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForSeq2SeqLM

from models.classic.recurrent import Attention, Look, RecurrentConfig, RecurrentModel, Source
from models.classic.soft import AdditiveScore
from models.shape.attention_geometry import Form


@strict
class LocalConfig(RecurrentConfig):
    """window: D, how many characters to either side of the centre are looked at."""

    model_type = "headlight_local"
    attention_form: ClassVar[Form] = "local"
    window: int = 10

    def validate_window(self) -> None:
        """Part of `@strict`'s validation: the nearest place always lies inside."""
        if self.window < 1:
            raise ValueError(f"window should be 1 or more, but is {self.window}")


class Window(NamedTuple):
    """centre: p_t, a real position [batch]; inside: bool [batch, source]; closeness: the Gaussian's factor [batch, source]."""

    centre: Tensor
    inside: Tensor
    closeness: Tensor


class LocalAttention(Attention):
    """p = S sigmoid(v_p . tanh(W_p s)); weights = softmax of the scores in [p - D, p + D], times exp(-(j - p)^2 / 2 (D/2)^2).

    Rows do not sum to 1: the Gaussian is not made up for, as in the paper.
    """

    def __init__(self, config: LocalConfig) -> None:
        super().__init__()
        self.window = config.window
        self.additive = AdditiveScore(config)
        self.place = nn.Sequential(
            nn.Linear(config.hidden_size, config.hidden_size),
            nn.Tanh(),
            nn.Linear(config.hidden_size, 1, bias=False),
        )

    def keys(self, annotations: Tensor) -> Tensor:
        """What of the score does not depend on the step, [batch, source, attention]."""
        return self.additive.key(annotations)

    def forward(self, state: Tensor, source: Source, seen: list[Window] | None = None) -> Look:
        """state: of the writer, [batch, hidden]. seen: is given the window of each step."""
        window = self.look_around(state, source)
        if seen is not None:
            seen.append(window)
        scores = self.additive(state, source.keys).masked_fill(~window.inside, -torch.inf)
        weights = torch.softmax(scores, dim=-1) * window.closeness
        return Look(weights, torch.einsum("bs,bsd->bd", weights, source.annotations))

    def look_around(self, state: Tensor, source: Source) -> Window:
        """Where the writer looks."""
        last = source.mask.sum(1) - 1
        centre = last * torch.sigmoid(self.place(state)[..., 0])
        place = torch.arange(source.mask.shape[1], device=state.device)
        distance = place - centre[:, None]
        inside = (distance.abs() <= self.window) & source.mask
        return Window(centre, inside, torch.exp(-(distance**2) / (2 * (self.window / 2) ** 2)))


class LocalModel(RecurrentModel):
    config_class = LocalConfig

    def __init__(self, config: LocalConfig) -> None:
        super().__init__(config)
        self.attention = LocalAttention(config)
        self.post_init()


AutoConfig.register(LocalConfig.model_type, LocalConfig, exist_ok=True)
AutoModelForSeq2SeqLM.register(LocalConfig, LocalModel, exist_ok=True)
