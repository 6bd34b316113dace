"""A plan drawn: memory of all users as each kind of attention, who fits, and the formula of each number."""

from __future__ import annotations

import streamlit as st

from models.costs.planner import SHARE, Serving, ServingPlan
from models.shape.attention_geometry import KIND_NAMES
from viz.figures.cache_plan import Planned, memory_of_all, users_that_fit
from viz.figures.costs.table import Cell, Row, table_html
from viz.figures.layout.config import WITHOUT_BAR
from viz.figures.number_text import told_bytes
from viz.markdown import escaped
from viz.views.columns import pair
from viz.views.compare.planner.published import published_beside
from viz.views.compare.planner.settings import Asked

ORDER = ("mha", "gqa", "mqa", "mla")


def planned(asked: Asked, plan: ServingPlan) -> None:
    """Sentence, bars, table, what is not counted, and what others have published of it."""
    dark = st.context.theme.type == "dark"
    st.markdown(_headline(asked, plan))
    rows = servings(plan)
    bars = [
        Planned(
            label, one.kind, own, asked.users * one.cache_per_user, one.users_per_device, _devices(asked, one)
        )
        for label, own, one in rows
    ]
    left, right = pair("plan", 0.6, 0.4)
    with left:
        weights = f" · grey: weights, {told_bytes(plan.weight_bytes)}" if plan.weight_bytes else ""
        st.markdown(f"**Memory for {asked.users:,} user{'s' * (asked.users != 1)}** · *formula*{weights}")
        full = f"{SHARE:.0%} of {asked.device}"
        st.plotly_chart(
            memory_of_all(bars, plan.weight_bytes, SHARE * asked.device_bytes, full, dark=dark),
            key="plan-memory", theme=None, config=WITHOUT_BAR,
            alt="Bytes of weights and of all users' caches, a bar for each kind of attention",
        )  # fmt: skip
    with right:
        st.markdown(f"**Users that {asked.device} hold{'s' * (asked.together == 1)}** · *formula*")
        st.plotly_chart(
            users_that_fit(bars, asked.device, dark=dark), key="plan-users", theme=None, config=WITHOUT_BAR,
            alt="How many users fit beside the weights, a bar for each kind of attention",
        )  # fmt: skip
    st.html(_table(asked, rows, dark))
    for note in notes(asked, plan):
        st.caption(f":material/info: {escaped(note)}")
    published_beside(plan, dark)


def servings(plan: ServingPlan) -> list[tuple[str, bool, Serving]]:
    """(label, whether it is the model's own, serving) in the order of the bars; the model with its windows first, where it
    has any."""
    rows = {one.kind: one for one in plan.kinds}
    shown = [(kind.upper() + ", its own" * rows[kind].own, rows[kind].own, rows[kind]) for kind in ORDER]
    if plan.own.cache_per_user != rows[plan.own.kind].cache_per_user:
        shown = [(kind.upper(), False, rows[kind]) for kind in ORDER]
        shown.insert(0, (f"{plan.own.kind.upper()} as it is", True, plan.own))
    return shown


def notes(asked: Asked, plan: ServingPlan) -> list[str]:
    """What must be known beside the numbers."""
    sentences = [note for note in plan.notes if "operations" not in note.lower()]
    most = plan.own.cost.shape.context
    if most is not None and asked.context > most:
        sentences.append(
            f"The config says that this model reads {most:,} tokens; {asked.context:,} are beyond it."
        )
    if plan.weight_bytes > SHARE * asked.device_bytes:
        sentences.append(
            f"The weights alone take {told_bytes(plan.weight_bytes)}, more than {SHARE:.0%} of {asked.device}: nobody fits "
            "until more devices work together."
        )
    if any(own and "as it is" in label for label, own, _ in servings(plan)):
        sentences.append("The four kinds count every layer that attends as one that keeps the whole context.")
    sentences.append(
        "As another kind the weights are taken to be as large as they are; only the cache changes."
    )
    return sentences


def _headline(asked: Asked, plan: ServingPlan) -> str:
    own, rest = plan.own, {one.kind: one for one in plan.kinds}
    name, kind = escaped(plan.name), KIND_NAMES[own.kind]
    sentence = (
        f"**{name}** has {kind} ({own.kind.upper()}): a user with {asked.context:,} tokens takes "
        f"**{told_bytes(own.cache_per_user)}** of cache, and **{own.users_per_device:,}** fit on {asked.device}"
    )
    if own.kind == "mha" or not own.cache_per_user:
        return sentence + "."
    times = rest["mha"].cache_per_user / own.cache_per_user
    return f"{sentence}. With multi-head attention it would be {times:.3g} times as much."


def _table(asked: Asked, rows: list[tuple[str, bool, Serving]], dark: bool) -> str:
    titles = (
        Cell("attention"),
        Cell("cache of a token", right=True),
        Cell("of a user", right=True),
        Cell(f"of {asked.users:,} user{'s' * (asked.users != 1)}", right=True),
        Cell("with weights", right=True),
        Cell("users that fit", f"On {asked.device}", right=True),
        Cell("devices for all", f"Of {asked.memory_gb:,} GB", right=True),
    )
    return table_html(titles, [_row(asked, *row) for row in rows], dark=dark)


def _row(asked: Asked, label: str, own: bool, one: Serving) -> Row:
    texts = [line.text for line in one.cost.lines if line.unit.startswith("bytes") and "ache" in line.what]
    caches, token = asked.users * one.cache_per_user, one.cost.bytes_per_token or 0
    numbers = (token, one.cache_per_user, caches, one.total_bytes)
    return Row(
        (
            Cell(label, strong=own),
            *(Cell(told_bytes(count), f"{count:,} bytes", strong=own, right=True) for count in numbers),
            Cell(f"{one.users_per_device:,}", strong=own, right=True),
            Cell(f"{_devices(asked, one):,}", strong=own, right=True),
        ),
        " · ".join(text.replace(" x 1 texts", "") for text in texts),
    )


def _devices(asked: Asked, one: Serving) -> int:
    """Single ones that hold weights and all caches together."""
    return -(-one.total_bytes // int(SHARE * asked.memory_gb * 10**9))
