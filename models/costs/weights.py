"""How large a model's weights are, counted on its skeleton: transformers builds the model without any numbers in it."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedConfig, PreTrainedModel

from models.errors import HeadlightError, UnsupportedModel
from models.quiet_transformers import quiet_transformers
from models.run.default_dtype import default_dtype_changed
from models.run.head_surgery import smaller_class
from models.shape.architecture import architecture

_NUMBER = re.compile(r"(?<=\.)\d+(?=\.)")
_ROUTED = re.compile(r"(^|\.)(experts|input_linear|output_linear)(\.|$)")
_CHOSEN = ("num_experts_per_tok", "num_experts_per_token", "moe_topk", "moe_top_k", "top_k_experts")


@dataclass(frozen=True, slots=True)
class WeightPart:
    """Equal matrices of all layers. name: with * for the layer; count: how many there are, each of `shape`."""

    name: str
    count: int
    shape: tuple[int, ...]

    @property
    def parameters(self) -> int:
        """Of all of them together."""
        return self.count * prod(self.shape)


@dataclass(frozen=True, slots=True)
class Weights:
    """Parameters, counted. total: each tensor once, also where two parts share it.

    read: that one token's pass reads, with its own row of the embedding and the experts that it is sent to; None
    where it is not known how many experts those are. multiplied: that one token is multiplied with, without the
    language head, which only tokens need whose successor is asked for; head: that head's. routed: in experts
    among which tokens are divided, `chosen` of `experts` for each.
    """

    parts: tuple[WeightPart, ...]
    total: int
    read: int | None
    multiplied: int | None
    head: int
    routed: int = 0
    experts: int = 0
    chosen: int | None = None

    def read_by(self, tokens: int) -> int | None:
        """Parameters that a pass over so many tokens reads: each token's experts may be others, until all are read."""
        if self.read is None or not self.experts or self.chosen is None:
            return self.read
        shared = self.read - self.routed * self.chosen // self.experts
        return shared + self.routed * min(self.chosen * tokens, self.experts) // self.experts


def skeleton(config: PreTrainedConfig) -> PreTrainedModel:
    """The model of that config on the meta device: shapes without numbers, so that any size is built at once."""
    kind = architecture(config).module_class
    try:
        with quiet_transformers(), torch.device("meta"), default_dtype_changed(torch.float32):
            made: Any = smaller_class(kind, config)
            return made._from_config(config, dtype=torch.float32)
    except HeadlightError:
        raise
    except Exception as error:
        said = str(error).strip().split("\n")[0][:200] or type(error).__name__
        raise UnsupportedModel(
            f"The numbers of this config do not make a {kind.__name__} ({said}); check them against the model's own config."
        ) from None


def count_weights(module: nn.Module, config: PreTrainedConfig) -> Weights:
    """Count the parameters of a module, or of its skeleton."""
    text = config.get_text_config(decoder=True)
    named = dict(module.named_parameters())
    routed = {name: weight for name, weight in named.items() if _is_routed(name, weight)}
    experts = _experts(routed, text)
    chosen = next((value for key in _CHOSEN if isinstance(value := getattr(text, key, None), int)), None)
    tables, head = _embeddings(module), _head(module)
    total, in_routed = _sum(named.values()), _sum(routed.values())
    # A part that is used in several layers (Zamba's one attention block) is multiplied with in each of them.
    used = dict(module.named_parameters(remove_duplicate=False))
    matrices = {name: weight for name, weight in used.items() if weight.ndim > 1 and name not in tables}
    multiplied = _sum(weight for name, weight in matrices.items() if weight is not head)
    if in_routed and (chosen is None or not experts):
        return Weights(_parts(named), total, None, None, _numel(head), in_routed, experts)
    idle = in_routed - in_routed * (chosen or 0) // experts if experts else 0
    rows = [weight for name, weight in named.items() if name in tables and weight is not head]
    unread = sum(weight.numel() - weight.shape[-1] for weight in rows)
    return Weights(
        _parts(named),
        total,
        total - idle - unread,
        multiplied - idle,
        _numel(head),
        in_routed,
        experts,
        chosen if experts else None,
    )


def _is_routed(name: str, weight: torch.Tensor) -> bool:
    """Experts that stand side by side in one tensor, or each in a module of its own; not those that all tokens pass."""
    found = _ROUTED.search(name)
    return found is not None and (weight.ndim == 3 or (found[2] == "experts" and ".experts." in name))


def _experts(routed: dict[str, Any], text: PreTrainedConfig) -> int:
    stacked = Counter(weight.shape[0] for weight in routed.values() if weight.ndim == 3)
    if stacked:
        return stacked.most_common(1)[0][0]
    names = ("n_routed_experts", "num_local_experts", "num_experts")
    return (
        next((value for key in names if isinstance(value := getattr(text, key, None), int)), 0)
        if routed
        else 0
    )


def _embeddings(module: nn.Module) -> set[str]:
    """Names of tables that a token takes a row of, and is not multiplied with."""
    return {f"{path}.weight" for path, part in module.named_modules() if isinstance(part, nn.Embedding)}


def _head(module: nn.Module) -> torch.Tensor | None:
    given = getattr(module, "get_output_embeddings", lambda: None)()
    return getattr(given, "weight", None)


def _parts(named: dict[str, Any]) -> tuple[WeightPart, ...]:
    shapes = ((_NUMBER.sub("*", name), tuple(weight.shape)) for name, weight in named.items())
    return tuple(WeightPart(name, count, shape) for (name, shape), count in Counter(shapes).items())


def _sum(weights: Any) -> int:
    return sum(weight.numel() for weight in weights)


def _numel(weight: torch.Tensor | None) -> int:
    return 0 if weight is None else weight.numel()
