"""A zoo of tiny random models, one row a class, and what transformers' own eager attention says about each.

Sizes differ wherever a class allows it (6 heads, 2 key-value heads, 10 dimensions a head, 48 of the model, 13 tokens), so
that a swapped axis cannot pass; weights are large and biases, norms and sinks are not at rest, so that attention is far
from uniform and a forgotten term shows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
    PreTrainedModel,
)
from transformers.pytorch_utils import Conv1D

VOCABULARY, TEXT, TARGET = 131, 13, 9
AUTO: dict[str, Any] = {
    "causal": AutoModelForCausalLM,
    "masked": AutoModelForMaskedLM,
    "seq2seq": AutoModelForSeq2SeqLM,
    "bare": AutoModel,
}
# State-space and convolution parameters have ranges of their own: left as their class made them.
LEFT_ALONE = re.compile(r"A_log|conv|dt_|rglru|recurrent_param|position_bias$")


@dataclass(frozen=True)
class Row:
    """One class.

    auto: which auto class builds it. stacks: {stack: heads of each layer}, what must be found.
    route: "registry", "eager" (the class computes attention itself) or "refused" (a clear error naming the class).
    gain: scale of the weight matrices; about 1.6 gives attention between uniform and one-hot in most classes.
    """

    name: str
    model_type: str
    auto: str
    config: dict[str, Any] = field(hash=False)
    stacks: dict[str, list[int]] = field(default_factory=dict, hash=False)
    route: str = "registry"
    gain: float = 1.6

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Reference:
    """What transformers' eager attention returns: per stack a list over layers of [batch, head, query, key], and logits."""

    patterns: dict[str, list[Tensor]]
    logits: Tensor


def build(row: Row) -> PreTrainedModel:
    """The row's model under eager attention, always with the same weights."""
    torch.manual_seed(11)
    config = AutoConfig.for_model(row.model_type, **row.config)
    module = AUTO[row.auto].from_config(config, attn_implementation="eager").float().eval()
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, weight in module.named_parameters():
            noise = torch.randn(weight.shape, generator=generator)
            owner = module.get_submodule(name.rpartition(".")[0])
            if LEFT_ALONE.search(name):
                continue
            if weight.ndim < 2:
                weight.add_(0.2 * noise)
            elif isinstance(owner, nn.Embedding):
                weight.copy_(noise)
            else:
                weight.copy_(noise * row.gain / weight.shape[0 if isinstance(owner, Conv1D) else -1] ** 0.5)
    return module.requires_grad_(False)


def inputs(row: Row, batch: int = 1) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(5)
    ids = torch.randint(5, VOCABULARY, (batch, TEXT), generator=generator)
    given = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    if row.auto == "seq2seq":
        given["decoder_input_ids"] = torch.randint(5, VOCABULARY, (batch, TARGET), generator=generator)
    return given


@torch.no_grad()
def forward(row: Row, module: PreTrainedModel, given: dict[str, Tensor], **extra: Any) -> Any:
    if row.auto != "masked":
        extra["use_cache"] = False
    return module(**given, **extra)


def logits(output: Any) -> Tensor:
    """Logits, or the last hidden state of a class without a language head."""
    return output.logits if getattr(output, "logits", None) is not None else output[0]


def reference(row: Row, module: PreTrainedModel, given: dict[str, Tensor]) -> Reference:
    """transformers' own answer for a module under eager attention.

    What the tuples hold was checked class by class: DiffLlama's has the first of a layer's two equal calls, LongCat's two
    entries a layer, ALBERT's one for every use of the shared layer, gpt-oss' rows sum to less than one (the sink's share
    is dropped), hybrids' have the attention layers only. MiniMax alone mixes the states of its linear-attention layers
    in, [batch, head, d_head, d_head]: told apart by their shape and left out.
    """
    output = forward(row, module, given, output_attentions=True)
    text = given["input_ids"].shape[1]
    if row.auto == "seq2seq":
        target = given["decoder_input_ids"].shape[1]
        fields = {
            "encoder": ("encoder_attentions", (text, text)),
            "decoder": ("decoder_attentions", (target, target)),
            "cross": ("cross_attentions", (target, text)),
        }
    else:
        fields = dict.fromkeys(row.stacks, ("attentions", (text, text)))
    patterns = {
        stack: [item for item in getattr(output, name) if item is not None and item.shape[-2:] == size]
        for stack, (name, size) in fields.items()
        if stack in row.stacks
    }
    return Reference(patterns, logits(output))


def entropy(pattern: Tensor) -> float:
    """Mean entropy of the rows over that of a uniform look at the same keys: 0 is one-hot, 1 uniform."""
    seen = (pattern > 0).sum(-1)
    rows = seen > 2
    weights = pattern[rows] / pattern[rows].sum(-1, keepdim=True).clamp(min=1e-30)
    spread = -(weights * weights.clamp(min=1e-30).log()).sum(-1)
    return (spread / seen[rows].float().log()).mean().item()
