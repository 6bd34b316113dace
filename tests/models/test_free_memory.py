"""Free memory as Linux and the container's control groups tell it."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from models.errors import UnsupportedModel
from models.free_memory import free_bytes
from models.loading import placement
from tests.sentences import assert_sentence

CPU = torch.device("cpu")
MEMINFO = "MemTotal: 64000000 kB\nMemFree: 100 kB\nMemAvailable: 8000000 kB\n"
AVAILABLE = 8_000_000 * 1024


def system(folder: Path, **files: str) -> Path:
    """A folder with files by their paths, __ standing for a slash."""
    for name, content in ({"proc__meminfo": MEMINFO} | files).items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


def test_what_is_available_counts_not_all_that_there_is(tmp_path: Path):
    assert free_bytes(CPU, system(tmp_path)) == AVAILABLE


@pytest.mark.parametrize(
    ("files", "left"),
    [
        ({"sys__fs__cgroup__memory.max": "3000", "sys__fs__cgroup__memory.current": "1000"}, 2000),
        ({"sys__fs__cgroup__memory.max": "max", "sys__fs__cgroup__memory.current": "1000"}, AVAILABLE),
        ({"sys__fs__cgroup__a__memory.max": "3000", "sys__fs__cgroup__a__memory.current": "1000"}, 2000),
        (
            {
                "sys__fs__cgroup__a__memory.max": "3000",
                "sys__fs__cgroup__a__memory.current": "1000",
                "sys__fs__cgroup__a__memory.stat": "anon 300\ninactive_file 700\n",
            },
            2700,
        ),
        (
            {
                "sys__fs__cgroup__a__b__memory.max": "max",
                "sys__fs__cgroup__a__b__memory.current": "5",
                "sys__fs__cgroup__a__memory.max": "400",
                "sys__fs__cgroup__a__memory.current": "100",
                "sys__fs__cgroup__memory.max": "9000",
                "sys__fs__cgroup__memory.current": "100",
            },
            300,
        ),
        ({"sys__fs__cgroup__a__memory.max": "3000", "sys__fs__cgroup__a__memory.current": "9000"}, 0),
    ],
    ids=[
        "the container's root",
        "no limit",
        "own group",
        "files to let go",
        "a group above",
        "over its limit",
    ],
)
def test_a_containers_limit_counts(tmp_path: Path, files: dict[str, str], left: int):
    assert free_bytes(CPU, system(tmp_path, proc__self__cgroup="0::/a/b\n", **files)) == left


def test_the_first_version_of_control_groups_counts_too(tmp_path: Path):
    files = {
        "proc__self__cgroup": "5:cpu,cpuacct:/x\n4:memory:/x\n",
        "sys__fs__cgroup__memory__x__memory.limit_in_bytes": "5000",
        "sys__fs__cgroup__memory__x__memory.usage_in_bytes": "2000",
        "sys__fs__cgroup__memory__x__memory.stat": "total_inactive_file 500\n",
        "sys__fs__cgroup__memory__memory.limit_in_bytes": str(2**63 - 4096),
        "sys__fs__cgroup__memory__memory.usage_in_bytes": "2000",
    }
    assert free_bytes(CPU, system(tmp_path, **files)) == 3500


def test_where_nothing_is_told_it_is_all_memory(tmp_path: Path):
    assert free_bytes(CPU, tmp_path) > AVAILABLE / 8  # pyright: ignore[reportOptionalOperand] - this system says


def test_weights_that_do_not_fit_into_what_is_free_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    save_file({"weight": torch.zeros(1000, 1000)}, tmp_path / "model.safetensors")
    monkeypatch.setattr("models.free_memory.free_bytes", lambda _: 5_000_000)
    placement.demand_memory("fits", tmp_path, CPU, torch.float32)
    monkeypatch.setattr("models.free_memory.free_bytes", lambda _: 4_000_000)
    with pytest.raises(UnsupportedModel, match="GB free") as refused:
        placement.demand_memory("too large", tmp_path, CPU, torch.float32)
    assert_sentence(refused.value)
