"""What a process that heals tells of itself: lines of JSON, each with an "event".

loading, measuring, measured (before, original: perplexities), step (see
models.conversion.healing.heal.HealingStep), done (after,
folder), stopped and failed (message: a sentence).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

Stage = Literal["loading", "measuring", "healing", "stopping", "stopped", "done", "failed"]
PROGRESS = "progress-*.jsonl"
BEGUN, HEALED = 0.1, 0.95  # shares of the whole work after which healing begins, and is over


@dataclass(frozen=True, slots=True)
class HealingProgress:
    """Where a run stands. step: done, of `steps` (0 before they are known); loss: KL to the original, nats per token.

    before, after, original: perplexities of the model as it was converted, as it is healed, and of the original, as far
    as they are measured. message: a sentence where it failed or stopped.
    """

    stage: Stage = "loading"
    step: int = 0
    steps: int = 0
    loss: float | None = None
    tokens_per_second: float | None = None
    before: float | None = None
    after: float | None = None
    original: float | None = None
    message: str = ""

    @property
    def fraction(self) -> float:
        """Of the whole work, 0 to 1."""
        if self.stage == "done":
            return 1.0
        if not self.steps:
            return 0.0 if self.before is None else BEGUN
        return BEGUN + (HEALED - BEGUN) * self.step / self.steps


def following(progress: HealingProgress, event: str, told: dict[str, Any]) -> HealingProgress:
    """Where a run stands after an event."""
    if event == "measured":
        return replace(progress, before=told["before"], original=told["original"])
    if event == "step":
        return replace(progress, stage="healing", **told)
    if event == "done":
        return replace(progress, stage="done", after=told["after"])
    if event in ("stopped", "failed"):
        return replace(progress, stage=event, message=told["message"])
    return replace(progress, stage=event) if event in ("loading", "measuring") else progress


def earlier_losses(lines: Path) -> dict[int, float]:
    """Of the processes that were at work in the same folder before, by step."""
    earlier = (path for path in sorted(lines.parent.glob(PROGRESS)) if path.name < lines.name)
    events = (parsed(line) for path in earlier for line in path.read_bytes().splitlines())
    return {told["step"]: told["loss"] for event, told in events if event == "step"}


def parsed(line: bytes) -> tuple[str, dict[str, Any]]:
    """An event with its values; "" for what the Trainer prints of its own accord."""
    try:
        told = json.loads(line)
        return told.pop("event"), told
    except (ValueError, TypeError, KeyError, AttributeError):
        return "", {}
