"""What a device can do at most, measured here: a matrix product for its arithmetic, a copy for its memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from models.measuring.run import wait
from models.measuring.turn import TURNS
from models.placement import choose_device
from models.progress import Progress, no_progress

REPEATS = 7
# Large enough to leave every cache, and done within a second: a product of [n, n] matrices, a copy of so many bytes.
_SIZES = {"cpu": (1024, 128_000_000), "cuda": (8192, 2_000_000_000), "mps": (4096, 500_000_000)}


@dataclass(frozen=True, slots=True)
class Peaks:
    """flops_per_s: multiplications and additions, each counted by itself. bytes_per_s: read and written together. source:
    "measured" here, or where the numbers were published."""

    flops_per_s: float
    bytes_per_s: float
    device: str
    dtype: str
    threads: int | None = None
    source: str = "measured"

    @property
    def ridge(self) -> float:
        """Operations a byte from which arithmetic, not memory, sets the limit."""
        return self.flops_per_s / self.bytes_per_s


def device_peaks(
    device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32, progress: Progress = no_progress
) -> Peaks:
    """The best of several repeats each, on the threads that PyTorch has now; a second or two. Waits its turn as `measure`."""
    place = choose_device(str(device))
    width, size = _SIZES.get(place.type, _SIZES["cpu"])
    with TURNS.mine(progress):
        progress("A matrix product, for the peak of arithmetic", 0.0)
        a, b = (torch.randn(width, width, device=place).to(dtype) for _ in range(2))
        product = _quickest(lambda: a @ b, place)
        progress("A copy, for the peak of memory", 0.5)
        source = torch.zeros(size // dtype.itemsize, dtype=dtype, device=place)
        target = torch.empty_like(source)
        copy = _quickest(lambda: target.copy_(source), place)
        progress("Measured", 1.0)
    return Peaks(
        flops_per_s=2 * width**3 / product,
        bytes_per_s=2 * source.nbytes / copy,
        device=str(place),
        dtype=str(dtype).removeprefix("torch."),
        threads=torch.get_num_threads() if place.type == "cpu" else None,
    )


def _quickest(job: Callable[[], object], device: torch.device) -> float:
    """Seconds; the first run warms up."""
    seconds = []
    for _ in range(1 + REPEATS):
        wait(device)
        started = time.perf_counter()
        job()
        wait(device)
        seconds.append(time.perf_counter() - started)
    return min(seconds[1:])
