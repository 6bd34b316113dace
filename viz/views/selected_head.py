"""The selected head, large."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from torch import Tensor

import models
from viz.figures.heatmap import LARGEST, heatmap
from viz.figures.layout.config import with_bar
from viz.figures.scales import SCALES
from viz.figures.score_bars import ScoreBar, score_bars
from viz.markdown import escaped
from viz.state import keys, session

SCORE_NAMES = {
    "entropy": "entropy",
    "mean_distance": "distance",
    "first_token": "first token",
    "previous_token": "previous token",
    "duplicate": "duplicate",
    "induction": "induction",
    "self_attention": "self",
}
UNITS = {"entropy": " nats", "mean_distance": " tokens"}


@dataclass(frozen=True, slots=True)
class Drawn:
    """Numbers to draw, [query, key], what they measure, and why it is not what was asked for ("" where it is)."""

    weights: NDArray[np.float32]
    measure: str
    notice: str = ""


@dataclass(frozen=True, slots=True)
class Selection:
    """What all views of one run look at."""

    run: models.Capture
    stack: str
    layer: int
    head: int
    dark: bool

    @property
    def name(self) -> str:
        return head_name(self.layer, self.head)

    @property
    def role(self) -> str:
        return self.run.scores(self.stack).role(self.layer, self.head)

    @property
    def title(self) -> str:
        return f"{self.name} · {self.role}" if self.role else self.name

    @property
    def query_tokens(self) -> tuple[str, ...]:
        return self.run.query_tokens(self.stack)

    @property
    def key_tokens(self) -> tuple[str, ...]:
        return self.run.key_tokens(self.stack)

    def drawn(self) -> Drawn:
        """What is drawn of the head: its weights, or their value-weighted norms where asked for and defined."""
        where = (self.layer, self.head, self.stack)
        notice = ""
        if session.get(keys.VALUE_WEIGHTED):
            try:
                return Drawn(self.run.value_weighted(*where).numpy(), "norm of a·v·W_O")
            except models.BadSelection as error:
                notice = str(error)
        return Drawn(self.run.pattern(*where).numpy(), "weight", notice)

    def weights(self) -> NDArray[np.float32]:
        return self.drawn().weights

    @property
    def measure(self) -> str:
        return self.drawn().measure

    @property
    def file_name(self) -> str:
        """Of a picture of the head."""
        return f"{self.run.model_name}-{self.name.replace(' ', '')}"


def head_name(layer: int, head: int) -> str:
    return f"L{layer} H{head}"


def selected_head(chosen: Selection) -> None:
    """Title, scores and heatmap of the selected head."""
    st.markdown(f"#### {chosen.title}", help=_role_help(chosen))
    st.html(score_bars(_bars(chosen), chosen.dark))
    drawn = chosen.drawn()
    if drawn.notice:
        st.warning(escaped(drawn.notice))
    _narrow(chosen)
    shown = shown_part(chosen, drawn)
    figure = heatmap(
        shown.weights,
        shown.query_tokens,
        shown.key_tokens,
        scale=session.get(keys.SCALE),
        leave_out_first=session.get(keys.FIRST_OUT),
        measure=drawn.measure,
        first_token=shown.first_token,
        dark=chosen.dark,
    )
    st.plotly_chart(
        figure, key="heatmap", theme=None, config=with_bar(chosen.file_name), alt=f"Heatmap of {chosen.title}"
    )


@dataclass(frozen=True, slots=True)
class Shown:
    """The part of a head that the visitor looks at, weights [query, key]. first_token: its first token's position."""

    weights: NDArray[np.float32]
    query_tokens: tuple[str, ...]
    key_tokens: tuple[str, ...]
    first_token: int


def shown_part(chosen: Selection, drawn: Drawn) -> Shown:
    """All of the head, unless the visitor has narrowed a long text down."""
    start, stop = _range(chosen)
    queries, keys = (
        slice(start, stop),
        slice(start, stop) if chosen.run.reads_itself(chosen.stack) else slice(None),
    )
    return Shown(drawn.weights[queries, keys], chosen.query_tokens[queries], chosen.key_tokens[keys], start)


def _is_long(chosen: Selection) -> bool:
    return max(len(chosen.query_tokens), len(chosen.key_tokens)) > LARGEST


def _range(chosen: Selection) -> tuple[int, int]:
    tokens = len(chosen.query_tokens)
    whole = (0, tokens)
    start, stop = session.find(keys.tokens_shown(tokens), whole) if _is_long(chosen) else whole
    return min(start, tokens - 1), max(stop, start + 1)


def _narrow(chosen: Selection) -> None:
    """For a text of more tokens than are drawn one by one: which of them to draw."""
    if not _is_long(chosen):
        return
    tokens = len(chosen.query_tokens)
    st.slider(
        "Tokens shown",
        0,
        tokens,
        (0, tokens),
        key=keys.tokens_shown(tokens),
        help=f"Up to {LARGEST} tokens are drawn one by one; of more, each cell is the mean of several.",
    )
    start, stop = _range(chosen)
    if stop - start > LARGEST:
        side = -(-(stop - start) // LARGEST)
        st.caption(
            f"Each cell is the mean of up to {side} x {side} weights; narrow the range to see every one."
        )


def controls() -> None:
    """How patterns are drawn, in a row of its own."""
    with st.container(horizontal=True, vertical_alignment="center"):
        drawing_controls()


def drawing_controls() -> None:
    """Colour scale, without the first token, value-weighted."""
    st.segmented_control(
        "Colour scale",
        SCALES,
        key=keys.SCALE,
        required=True,
        label_visibility="collapsed",
        help="How weights become colours: the square root and the logarithm make faint attention visible.",
    )
    st.toggle(
        "Leave out first token",
        key=keys.FIRST_OUT,
        help="Many heads park their attention on the first token, which drowns everything else. This blanks it.",
    )
    st.toggle(
        "Value-weighted",
        key=keys.VALUE_WEIGHTED,
        help="Multiply each weight by the size of what it carries: the norm of a·v·W_O (Kobayashi et al. 2020). A "
        "large weight on a tiny value moves nothing.",
    )


def _bars(chosen: Selection) -> list[ScoreBar]:
    """Shares on a scale from 0 to 1; what has a unit up to the most that any head, or chance, gives."""
    scores = chosen.run.scores(chosen.stack)
    at = (chosen.layer, chosen.head)
    return [
        ScoreBar(
            SCORE_NAMES[name],
            scores.values[name][at].item(),
            scores.chance[name][at].item(),
            _most(scores.values[name], scores.chance[name]) if name in UNITS else 1.0,
            UNITS.get(name, ""),
        )
        for name in scores.names
    ]


def _most(*tables: Tensor) -> float:
    return max(float(table.nan_to_num(0.0).max()) for table in tables) or 1.0


def _role_help(chosen: Selection) -> str:
    if not chosen.role:
        return "No behaviour stands out on this text. Names are given by the convention under “What am I looking at?”."
    return f"Named “{chosen.role}” for what it does on this text; another text may show another side of it."
