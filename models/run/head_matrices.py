"""In which matrices each class of model keeps its heads: a row a class, and nothing is guessed about another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from torch import nn
from transformers import PreTrainedConfig

from models.errors import UnsupportedModel
from models.run.named_parts import named_parts
from models.run.no_heads import NoHeads


@dataclass(frozen=True, slots=True)
class Part:
    """One matrix of an attention module.

    path: where, from the module. side: "out" where heads are what it puts out, "in" where they are what it reads.
    unit: of which heads. times: how often all heads stand in it, one set behind the other (GPT-2's c_attn: q, k and v).
    """

    path: str
    side: Literal["out", "in"] = "out"
    unit: Literal["head", "kv_head"] = "head"
    times: int = 1


@dataclass(frozen=True, slots=True)
class Form:
    """Where one class keeps its heads.

    attention: name of the class that holds all `parts`. caller: path from it to the module that calls the attention
    function. counts, kv_counts, widths: attributes of the caller that say how many heads and key/value heads there are, and
    how wide all heads together are.
    """

    name: str
    attention: str
    parts: tuple[Part, ...]
    caller: str = ""
    counts: tuple[str, ...] = ()
    kv_counts: tuple[str, ...] = ()
    widths: tuple[str, ...] = ()


_OUTPUT = Part("o_proj", "in")
_SEPARATE = (Part("q_proj"), Part("k_proj", unit="kv_head"), Part("v_proj", unit="kv_head"), _OUTPUT)
_BERT = (Part("self.query"), Part("self.key"), Part("self.value"), Part("output.dense", "in"))
# Queries come from their latent (q_b_proj) or, where they are not compressed, from the model (q_proj).
_LATENT = (Part("q_b_proj"), Part("q_proj"), Part("kv_b_proj"), _OUTPUT)
_CONVERTED = (Part("q_proj"), Part("kv_up_proj", unit="kv_head", times=2), _OUTPUT)
_BERT_ATTRIBUTES: dict[str, Any] = {
    "caller": "self",
    "counts": ("num_attention_heads",),
    "widths": ("all_head_size",),
}

FORMS: dict[str, Form] = {
    "llama": Form("Llama", "LlamaAttention", _SEPARATE),
    "mistral": Form("Mistral", "MistralAttention", _SEPARATE),
    "qwen2": Form("Qwen2", "Qwen2Attention", _SEPARATE),
    "qwen3": Form("Qwen3", "Qwen3Attention", _SEPARATE),
    "gpt2": Form(
        "GPT-2",
        "GPT2Attention",
        (Part("c_attn", times=3), Part("c_proj", "in")),
        counts=("num_heads",),
        widths=("split_size",),
    ),
    "bert": Form("BERT", "BertAttention", _BERT, **_BERT_ATTRIBUTES),
    "roberta": Form("RoBERTa", "RobertaAttention", _BERT, **_BERT_ATTRIBUTES),
    "deepseek_v2": Form("DeepSeek-V2", "DeepseekV2Attention", _LATENT, counts=("num_heads",)),
    "deepseek_v3": Form("DeepSeek-V3", "DeepseekV3Attention", _LATENT, counts=("num_heads",)),
    "headlight_mla": Form("converted models", "HeadlightMlaAttention", _CONVERTED, kv_counts=("kv_heads",)),
}


def form_of(config: PreTrainedConfig, name: str) -> Form:
    """Where the model of this config keeps its heads. Raises UnsupportedModel, which names the classes that are known."""
    form = FORMS.get(config.model_type)
    *most, last = (known.name for known in FORMS.values())
    known = f"{', '.join(most)} and {last}"
    if getattr(config, "is_encoder_decoder", False) or getattr(config, "add_cross_attention", False):
        raise UnsupportedModel(
            f"“{name}” attends to a second text, and heads are removed only from models of one stack: choose a decoder or "
            f"an encoder of the classes {known}, or switch heads off without removing them."
        )
    if form is None:
        raise UnsupportedModel(
            f"“{name}” is of the type “{config.model_type}”, and heads can be removed from {known}: choose one of those, or "
            "switch heads off without removing them."
        )
    return form


def attention_modules(module: nn.Module, form: Form) -> list[tuple[str, nn.Module]]:
    """Path and module of the attention of every layer of the original, those without heads too."""
    inside = f".{form.caller}" if form.caller else ""
    return [
        (path, part)
        for path, part in named_parts(module)
        if type(part).__name__ == form.attention or (isinstance(part, NoHeads) and not inside)
    ]
