"""What a visitor can choose, and what of it the address keeps: defaults, and how each is read from there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import models
from models.conversion.ranks import ROPES
from models.pruning.ablation import METHODS
from models.shape.family import KINDS, family_name
from viz import samples
from viz.components.token_strip import DIRECTIONS
from viz.figures.scales import SCALES
from viz.state import keys

DTYPES = ("auto", "float32", "bfloat16", "float16")
LIMITS = (128, 256, 512, 1024, 2048)
LATENT_ORDERS = ("as stored", "by variance")
LONGEST_TEXT, LONGEST_PROSE = (
    200_000,
    1_500,
)  # characters that the text field takes, and the one of the page Evolution
NEW_TOKEN_COUNTS, REPEAT_COUNTS = (8, 16, 32, 64, 128), (3, 5, 9, 15)
CALIBRATION_LIMITS = (1024, 2048, 4096, 8192, 16384)
EVALUATION_LIMITS = (256, 512, 1024, 2048)
PASTED_CONFIG = "pasted config"
PLAN_DTYPES = ("bfloat16", "float32", "float8_e4m3fn")
ROOF_CONTEXTS, ROOF_BATCHES = (128, 256, 512, 1024, 2048, 4096, 8192, 32768), (1, 2, 4, 8, 16, 32, 64, 256)
LARGEST = 2**53 - 1  # whole number that a browser keeps exactly


@dataclass(frozen=True, slots=True)
class Chosen:
    """One thing that a visitor chooses: its default, and how a value from a URL becomes one (ValueError where it cannot).

    in_address: False for what only the session keeps.
    """

    default: Any
    read: Callable[[str], Any] = str
    in_address: bool = True


def _one_of(*known: Any) -> Callable[[str], Any]:
    by_name = {str(value): value for value in known}

    def read(raw: str) -> Any:
        if raw not in by_name:
            raise ValueError(raw)
        return by_name[raw]

    return read


def _count(raw: str) -> int:
    number = int(raw)
    if number < 0:
        raise ValueError(raw)
    return number


def _any_count(raw: str) -> int:
    """Also one that the page refuses in a sentence."""
    return max(min(int(raw), LARGEST), -LARGEST)


def _flag(raw: str) -> bool:
    return {"1": True, "0": False}[raw]


CHOSEN: dict[str, Chosen] = {
    keys.MODEL: Chosen(models.DEFAULT),
    keys.DEVICE: Chosen("auto"),
    keys.DTYPE: Chosen("auto", _one_of(*DTYPES)),
    keys.TEXT: Chosen(samples.DEFAULT.text),
    keys.SECOND: Chosen(samples.DEFAULT.second),
    keys.LIMIT: Chosen(512, _one_of(*LIMITS)),
    keys.SOURCE_LANGUAGE: Chosen(""),
    keys.TARGET_LANGUAGE: Chosen(""),
    keys.LAYER: Chosen(None, _count),
    keys.HEAD: Chosen(None, _count),
    keys.STACK: Chosen(""),
    keys.TOKEN: Chosen(None, _count),
    keys.DIRECTION: Chosen(DIRECTIONS[0], _one_of(*DIRECTIONS)),
    keys.SCALE: Chosen(SCALES[0], _one_of(*SCALES)),
    keys.FIRST_OUT: Chosen(False, _flag),
    keys.VALUE_WEIGHTED: Chosen(False, _flag),
    keys.SORT: Chosen("layer"),
    keys.VIEW: Chosen("Lines"),
    keys.KIND: Chosen(KINDS[0], _one_of(*KINDS)),
    keys.STEP: Chosen(None, _count),
    keys.ANCESTOR: Chosen("soft"),
    keys.EVOLUTION_VIEW: Chosen("Watch"),
    keys.DATE: Chosen(samples.DATES[0]),
    keys.STORY: Chosen(samples.STORIES[0]),
    keys.PROSE: Chosen(samples.DEFAULT.text),
    keys.CROSS_HEAD: Chosen(""),
    keys.DIMENSION: Chosen(None, _count),
    keys.LATENT_ORDER: Chosen(LATENT_ORDERS[0], _one_of(*LATENT_ORDERS)),
    keys.LATENT_VIEW: Chosen("Scores"),
    keys.CUT: Chosen(""),
    keys.WAY: Chosen("share"),
    keys.ROPE: Chosen(ROPES[0], _one_of(*ROPES)),
    keys.SHARE: Chosen(None, _count),
    keys.RANK: Chosen(None, _count),
    keys.BUDGET: Chosen(None, _count),
    keys.CALIBRATION: Chosen("", in_address=False),
    keys.CALIBRATION_TOKENS: Chosen(CALIBRATION_LIMITS[-1], _one_of(*CALIBRATION_LIMITS)),
    keys.MEASURED_ON: Chosen("held-out text"),
    keys.CONVERT_VIEW: Chosen("Both write on"),
    keys.OFF: Chosen(""),
    keys.OFF_STACK: Chosen(""),
    keys.METHOD: Chosen(METHODS[0], _one_of(*METHODS)),
    keys.OTHER: Chosen("", _one_of("", *(sample.title for sample in samples.SAMPLES))),
    keys.EVALUATED_TOKENS: Chosen(512, _one_of(*EVALUATION_LIMITS)),
    keys.PRUNE_VIEW: Chosen("Continue"),
    keys.COMPARE_VIEW: Chosen("Measure"),
    keys.CONTENDERS: Chosen(
        "|".join((*map(family_name, ("mha", "mqa", "gqa")), f"{family_name('mla')}@absorbed"))
    ),
    keys.CONTEXTS: Chosen("128, 256, 512"),
    keys.BATCHES: Chosen("1, 4, 16"),
    keys.NEW_TOKENS: Chosen(NEW_TOKEN_COUNTS[2], _one_of(*NEW_TOKEN_COUNTS)),
    keys.REPEATS: Chosen(REPEAT_COUNTS[1], _one_of(*REPEAT_COUNTS)),
    keys.PLANNED: Chosen("Llama 3.1 8B"),
    keys.PASTED: Chosen("", in_address=False),
    keys.PLAN_CONTEXT: Chosen(32_768, _any_count),
    keys.USERS: Chosen(16, _any_count),
    keys.PLAN_DTYPE: Chosen(PLAN_DTYPES[0], _one_of(*PLAN_DTYPES)),
    keys.DEVICE_GB: Chosen(80, _any_count),
    keys.TOGETHER: Chosen(1, _any_count),
    keys.ROOF_CONTEXT: Chosen(ROOF_CONTEXTS[2], _one_of(*ROOF_CONTEXTS)),
    keys.ROOF_BATCH: Chosen(ROOF_BATCHES[0], _one_of(*ROOF_BATCHES)),
    keys.ROOF_KNOWN: Chosen("Llama 3.1 8B|DeepSeek-V2"),
}
