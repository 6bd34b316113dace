"""What stands in a layer all of whose heads were removed."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import Cache


class NoHeads(nn.Module):
    """Writes what attention without heads writes: nothing, or the bias of its output projection.

    output: that projection, whose matrix has no width left, under the name that it has in the class; None where another
    module applies it (BERT), which then reads vectors without width.
    """

    def __init__(self, layer: int, output: tuple[str, nn.Module] | None = None) -> None:
        super().__init__()
        self.layer_idx = layer
        self.output_name = None if output is None else output[0]
        if output is not None:
            self.add_module(*output)

    def forward(
        self, hidden_states: Tensor, *_: Any, past_key_values: Cache | None = None, **__: Any
    ) -> tuple[Tensor, None]:
        """hidden_states [batch, pos, d_model]; what is written [batch, pos, d_model], or [batch, pos, 0]."""
        if past_key_values is not None:
            # transformers takes a cache's length from one layer, the first one of its kind: it must be right in this too.
            mark = hidden_states.new_zeros(hidden_states.shape[0], 1, hidden_states.shape[1], 1)
            cache: Any = past_key_values
            cache.update(mark, mark[..., :0], self.layer_idx)
        if self.output_name is None:
            return hidden_states.new_zeros(*hidden_states.shape[:-1], 0), None
        projection: Any = self.get_submodule(self.output_name)
        bias: Tensor | None = projection.bias
        written = torch.zeros_like(hidden_states)
        return (written if bias is None else written + bias), None
