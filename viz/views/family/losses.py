"""How well each of the four foresaw each token of the text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from viz.figures.layout.config import WITHOUT_BAR
from viz.figures.long_tokens import whole
from viz.figures.token_losses import token_losses
from viz.figures.token_text import shortened
from viz.markdown import escaped
from viz.state import keys, session
from viz.views.columns import four, pair
from viz.views.family.head import picked_token
from viz.views.family.members import Member

SPREAD = "apart"


def losses(members: Sequence[Member], dark: bool) -> None:
    """Mean and perplexity of each, lines over the text, and a table whose first rows are where the four differ most."""
    st.markdown(
        "#### Loss per token",
        help="Minus the logarithm of the probability that a model gave to the token that came, from the tokens before it. "
        "0 is certain; the first token has none.",
    )
    text = members[0].run.tokens
    if len(text) < 2:
        st.info("One token alone has no loss: nothing stands before it. Type a longer text.")
        return
    for member, column in four(members, "means"):
        mean = float(np.nanmean(member.loss.numpy()))
        column.markdown(
            f"**{member.name}** {mean:.2f} nats · perplexity {_short(float(np.exp(mean)))}",
            help=f"Measured on this text: mean loss {mean:.6g} nats per token over {len(text) - 1} tokens, and its "
            f"exponential {np.exp(mean):.6g}.",
        )
    table = loss_table(members)
    lines, rows = pair("losses", 0.55, 0.45)
    with lines:
        _lines(members, dark)
    with rows:
        _rows(table)


def _short(number: float) -> str:
    """Three digits, without an exponent."""
    return f"{number:.3g}" if number < 1000 else f"{float(f'{number:.3g}'):,.0f}"


def loss_table(members: Sequence[Member]) -> pd.DataFrame:
    """A row a token that has a loss: pos, token, each member's loss and how far they lie apart; widest first."""
    text = members[0].run.tokens
    columns: dict[str, Any] = {"pos": range(len(text)), "token": [whole(token) for token in text]}
    columns |= {member.name: member.loss.numpy() for member in members}
    table = pd.DataFrame(columns).iloc[1:]
    own = table[[member.name for member in members]]
    table[SPREAD] = own.max(axis=1) - own.min(axis=1)
    return table.sort_values(SPREAD, ascending=False, kind="stable", ignore_index=True)


def _lines(members: Sequence[Member], dark: bool) -> None:
    text = members[0].run.tokens
    figure = token_losses(
        {member.kind: member.loss.numpy() for member in members},
        text,
        selected=picked_token(len(text)).place,
        dark=dark,
    )
    st.plotly_chart(
        figure,
        key=keys.LOSSES_CHART,
        theme=None,
        config=WITHOUT_BAR,
        on_select=_select_point,
        selection_mode="points",
        alt="Loss of every token under each of the four models",
    )


def _rows(table: pd.DataFrame) -> None:
    widest = table.iloc[0]
    if len(table.columns) > 4:
        token = escaped(shortened(widest["token"], 24))
        st.caption(
            f"Furthest apart at token {widest['pos']}, **{token}**: {widest[SPREAD]:.2f} nats. "
            "Click a row, or a point of the lines, to choose its token."
        )
    st.dataframe(
        table,
        key=keys.LOSSES_TABLE,
        hide_index=True,
        height=290,
        column_config={
            "pos": st.column_config.NumberColumn(width=42),
            "token": st.column_config.TextColumn(width=66),
            **{
                name: st.column_config.NumberColumn(format="%.2f", help="nats", width=48)
                for name in table
                if name not in ("pos", "token")
            },
        },
        on_select=lambda: _select_row(table),
        selection_mode="single-row",
    )


def _select_row(table: pd.DataFrame) -> None:
    row = session.clicked_row(keys.LOSSES_TABLE)
    if row is not None:
        session.put({keys.TOKEN: int(table["pos"].iloc[row])})


def _select_point() -> None:
    points = session.clicked_points(keys.LOSSES_CHART)
    if points:
        session.put({keys.TOKEN: int(points[0]["point_index"])})
