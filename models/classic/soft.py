"""Soft attention: before each step the writer looks at all of the text at once, at some places more than at others.

Source: Bahdanau et al. 2014 (arXiv 1409.0473), section 3.1 and appendix A.1.2: "additive" attention.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from huggingface_hub.dataclasses import strict
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForSeq2SeqLM

from models.classic.recurrent import Attention, Look, RecurrentConfig, RecurrentModel, Source
from models.shape.attention_geometry import Form


class AdditiveScore(nn.Module):
    """score(s, h) = v . tanh(W s + U h): how well a state of the writer and an annotation match."""

    def __init__(self, config: RecurrentConfig) -> None:
        super().__init__()
        self.query = nn.Linear(config.hidden_size, config.attention_size)
        self.key = nn.Linear(config.hidden_size, config.attention_size, bias=False)
        self.score = nn.Linear(config.attention_size, 1, bias=False)

    def forward(self, state: Tensor, keys: Tensor) -> Tensor:
        """state [batch, hidden], keys [batch, source, attention], which are U h; scores [batch, source]."""
        return self.score(torch.tanh(self.query(state)[:, None] + keys))[..., 0]


class SoftAttention(Attention):
    """alpha = softmax(scores), context = sum of alpha_j h_j."""

    def __init__(self, config: RecurrentConfig) -> None:
        super().__init__()
        self.additive = AdditiveScore(config)

    def keys(self, annotations: Tensor) -> Tensor:
        """What of the score does not depend on the step, [batch, source, attention]."""
        return self.additive.key(annotations)

    def forward(self, state: Tensor, source: Source) -> Look:
        """state: of the writer, [batch, hidden]."""
        scores = self.additive(state, source.keys).masked_fill(~source.mask, -torch.inf)
        weights = torch.softmax(scores, dim=-1)
        return Look(weights, torch.einsum("bs,bsd->bd", weights, source.annotations))


@strict
class SoftConfig(RecurrentConfig):
    model_type = "headlight_soft"
    attention_form: ClassVar[Form] = "additive"


class SoftModel(RecurrentModel):
    config_class = SoftConfig

    def __init__(self, config: SoftConfig) -> None:
        super().__init__(config)
        self.attention = SoftAttention(config)
        self.post_init()


AutoConfig.register(SoftConfig.model_type, SoftConfig, exist_ok=True)
AutoModelForSeq2SeqLM.register(SoftConfig, SoftModel, exist_ok=True)
