"""What is to be planned for: a model or a pasted config, how long texts are, who reads them, and on what."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st
import torch

from models.loading.catalog import CATALOG
from viz.services.contenders import on_this_machine
from viz.services.known_configs import KNOWN_CONFIGS
from viz.state import choices, keys, session
from viz.views.obtain import complain

MOST_GB, MOST_TOGETHER = 1_000_000, 100_000
LONGEST_CONFIG = 200_000  # characters
_WIDTH = 145  # CSS pixels of a number: narrower ones lose their steps
_PASTE = "Paste a config.json …"
_DTYPE_NAMES = {"bfloat16": "16 bits (bf16)", "float32": "32 bits (fp32)", "float8_e4m3fn": "8 bits (fp8)"}


@dataclass(frozen=True, slots=True)
class Asked:
    """source: as `plans.anatomy_of` takes it; memory_gb: of one device; together: devices that share one copy of the
    weights."""

    source: str
    context: int
    users: int
    dtype: torch.dtype
    memory_gb: int
    together: int

    @property
    def device_bytes(self) -> int:
        """Of all devices that work together."""
        return self.memory_gb * 10**9 * self.together

    @property
    def device(self) -> str:
        """In words."""
        if self.together == 1:
            return f"one device of {self.memory_gb:,} GB"
        return f"{self.together:,} devices of {self.memory_gb:,} GB"


def planner_settings() -> Asked | None:
    """The controls and what they ask for; None where that is no question yet, which is said."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="plan-settings"):
        with st.container(width=250):
            _model()
        for key, label, help_text in (
            (keys.PLAN_CONTEXT, "Context, tokens", "Tokens that each user has in the cache."),
            (keys.USERS, "Users at once", "Each has a cache of their own."),
            (keys.DEVICE_GB, "Memory, GB", "Of one device: 24 (RTX 4090), 80 (A100, H100), 141 (H200)."),
            (keys.TOGETHER, "Devices together", "That share one copy of the weights and all caches."),
        ):
            with st.container(width=_WIDTH):
                st.number_input(label, step=1, key=key, help=help_text)
        with st.container(width=_WIDTH):
            st.selectbox(
                "Numbers", choices.PLAN_DTYPES, key=keys.PLAN_DTYPE, format_func=_DTYPE_NAMES.__getitem__,
                help="How weights and caches are stored.",
            )  # fmt: skip
    source = _source()
    refused = _refused()
    if refused:
        complain(refused)
    return (
        None
        if refused or source is None
        else Asked(
            source,
            session.get(keys.PLAN_CONTEXT),
            session.get(keys.USERS),
            getattr(torch, session.get(keys.PLAN_DTYPE)),
            session.get(keys.DEVICE_GB),
            session.get(keys.TOGETHER),
        )
    )


def _model() -> None:
    """A choice of published shapes and of what is on this machine; anything else is typed."""
    chosen = session.get(keys.PLANNED)
    here = [name for name, row in CATALOG.items() if row.role == "decoder" and on_this_machine(name)]
    offered = [*KNOWN_CONFIGS, *here, choices.PASTED_CONFIG]
    st.selectbox(
        "Model", list(dict.fromkeys([*offered, *([chosen] if chosen else [])])), key=keys.PLANNED,
        format_func=lambda name: _PASTE if name == choices.PASTED_CONFIG else name, accept_new_options=True,
        help="Published sizes, a model of this machine, a Hub id or a folder typed here (its config.json alone is read), or a "
        "config of yours.",
    )  # fmt: skip


def _source() -> str | None:
    chosen = (session.get(keys.PLANNED) or "").strip()
    if chosen != choices.PASTED_CONFIG:
        if not chosen:
            st.info("Choose a model, or type a Hub id or a folder.", icon=":material/info:")
        return chosen or None
    st.text_area(
        "config.json", key=keys.PASTED, height=150, max_chars=LONGEST_CONFIG,
        placeholder='{"model_type": "llama", "num_hidden_layers": 32, "num_attention_heads": 32, …}',
        help="As it lies beside a model on the Hub. It stays in this browser's session, and no code of it is run.",
    )  # fmt: skip
    given = (session.get(keys.PASTED) or "").strip()
    if not given:
        st.info("Paste a config.json above and press Ctrl+Enter.", icon=":material/info:")
        return None
    if not given.startswith(("{", "[")):
        complain("A config.json begins with a brace {, but something else came; paste all of it.")
        return None
    return given


def _refused() -> str:
    """What is wrong with the numbers, "" where nothing is; those of the context and the users the engine tells."""
    for name, what, most in (
        (keys.DEVICE_GB, "The memory of a device in GB", MOST_GB),
        (keys.TOGETHER, "The number of devices together", MOST_TOGETHER),
    ):
        if not 1 <= session.get(name) <= most:
            return f"{what} must be from 1 to {most:,}, but {session.get(name):,} came; type another number."
    return ""
