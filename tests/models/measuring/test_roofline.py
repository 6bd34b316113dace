"""A device's peaks, measured: what they are worked out from, never how large they are."""

import pytest
import torch

from models.errors import BadSelection
from models.measuring import roofline
from models.measuring.roofline import device_peaks


def test_peaks_follow_from_sizes_and_seconds(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(roofline._SIZES, "cpu", (64, 4096))
    seconds = iter([[0.5, 0.5, 0.75], [0.5, 0.5, 0.5], [0.125, 0.25, 0.25]])
    monkeypatch.setattr(roofline, "_repeated", lambda job, device: (job(), next(seconds))[1])
    told: list[str] = []
    peaks = device_peaks("cpu", progress=lambda message, _: told.append(message))
    assert peaks.flops_per_s == 2 * 64**3 / 0.5
    assert peaks.bytes_per_s == 2 * 4096 / 0.5
    assert peaks.read_bytes_per_s == peaks.memory_bytes_per_s == 4096 / 0.125  # the higher of the two
    assert peaks.ridge == 2 * 64**3 / 0.5 / (4096 / 0.125)
    assert peaks.spread == 1.0
    assert peaks.disturbed
    assert (peaks.device, peaks.dtype, peaks.threads) == ("cpu", "float32", torch.get_num_threads())
    assert peaks.source == "measured"
    assert told[-1] == "Measured"


def test_really_measured(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(roofline._SIZES, "cpu", (64, 4096))
    peaks = device_peaks()
    assert 0 < peaks.flops_per_s < float("inf")
    assert 0 < peaks.bytes_per_s < float("inf")


def test_memory_is_read_that_somebody_has_written(monkeypatch: pytest.MonkeyPatch):
    """A buffer of zeros that nobody has touched is one page, whatever its size: reading it measures a cache."""
    monkeypatch.setitem(roofline._SIZES, "cpu", (64, 4096))
    monkeypatch.setattr(torch, "zeros", None)
    read: list[torch.Tensor] = []
    ones = torch.ones
    monkeypatch.setattr(torch, "ones", lambda *given, **named: read.append(ones(*given, **named)) or read[-1])
    peaks = device_peaks(dtype=torch.bfloat16)
    assert peaks.dtype == "bfloat16"
    assert read
    assert all(bool((buffer != 0).all()) for buffer in read)


def test_steady_repeats_are_not_disturbed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(roofline._SIZES, "cpu", (64, 4096))
    monkeypatch.setattr(roofline, "_repeated", lambda job, device: [0.5, 0.55, 0.6])
    peaks = device_peaks()
    assert peaks.spread == pytest.approx(0.1)
    assert not peaks.disturbed
    assert peaks.memory_bytes_per_s == peaks.bytes_per_s == 2 * peaks.read_bytes_per_s  # pyright: ignore


def test_an_unknown_device_is_refused():
    with pytest.raises(BadSelection, match="cuda:99"):
        device_peaks("cuda:99")
