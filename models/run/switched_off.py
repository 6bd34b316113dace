"""Which heads were off in a run, as it is told with what the run gave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from models.shape.removed_heads import Head

StoodIn = Literal["zero", "mean", "resample", "given", "unknown"]


@dataclass(frozen=True, slots=True)
class SwitchedOff:
    """heads: (layer, head). stack: whose they are, None where nothing says it.

    stood_in: what stood for their outputs: "zero", "mean" or "resample" as in `ablate`, "given" for outputs of the caller's
    own, "unknown" in a capture whose file is older than this record. source: what these outputs were worked out on, in a few
    words. hops: those of a memory network that were off, counted from 0. Raises ValueError for anything else.
    """

    heads: tuple[Head, ...] = ()
    stack: str | None = None
    stood_in: StoodIn = "zero"
    source: str = ""
    hops: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        source: Any = self.source  # of a file that a stranger may have written
        if self.stood_in not in get_args(StoodIn) or not isinstance(source, str):
            raise ValueError(f"expected one of {get_args(StoodIn)}, got {self.stood_in!r}")
