"""How much memory could be taken now: what the system has left, and what the container lets this process have."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import torch

SYSTEM = Path("/")


def free_bytes(device: torch.device, system: Path = SYSTEM) -> int | None:
    """Bytes that could be taken on a device now, None where nobody says. system: where /proc and /sys lie.

    CUDA: what the card has left, and what PyTorch keeps of it unused. Elsewhere the memory that Linux could make available
    (proc(5), MemAvailable), or what the control groups of this process leave of their limits if that is less (a
    container's); all memory that there is on other systems.
    """
    if device.type == "cuda":
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + kept
    available = _available(system)
    if available is None:
        return _whole_memory()
    return min([available, *_left_in_groups(system)])


def _available(system: Path) -> int | None:
    named = (
        line.split()
        for line in _text(system / "proc/meminfo").splitlines()
        if line.startswith("MemAvailable:")
    )
    return next((int(words[1]) * 1024 for words in named), None)


def _whole_memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def _left_in_groups(system: Path) -> Iterator[int]:
    """What each control group above this process leaves; cgroups(7), in both of its versions."""
    for line in _text(system / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers:
            root, names = system / "sys/fs/cgroup", ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            root = system / "sys/fs/cgroup/memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        own = root / path.strip("/")
        for group in (own, *own.parents):
            left = _left(group, *names)
            if left is not None:
                yield left
            if group == root:
                break


def _left(group: Path, limit: str, usage: str, idle: str) -> int | None:
    """Of one group's limit; files that were read once and could be let go do not count as used. None without a limit."""
    most, used = _text(group / limit).strip(), _text(group / usage).strip()
    if not most.isdecimal() or not used.isdecimal():
        return None
    pairs = (line.split() for line in _text(group / "memory.stat").splitlines())
    given_back = sum(int(words[1]) for words in pairs if len(words) == 2 and words[0] == idle)
    return max(int(most) - max(int(used) - given_back, 0), 0)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def short_of_memory(needed_bytes: float, device: torch.device, share: float) -> int | None:
    """The one check before memory is taken: the free bytes, where more than `share` of them would be needed.

    None where so much can be taken, or where the system does not say what is free.
    """
    free = free_bytes(device)
    return free if free is not None and needed_bytes > share * free else None
