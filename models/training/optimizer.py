"""Muon for the matrices inside the layers, AdamW for everything else, as one optimizer.

torch.optim.Muon orthogonalizes in bfloat16, which processors without bfloat16 units compute some thirty times slower than
float32; here it is done in float32 there, for all matrices of one shape at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from models.training.recipe import Recipe

# Newton-Schulz coefficients and the scale that gives an update AdamW's size: Jordan et al. 2024, "Muon", and Liu et al.
# 2025 (arXiv 2502.16982), equation 4.
_A, _B, _C = 3.4445, -4.7750, 2.0315
_ITERATIONS = 5
_SCALE = 0.2
_MOMENTUM = 0.95


class Muon(Optimizer):
    """Momentum whose update is made orthogonal; for matrices alone."""

    def __init__(self, matrices: list[nn.Parameter], lr: float | Tensor, weight_decay: float) -> None:
        super().__init__(matrices, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """One update of every matrix that has a gradient."""
        loss = None if closure is None else closure()
        for group in self.param_groups:
            for matrices in self._by_shape(group["params"]).values():
                updates = orthogonal(torch.stack([self._momentum(matrix) for matrix in matrices]))
                scale = _SCALE * max(matrices[0].shape) ** 0.5
                for matrix, update in zip(matrices, updates, strict=True):
                    matrix.mul_(1 - group["lr"] * group["weight_decay"])
                    matrix.sub_(update.to(matrix.dtype) * (group["lr"] * scale))
        return loss

    @staticmethod
    def _by_shape(parameters: list[nn.Parameter]) -> dict[torch.Size, list[nn.Parameter]]:
        shapes: dict[torch.Size, list[nn.Parameter]] = defaultdict(list)
        for matrix in parameters:
            if matrix.grad is not None:
                shapes[matrix.shape].append(matrix)
        return shapes

    def _momentum(self, matrix: nn.Parameter) -> Tensor:
        """Nesterov momentum of the matrix's gradient."""
        state, grad = self.state[matrix], matrix.grad
        assert grad is not None
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(matrix)
        state["momentum"].lerp_(grad, 1 - _MOMENTUM)
        return grad.lerp(state["momentum"], _MOMENTUM)


def orthogonal(updates: Tensor) -> Tensor:
    """The nearest orthogonal matrix of each, roughly: all singular values between 0.7 and 1.2. [matrix, row, column]"""
    tall = updates.shape[1] > updates.shape[2]
    made = updates.mT if tall else updates
    made = made.bfloat16() if made.is_cuda else made.float()
    made = made / (made.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(_ITERATIONS):
        gram = made @ made.mT
        made = torch.baddbmm(made, torch.baddbmm(gram, gram, gram, beta=_B, alpha=_C), made, beta=_A)
    return made.mT if tall else made


class MuonAdamW(Optimizer):
    """Both, behind one face: their groups share one list, so that a scheduler moves both.

    capturable: a step can be recorded in a CUDA graph; then the groups' rates are tensors, to be filled.
    """

    def __init__(self, model: nn.Module, recipe: Recipe, capturable: bool = False) -> None:
        vocabulary = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
        named = [p for p in model.parameters() if p.requires_grad]
        matrices = [p for p in named if p.ndim == 2 and id(p) not in vocabulary]
        rest = [p for p in named if p.ndim != 2 or id(p) in vocabulary]
        rates: list[Any] = [recipe.matrix_rate, recipe.rate]
        if capturable:
            rates = [torch.tensor(rate, device=rest[0].device) for rate in rates]
        self.parts: tuple[Optimizer, Optimizer] = (
            Muon(matrices, rates[0], recipe.weight_decay),
            AdamW(rest, rates[1], betas=(0.9, 0.95), weight_decay=0.0, fused=True, capturable=capturable),
        )
        super().__init__([*matrices, *rest], {})
        self._share()

    def _share(self) -> None:
        self.param_groups = [group for part in self.parts for group in part.param_groups]

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """One update of every parameter that has a gradient."""
        loss = None if closure is None else closure()
        for part in self.parts:
            part.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """The state of both."""
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the state of both."""
        for part, state in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self._share()
