"""What a device can do at most, measured here: a matrix product for its arithmetic, a copy and a sum for its memory."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from models.measuring.run import wait
from models.measuring.turn import TURNS
from models.placement import choose_device
from models.progress import Progress, no_progress

REPEATS = 7
# Large enough to leave every cache, and done within a second: a product of [n, n] matrices, a copy of so many bytes.
_SIZES = {"cpu": (1024, 128_000_000), "cuda": (8192, 2_000_000_000), "mps": (4096, 500_000_000)}


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


def device_peaks(
    device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32, progress: Progress = no_progress
) -> Peaks:
    """The best of several repeats each, on the threads that PyTorch has now; a second or two. Waits its turn as `measure`."""
    place = choose_device(str(device))
    width, size = _SIZES.get(place.type, _SIZES["cpu"])
    with TURNS.mine(progress):
        progress("A matrix product, for the peak of arithmetic", 0.0)
        a, b = (torch.randn(width, width, device=place).to(dtype) for _ in range(2))
        product = _repeated(lambda: a @ b, place)
        # Written once: pages that nobody has written are all one page of zeros, which stays in the cache.
        source = torch.ones(size // torch.float32.itemsize, device=place)
        target = torch.ones_like(source)
        progress("A copy, for the peak of memory", 0.4)
        copied = _repeated(lambda: target.copy_(source), place)
        progress("A sum, for the peak of reading", 0.7)
        summed = _repeated(source.sum, place)
        progress("Measured", 1.0)
    return Peaks(
        flops_per_s=2 * width**3 / min(product),
        bytes_per_s=2 * source.nbytes / min(copied),
        device=str(place),
        dtype=str(dtype).removeprefix("torch."),
        threads=torch.get_num_threads() if place.type == "cpu" else None,
        read_bytes_per_s=source.nbytes / min(summed),
        spread=max(map(_spread, (product, copied, summed))),
    )


def _repeated(job: Callable[[], object], device: torch.device) -> list[float]:
    """Seconds of each repeat; a run before them warms up."""
    seconds = []
    for _ in range(1 + REPEATS):
        wait(device)
        started = time.perf_counter()
        job()
        wait(device)
        seconds.append(time.perf_counter() - started)
    return seconds[1:]


def _spread(seconds: Sequence[float]) -> float:
    return statistics.median(seconds) / min(seconds) - 1
