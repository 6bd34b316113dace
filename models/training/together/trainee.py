"""One of several models that are trained at once: its weights, its optimizer and its step.

A model this small leaves a large GPU idle between its kernels. There a step is recorded once for each shape of a batch, as
a CUDA graph, and played back on a stream of the model's own, so that the models' kernels run beside each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface, PreTrainedModel

from models.shape.attention_geometry import Kind
from models.training.optimizer import MuonAdamW
from models.training.recipe import Recipe
from models.training.run import fresh_model
from models.training.vocabulary import Tokens

# A name without a mask function: transformers then makes no mask, which it could not do while a graph is recorded.
CAUSAL = "headlight-causal"
WARM_UP = 3  # steps before a graph is recorded, in which libraries take what memory they need


def causal_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attention to what stands before, for whole sequences without padding. query: [batch, head, pos, d_head]."""
    shared = key.shape[1] != query.shape[1]
    mixed = functional.scaled_dot_product_attention(
        query, key, value, is_causal=True, scale=scaling, enable_gqa=shared
    )
    return mixed.transpose(1, 2).contiguous(), None


AttentionInterface.register(CAUSAL, causal_attention)


@dataclass(frozen=True, slots=True)
class _Recorded:
    """A step as a graph, and the batch that it reads."""

    graph: torch.cuda.CUDAGraph
    ids: Tensor
    labels: Tensor


class Trainee:
    """A model, its optimizer and its step. graphs: record the steps as CUDA graphs (on a GPU alone)."""

    def __init__(
        self, kind: Kind, tokens: Tokens, recipe: Recipe, device: torch.device, graphs: bool
    ) -> None:
        self.kind: Kind = kind
        self.recipe, self.device = recipe, device
        self.model: PreTrainedModel = fresh_model(kind, tokens, recipe.seed, attention=CAUSAL)
        nn.Module.to(self.model, device).train()
        self.graphs = graphs and device.type == "cuda"
        self.optimizer = MuonAdamW(self.model, recipe, capturable=self.graphs)
        self.loss = torch.zeros((), device=device)
        self.stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self._recorded: dict[torch.Size, _Recorded] = {}

    def step(self, batch: dict[str, Tensor], share: float) -> None:
        """One step on input_ids and labels, int64 [sequence, pos], at `share` of the full rate. Leaves `loss`, a scalar."""
        with torch.cuda.stream(self.stream):
            self._set_rates(share)
            ids, labels = batch["input_ids"], batch["labels"]
            if not self.graphs:
                self._compute(ids.to(self.device), labels.to(self.device))
                return
            recorded = self._recorded[ids.shape]
            recorded.ids.copy_(ids, non_blocking=True)
            recorded.labels.copy_(labels, non_blocking=True)
            recorded.graph.replay()

    def record(self, shapes: list[tuple[int, int]]) -> None:
        """Record a step for each shape of a batch; before the weights are set, but for their beginning nothing is kept.

        At a rate of nothing the weights stay; what the optimizer remembers is set back.
        """
        if not self.graphs:
            return
        assert self.stream is not None
        pool = torch.cuda.graph_pool_handle()
        for shape in shapes:
            ids = torch.ones(shape, dtype=torch.long, device=self.device)
            labels = ids.clone()
            self.stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self.stream):
                self._set_rates(0.0)
                for _ in range(WARM_UP):
                    self._compute(ids, labels)
            torch.cuda.synchronize()
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, pool=pool, stream=self.stream):
                self._compute(ids, labels)
            self._recorded[ids.shape] = _Recorded(graph, ids, labels)
        for part in self.optimizer.parts:
            for state in part.state.values():
                for kept in state.values():
                    kept.zero_()

    def state(self) -> dict[str, Any]:
        """Weights and what the optimizer remembers of each, to be saved."""
        memory = [[dict(part.state[p]) for p in _parameters(part)] for part in self.optimizer.parts]
        return {"weights": self.model.state_dict(), "memory": memory}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what `state` gave, in the same storage, which the recorded graphs go on to use."""
        self.model.load_state_dict(state["weights"])
        for part, memory in zip(self.optimizer.parts, state["memory"], strict=True):
            for parameter, saved in zip(_parameters(part), memory, strict=True):
                held = part.state[parameter]
                for name, value in saved.items():
                    if name in held:
                        held[name].copy_(value)
                    else:
                        held[name] = value.to(parameter.device, copy=True)

    def _set_rates(self, share: float) -> None:
        full = (self.recipe.matrix_rate, self.recipe.rate)
        for group, rate in zip(self.optimizer.param_groups, full, strict=True):
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate * share)
            else:
                group["lr"] = rate * share

    def _compute(self, ids: Tensor, labels: Tensor) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast(
            self.device.type, torch.bfloat16, enabled=self.device.type == "cuda", cache_enabled=False
        ):
            loss: Tensor = self.model(input_ids=ids, labels=labels, use_cache=False).loss
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.loss.copy_(loss.detach())


def _parameters(part: torch.optim.Optimizer) -> list[nn.Parameter]:
    return [parameter for group in part.param_groups for parameter in group["params"]]
