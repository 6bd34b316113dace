"""How much memory a run takes beyond what stood before it."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
import threading
from pathlib import Path
from typing import Any, Literal

import torch

PeakIs = Literal["allocator", "resident set", "unknown"]
SAMPLE_S = 0.002


class Peak:
    """Inside of `with`, watches the memory of one run; `bytes` afterwards, None where the system does not tell.

    On CUDA the allocator's own high-water mark. On a CPU the growth of the process's resident set (Linux), looked at every
    two milliseconds by a thread: what other work of the process takes meanwhile counts too, and a block that was
    taken and given back between two looks does not.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.bytes: int | None = None
        self.is_of: PeakIs = "allocator" if device.type == "cuda" else _resident_or_unknown(device)
        self._over = threading.Event()
        self._highest = self._before = 0

    def __enter__(self) -> Peak:
        gc.collect()
        if self.is_of == "allocator":
            torch.cuda.synchronize(self._device)
            torch.cuda.reset_peak_memory_stats(self._device)
            self._before = torch.cuda.memory_allocated(self._device)
        elif self.is_of == "resident set":
            _hand_back()
            self._before = self._highest = _resident()
            self._watcher = threading.Thread(target=self._watch, name="resident-set", daemon=True)
            self._watcher.start()
        return self

    def __exit__(self, *_: Any) -> None:
        if self.is_of == "allocator":
            torch.cuda.synchronize(self._device)
            self.bytes = torch.cuda.max_memory_allocated(self._device) - self._before
        elif self.is_of == "resident set":
            self._over.set()
            self._watcher.join()
            self.bytes = max(self._highest, _resident()) - self._before

    def _watch(self) -> None:
        while not self._over.wait(SAMPLE_S):
            self._highest = max(self._highest, _resident())


def _resident_or_unknown(device: torch.device) -> PeakIs:
    return "resident set" if device.type == "cpu" and sys.platform == "linux" else "unknown"


def _resident() -> int:
    """Bytes of this process in memory; proc(5), statm."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _hand_back() -> None:
    """What the C library keeps for later goes back to the system, or a run that reuses it would seem to need nothing."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's alone
    if trim is not None:
        trim(0)
