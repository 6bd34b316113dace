"""A device's peaks, measured: what they are worked out from, never how large they are."""

import pytest
import torch

from models.errors import BadSelection
from models.measuring import roofline
from models.measuring.roofline import device_peaks


def test_peaks_follow_from_sizes_and_seconds(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(roofline._SIZES, "cpu", (64, 4096))
    monkeypatch.setattr(roofline, "_quickest", lambda job, device: (job(), 0.5)[1])
    told: list[str] = []
    peaks = device_peaks("cpu", progress=lambda message, _: told.append(message))
    assert peaks.flops_per_s == 2 * 64**3 / 0.5
    assert peaks.bytes_per_s == 2 * 4096 / 0.5
    assert peaks.ridge == 64**3 / 4096
    assert (peaks.device, peaks.dtype, peaks.threads) == ("cpu", "float32", torch.get_num_threads())
    assert peaks.source == "measured"
    assert told[-1] == "Measured"


def test_really_measured(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(roofline._SIZES, "cpu", (64, 4096))
    peaks = device_peaks()
    assert 0 < peaks.flops_per_s < float("inf")
    assert 0 < peaks.bytes_per_s < float("inf")


def test_an_unknown_device_is_refused():
    with pytest.raises(BadSelection, match="cuda:99"):
        device_peaks("cuda:99")
