"""What a device can do at most: operations and bytes a second."""

from __future__ import annotations

from dataclasses import dataclass

DISTURBED = 0.25


@dataclass(frozen=True, slots=True)
class Peaks:
    """flops_per_s: multiplications and additions, each counted by itself. bytes_per_s: of a copy, read and written together;
    read_bytes_per_s: of a sum, which only reads, as a decode step does with weights and cache; None where it was not
    measured. source: "measured" here, or where the numbers were published. spread: by how much the usual repeat took longer
    than the quickest one, as a share of it, where they differed most.
    """

    flops_per_s: float
    bytes_per_s: float
    device: str
    dtype: str
    threads: int | None = None
    source: str = "measured"
    read_bytes_per_s: float | None = None
    spread: float = 0.0

    @property
    def memory_bytes_per_s(self) -> float:
        """The roof of memory for a pass, which reads much more than it writes: the quicker of both, each being a lower bound
        of what memory gives."""
        return max(self.bytes_per_s, self.read_bytes_per_s or 0.0)

    @property
    def ridge(self) -> float:
        """Operations a byte from which arithmetic, not memory, sets the limit."""
        return self.flops_per_s / self.memory_bytes_per_s

    @property
    def disturbed(self) -> bool:
        """Whether repeats differed by more than a quarter: the device was busy, and the peaks may be higher."""
        return self.spread > DISTURBED
