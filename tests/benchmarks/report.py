"""A number beside its target, on the screen and in a file."""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from tests.benchmarks.measuring import Ratio

PACKAGES = ("torch", "transformers", "streamlit", "bertviz", "plotly")


@dataclass(frozen=True, slots=True)
class Line:
    """One thing measured.

    value: a ratio, or with `unit` a quantity. at_most: the target; None where there is none. low, high: quartiles
    over `rounds`. predicted: what `formula` gives for the same thing.
    """

    what: str
    value: float
    unit: str = ""
    at_most: float | None = None
    low: float | None = None
    high: float | None = None
    rounds: int = 1
    formula: str = ""
    predicted: float | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        if self.at_most is None:
            return "-"
        return "ok" if self.value <= self.at_most else "falls short"


def from_ratio(what: str, measured: Ratio, **more: Any) -> Line:
    return Line(what, measured.median, low=measured.low, high=measured.high, rounds=measured.rounds, **more)


def say(line: Line) -> None:
    """Print one line: ratio, target, verdict, what it is; the formula beside it where there is one."""
    unit = f" {line.unit}" if line.unit else ""
    spread = "" if line.rounds == 1 or line.low is None else f"{line.low:.3g} to {line.high:.3g}"
    target = "" if line.at_most is None else f"<= {line.at_most:.3g}{unit}"
    text = f"{line.value:>8.3g}{unit:<3} {spread:<17} {target:<10} {line.verdict:<12} {line.what}"
    if line.predicted is not None:
        text += f"  [formula {line.predicted:.3g}{unit}: {line.formula}]"
    print(text + (f"  ({line.note})" if line.note else ""), flush=True)


def heading(text: str) -> None:
    print(f"\n{text}", flush=True)


def machine(threads: int) -> dict[str, Any]:
    """What the numbers were measured on."""
    return {
        "device": f"cpu ({_processor()})",
        "dtype": "float32",
        "threads": threads,
        "python": platform.python_version(),
        "system": platform.platform(terse=True),
        "versions": {name: version(name) for name in PACKAGES},
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    name = next(named, platform.processor() or platform.machine())
    return f"{name}, {torch.backends.cpu.get_cpu_capability()}"


def write(
    path: Path, about: Mapping[str, Any], card: Sequence[Mapping[str, Any]], lines: Sequence[Line]
) -> None:
    """All of it as JSON."""
    results = [asdict(line) | {"verdict": line.verdict} for line in lines]
    document = {"about": about, "cost_card": list(card), "results": results}
    path.write_text(json.dumps(document, indent=1) + "\n")
