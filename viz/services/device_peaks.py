"""What this server's devices can do at most, measured once and kept for all visitors."""

from __future__ import annotations

from collections.abc import Hashable

import streamlit as st
import torch

import models
from models.loading.placement import choose_device, choose_dtype
from models.progress import Progress


class _Peaks:
    """The last measurement of each device and number format: a handful, and a few numbers each."""

    def __init__(self) -> None:
        self.found: dict[Hashable, models.Peaks] = {}


@st.cache_resource(show_spinner=False)
def _kept() -> _Peaks:
    return _Peaks()


def known_peaks(device: str, dtype: str) -> models.Peaks | None:
    """What has been measured, None where nothing has."""
    return _kept().found.get(_place(device, dtype))


def measure_peaks(device: str, dtype: str, progress: Progress = models.no_progress) -> models.Peaks:
    """Measure now, a second or two; it takes the place of what was measured before. Waits its turn."""
    place, number = _place(device, dtype)
    found = models.device_peaks(place, number, progress=progress)
    _kept().found[place, number] = found
    return found


def _place(device: str, dtype: str) -> tuple[str, torch.dtype]:
    place = choose_device(device)
    return str(place), choose_dtype(dtype, place)
