"""What one visitor has chosen: in the session, and in the URL so that a reload or a sent link shows the same.

Widgets keep their value under these names; `from_url` fills them before the first widget is made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st
import torch
from streamlit.runtime.scriptrunner import get_script_run_ctx

import models
from models.conversion.ranks import ROPES
from models.look.scores import ROLES
from models.pruning.ablation import METHODS
from models.shape.family import KINDS, family_name
from viz import samples
from viz.components.token_strip import DIRECTIONS
from viz.figures.scales import SCALES

MODEL, DEVICE, DTYPE, TEXT, SECOND, LIMIT = "model", "device", "dtype", "text", "second", "limit"
SOURCE_LANGUAGE, TARGET_LANGUAGE = "source_language", "target_language"  # "": as the model's settings say
LAYER, HEAD, STACK, TOKEN, DIRECTION = "layer", "head", "stack", "token", "direction"
SCALE, FIRST_OUT, VALUE_WEIGHTED, SORT, VIEW = "scale", "first_out", "value_weighted", "sort", "view"
DIMENSION, LATENT_ORDER, LATENT_VIEW, CUT = (
    "dimension",
    "latent_order",
    "latent_view",
    "cut",
)  # of the page Latents
# Of the page Convert: how the size of a latent is given, the three ways to give it, and what it is fitted to.
WAY, SHARE, RANK, BUDGET = "way", "share", "rank", "budget"
CALIBRATION, CALIBRATION_TOKENS, MEASURED_ON = "calibration", "calibration_tokens", "measured_on"
CONVERT_VIEW = "convert_view"
ROPE = "rope"  # where a converted model keeps the rotary part of its keys
# Of the page Prune: which heads are off (see viz/heads_off.py) and of which stack ("": the model's own choice), what stands
# for them, and the sample whose outputs may.
OFF, OFF_STACK, METHOD, OTHER, PRUNE_VIEW = "off", "off_stack", "method", "other", "prune_view"
EVALUATED_TOKENS = "evaluated_tokens"  # what the importance of heads is measured on
# Of the page Compare: names of contenders, contexts and batches as short texts, tokens written and repeats of each.
COST_VIEW, CONTENDERS, CONTEXTS, BATCHES = "cost_view", "contenders", "contexts", "batches"
NEW_TOKENS, REPEATS = "new_tokens", "repeats"
# Of its planner: a model or PASTED_CONFIG, that config, context, users, number format, memory of a device, devices together.
PLANNED, PASTED, PLAN_CONTEXT, USERS = "planned", "pasted", "plan_context", "users"
PLAN_DTYPE, DEVICE_GB, TOGETHER = "plan_dtype", "device_gb", "together"
# Of its roofline: tokens, texts at once, and well-known models beside the contenders.
ROOF_CONTEXT, ROOF_BATCH, ROOF_KNOWN = "roof_context", "roof_batch", "roof_known"
KIND, STEP = "kind", "step"  # of the page Formation: whose training, and the optimizer step

COSTS = (
    CONTENDERS, CONTEXTS, BATCHES, NEW_TOKENS, REPEATS, PLANNED, PASTED, PLAN_CONTEXT, USERS, PLAN_DTYPE, DEVICE_GB,
    TOGETHER, ROOF_CONTEXT, ROOF_BATCH, ROOF_KNOWN,
)  # fmt: skip

DTYPES = ("auto", "float32", "bfloat16", "float16")
LIMITS = (128, 256, 512, 1024, 2048)
LATENT_ORDERS = ("as stored", "by variance")
LONGEST_TEXT = 200_000  # characters that the text field takes
LONGEST_URL_TEXT = 1_500  # characters of text that go into the address
NEW_TOKEN_COUNTS, REPEAT_COUNTS = (8, 16, 32, 64, 128), (3, 5, 9, 15)
CALIBRATION_LIMITS = (1024, 2048, 4096, 8192, 16384)
EVALUATION_LIMITS = (256, 512, 1024, 2048)
PASTED_CONFIG = "pasted config"
PLAN_DTYPES = ("bfloat16", "float32", "float8_e4m3fn")
ROOF_CONTEXTS, ROOF_BATCHES = (128, 256, 512, 1024, 2048, 4096, 8192, 32768), (1, 2, 4, 8, 16, 32, 64, 256)
LARGEST = 2**53 - 1  # whole number that a browser keeps exactly


@dataclass(frozen=True, slots=True)
class Kept:
    """One thing that is kept: its default, and how a value from a URL becomes one (ValueError where it cannot).

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


KEPT: dict[str, Kept] = {
    MODEL: Kept(models.DEFAULT),
    DEVICE: Kept("auto"),
    DTYPE: Kept("auto", _one_of(*DTYPES)),
    TEXT: Kept(samples.DEFAULT.text),
    SECOND: Kept(samples.DEFAULT.second),
    LIMIT: Kept(512, _one_of(*LIMITS)),
    SOURCE_LANGUAGE: Kept(""),
    TARGET_LANGUAGE: Kept(""),
    LAYER: Kept(None, _count),
    HEAD: Kept(None, _count),
    STACK: Kept(""),
    TOKEN: Kept(None, _count),
    DIRECTION: Kept(DIRECTIONS[0], _one_of(*DIRECTIONS)),
    SCALE: Kept(SCALES[0], _one_of(*SCALES)),
    FIRST_OUT: Kept(False, _flag),
    VALUE_WEIGHTED: Kept(False, _flag),
    SORT: Kept("layer"),
    VIEW: Kept("Lines"),
    KIND: Kept(KINDS[0], _one_of(*KINDS)),
    STEP: Kept(None, _count),
    DIMENSION: Kept(None, _count),
    LATENT_ORDER: Kept(LATENT_ORDERS[0], _one_of(*LATENT_ORDERS)),
    LATENT_VIEW: Kept("Scores"),
    CUT: Kept(""),
    WAY: Kept("share"),
    ROPE: Kept(ROPES[0], _one_of(*ROPES)),
    SHARE: Kept(None, _count),
    RANK: Kept(None, _count),
    BUDGET: Kept(None, _count),
    CALIBRATION: Kept("", in_address=False),
    CALIBRATION_TOKENS: Kept(CALIBRATION_LIMITS[-1], _one_of(*CALIBRATION_LIMITS)),
    MEASURED_ON: Kept("held-out text"),
    CONVERT_VIEW: Kept("Both write on"),
    OFF: Kept(""),
    OFF_STACK: Kept(""),
    METHOD: Kept(METHODS[0], _one_of(*METHODS)),
    OTHER: Kept("", _one_of("", *(sample.title for sample in samples.SAMPLES))),
    EVALUATED_TOKENS: Kept(512, _one_of(*EVALUATION_LIMITS)),
    PRUNE_VIEW: Kept("Continue"),
    COST_VIEW: Kept("Measure"),
    CONTENDERS: Kept("|".join((*map(family_name, ("mha", "mqa", "gqa")), f"{family_name('mla')}@absorbed"))),
    CONTEXTS: Kept("128, 256, 512"),
    BATCHES: Kept("1, 4, 16"),
    NEW_TOKENS: Kept(NEW_TOKEN_COUNTS[2], _one_of(*NEW_TOKEN_COUNTS)),
    REPEATS: Kept(REPEAT_COUNTS[1], _one_of(*REPEAT_COUNTS)),
    PLANNED: Kept("Llama 3.1 8B"),
    PASTED: Kept("", in_address=False),
    PLAN_CONTEXT: Kept(32_768, _any_count),
    USERS: Kept(16, _any_count),
    PLAN_DTYPE: Kept(PLAN_DTYPES[0], _one_of(*PLAN_DTYPES)),
    DEVICE_GB: Kept(80, _any_count),
    TOGETHER: Kept(1, _any_count),
    ROOF_CONTEXT: Kept(ROOF_CONTEXTS[2], _one_of(*ROOF_CONTEXTS)),
    ROOF_BATCH: Kept(ROOF_BATCHES[0], _one_of(*ROOF_BATCHES)),
    ROOF_KNOWN: Kept("Llama 3.1 8B|DeepSeek-V2"),
}


def begin() -> None:
    """Fill this visitor's session from the URL, once; later runs only keep what is there alive."""
    for name, kept in KEPT.items():
        if name in st.session_state:
            keep(name)
        else:
            st.session_state[name] = _from_url(name, kept)


def hold_on() -> None:
    """First in a page's fragment: keep everything alive that the visitor has chosen.

    On a busy server a click breaks off the fragment's run before, and Streamlit forgets what the widgets held that this run had
    not come to.
    """
    context = get_script_run_ctx(suppress_warning=True)
    if context is not None and context.fragment_ids_this_run:  # in a whole run `begin` has done it
        begin()


def keep(*names: str) -> None:
    """Keep alive what no widget may be drawn for: one that is not drawn in a run, or in a fragment's, loses its value."""
    for name in names:
        st.session_state[name] = st.session_state[name]


def remember() -> None:
    """Write what differs from the defaults into the URL."""
    wanted = {
        name: _for_url(st.session_state[name]) for name, kept in KEPT.items() if _worth_keeping(name, kept)
    }
    if dict(st.query_params) != wanted:
        st.query_params.from_dict(wanted)


def get(name: str) -> Any:
    return st.session_state[name]


def put(**values: Any) -> None:
    """Set kept values by name; before their widgets are made, or in a callback."""
    for name, value in values.items():
        st.session_state[name] = value


def head(run: models.Capture, stack: str) -> tuple[int, int]:
    """The selected (layer, head), moved inside this run where it is outside; a telling one where none was chosen."""
    return common_head([run], stack)


def common_head(runs: Sequence[models.Capture], stack: str) -> tuple[int, int]:
    """The same for several runs of equal shape side by side."""
    layer, number = get(LAYER), get(HEAD)
    if layer is None or number is None:
        return telling_head(runs, stack)
    layer = min(layer, runs[0].layers(stack) - 1)
    return layer, min(number, runs[0].heads(layer, stack) - 1)


def telling_head(runs: Sequence[models.Capture], stack: str) -> tuple[int, int]:
    """Something to look at first: the strongest induction head in any of the runs, else the strongest previous-token head,
    else the head that comes nearest."""
    scores = [run.scores(stack) for run in runs]
    least = {name: share for _, name, share in ROLES}
    wanted = [("induction", least["induction"]), ("previous_token", least["previous_token"])]
    for name, above in [*wanted, ("induction", 0.0), ("previous_token", 0.0), ("entropy", 0.0)]:
        values = torch.stack([one.values[name].nan_to_num(-1.0) for one in scores]).amax(0)
        if values.max() > above:
            layer, number = divmod(int(values.argmax()), values.shape[1])
            return layer, number
    return 0, 0


def _from_url(name: str, kept: Kept) -> Any:
    raw = st.query_params.get(name)
    if raw is None or not kept.in_address:
        return kept.default
    try:
        return kept.read(raw)
    except (ValueError, KeyError):
        return kept.default


def _worth_keeping(name: str, kept: Kept) -> bool:
    value = st.session_state[name]
    if value is None or value == kept.default or not kept.in_address:
        return False
    return name not in (TEXT, SECOND) or len(value) <= LONGEST_URL_TEXT


def _for_url(value: Any) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)
