"""What one attention call is changed by: a gate on its heads' outputs, a cut through what they read."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Gate:
    """On the output of one attention call.

    keep: 1 for a head that stays and 0 for one that is switched off, [head], or [batch, head] for a run of its own in each
    row. instead: what stands for the latter's output, [pos | 1, head, d_value], begun again where the text is longer.
    queries: at which queries it stands (of a memory network: in which hops); None for all.
    """

    keep: Tensor
    instead: Tensor | None = None
    queries: tuple[int, ...] | None = None

    def repeated(self, rows: int) -> Gate:
        """The same for each of so many rows."""
        return Gate(self.keep.repeat(rows, 1), self.instead, self.queries)

    def __call__(self, output: Tensor, first: int = 0) -> Tensor:
        """output: [batch, query, head, d_value]; first: the position of its first query."""
        gated = self._everywhere(output, first)
        if self.queries is None:
            return gated
        own = [place in self.queries for place in range(first, first + output.shape[1])]
        return torch.where(
            torch.tensor(own, dtype=torch.bool, device=output.device)[:, None, None], gated, output
        )

    def _everywhere(self, output: Tensor, first: int) -> Tensor:
        keep = self.keep.to(output)
        keep = keep[None, None, :, None] if keep.ndim == 1 else keep[:, None, :, None]
        if self.instead is None:
            return output * keep
        rows = torch.arange(first, first + output.shape[1], device=self.instead.device) % len(self.instead)
        return output * keep + self.instead[rows].to(output) * (1 - keep)


@dataclass(frozen=True, slots=True)
class Cut:
    """The cuts of one attention call as tensors.

    keep: factor per latent dimension [kv_lora_rank]; basis: orthonormal columns to project out [kv_lora_rank, n];
    rotary: how many of the key's last places are set to zero.
    """

    keep: Tensor | None
    basis: Tensor | None
    rotary: int

    def latent(self, latent: Tensor) -> Tensor:
        """Latents [..., kv_lora_rank] less what is cut."""
        if self.keep is not None:
            latent = latent * self.keep.to(latent)
        if self.basis is not None:
            basis = self.basis.to(latent)
            latent = latent - (latent @ basis) @ basis.T
        return latent

    def key(self, key: Tensor) -> Tensor:
        """Keys [..., d_head] less their rotary part, where that is cut."""
        if not self.rotary:
            return key
        content = key.shape[-1] - self.rotary
        return torch.cat([key[..., :content], torch.zeros_like(key[..., content:])], dim=-1)
