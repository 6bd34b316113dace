"""What a device can do at most, measured here: a matrix product for its arithmetic, a copy and a sum for its memory."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

import torch

from models.costs.peaks import Peaks
from models.loading.placement import choose_device, choose_dtype
from models.measuring.one_at_a_time import TURNS
from models.measuring.timed_run import wait
from models.progress import Progress, no_progress

REPEATS = 7
# Large enough to leave every cache, and done within a second: a product of [n, n] matrices, a copy of so many bytes.
_SIZES = {"cpu": (1024, 128_000_000), "cuda": (8192, 2_000_000_000), "mps": (4096, 500_000_000)}


def device_peaks(
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "auto",
    *,
    progress: Progress = no_progress,
) -> Peaks:
    """The best of several repeats each, on the threads that PyTorch has now; a second or two. Waits its turn as `measure`.

    device, dtype: as in `models.load`; the product is of numbers in that format. Raises BadSelection where there are none such.
    """
    place = choose_device(device)
    number = choose_dtype(dtype, place)
    width, size = _SIZES.get(place.type, _SIZES["cpu"])
    with TURNS.mine(progress):
        progress("A matrix product, for the peak of arithmetic", 0.0)
        a, b = (torch.randn(width, width, device=place, dtype=torch.float32).to(number) for _ in range(2))
        product = _repeated(lambda: a @ b, place)
        # Written once: pages that nobody has written are all one page of zeros, which stays in the cache.
        source = torch.ones(size // torch.float32.itemsize, device=place, dtype=torch.float32)
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
        dtype=str(number).removeprefix("torch."),
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
