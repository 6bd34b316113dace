"""Attention that is no scaled dot product, told to the tap by the model itself: watched and gated as every other call.

A recurrent decoder attends once a step, each step reading what the step before gave. All steps of a pass are one call.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from models.run.default_dtype import default_dtype_kept
from models.run.records import FinishedPatterns
from models.run.tap import current_tap


def tells_its_attention(module: object) -> bool:
    """Whether a class tells the tap of its attention itself, by `OwnCall`."""
    return getattr(type(module), "tells_its_attention", False)


class OwnCall:
    """One attention call of a forward pass, begun before its first step."""

    def __init__(self) -> None:
        self._tap, self._gate = current_tap(), None
        if self._tap is not None:
            self._gate = self._tap.gates.get(self._tap.calls)
            self._tap.calls += 1

    def gated(
        self, output: Float[Tensor, "batch query head d_value"], first: int = 0
    ) -> Float[Tensor, "batch query head d_value"]:
        """What goes on from the heads' outputs: as they are, or with those replaced that are switched off.

        first: which of the call's queries the first of these is.
        """
        return output if self._gate is None else self._gate(output, first)

    def tell(
        self,
        module: nn.Module,
        pattern: Float[Tensor, "batch head query key"],
        output: Float[Tensor, "batch query head d_value"],
    ) -> None:
        """Tell who watches what was attended to, and the outputs before any gate."""
        if self._tap is not None and self._tap.observer is not None:
            with default_dtype_kept():
                self._tap.observer(module, FinishedPatterns(pattern[0]), output)
