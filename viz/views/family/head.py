"""One head, the same in each of the four: what it does with the text, on one scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from viz.components.token_strip import DIRECTIONS, TokenPick, token_strip
from viz.figures.layout.config import WITHOUT_BAR
from viz.figures.small_heatmap import small_heatmap
from viz.figures.token_text import label
from viz.markdown import escaped
from viz.state import keys, session
from viz.views.columns import four
from viz.views.family.members import STACK, Member
from viz.views.selected_head import SCORE_NAMES, UNITS, Drawn, Selection, controls, head_name

MOST = 3  # tokens named that the chosen token looks at
LEAST = 0.001  # weight of a token that is named
HEIGHT = 290
NAME_PX, SCORE_PX = 114, 54  # of the table's columns, so that it fits beside the candidates


def selections(members: Sequence[Member], head: tuple[int, int], dark: bool) -> list[Selection]:
    """The head in each member."""
    return [Selection(member.run, STACK, *head, dark=dark) for member in members]


def picked_token(count: int) -> TokenPick:
    """The chosen token, moved inside the text; the last one where none was chosen."""
    index = session.get(keys.TOKEN)
    return TokenPick(count - 1 if index is None else min(index, count - 1), session.get(keys.DIRECTION))


def tokens(chosen: Sequence[Selection]) -> None:
    """One strip for all four, which read the same tokens: shaded by the mean of their patterns."""
    mean = np.mean([one.run.pattern(one.layer, one.head, STACK).numpy() for one in chosen], axis=0)
    token_strip(
        chosen[0].query_tokens,
        mean,
        key="family-tokens",
        selected=picked_token(len(mean)),
        skip_first=session.get(keys.FIRST_OUT),
        on_select=_select,
    )


def _select(pick: TokenPick) -> None:
    session.put({keys.TOKEN: pick.place, keys.DIRECTION: pick.direction})


def heatmaps(members: Sequence[Member], chosen: Sequence[Selection]) -> None:
    """The head's pattern in each member, the chosen token framed, and the numbers of the head below."""
    st.markdown(
        f"#### {chosen[0].name} in each",
        help="Heads of one place have nothing in common but their place: each model grew its own.",
    )
    controls()
    drawn = [one.drawn() for one in chosen]
    for notice in dict.fromkeys(one.notice for one in drawn if one.notice):
        st.warning(escaped(notice))
    top = _top(drawn)
    for (member, column), one, weights in zip(four(members, "heatmaps"), chosen, drawn, strict=True):
        with column:
            _heatmap(member, one, weights, top)
    st.caption(f"One colour scale for all: the strongest colour is a {drawn[0].measure} of {top:.3g}.")


def _top(drawn: Sequence[Drawn]) -> float:
    """What the strongest colour stands for: the largest number that is drawn of any of the four."""
    first = 1 if session.get(keys.FIRST_OUT) else 0
    top = max((float(one.weights[:, first:].max(initial=0.0)) for one in drawn), default=0.0)
    return top or 1.0


def _heatmap(member: Member, one: Selection, drawn: Drawn, top: float) -> None:
    pick = picked_token(len(one.query_tokens))
    st.markdown(f"**{member.name}**" + (f" · {one.role}" if one.role else ""))
    figure = small_heatmap(
        drawn.weights,
        one.query_tokens,
        top=top,
        marked=pick.place,
        mark="query" if pick.direction == DIRECTIONS[0] else "key",
        scale=session.get(keys.SCALE),
        leave_out_first=session.get(keys.FIRST_OUT),
        measure=drawn.measure,
        dark=one.dark,
        height=HEIGHT,
    )
    st.plotly_chart(
        figure,
        key=f"family-heatmap-{member.kind}",
        theme=None,
        config=WITHOUT_BAR,
        alt=f"Heatmap of {one.title} of {member.name}",
    )
    st.caption(_looks_at(one, pick))


def _looks_at(one: Selection, pick: TokenPick) -> str:
    """The chosen token and the tokens it gives most to, or gets most from, with their weights."""
    pattern = one.run.pattern(one.layer, one.head, STACK).numpy()
    line = pattern[pick.place] if pick.direction == DIRECTIONS[0] else pattern[:, pick.place]
    best = [int(index) for index in np.argsort(-line, kind="stable")[:MOST] if line[index] >= LEAST]
    named = [f"{_quoted(one.query_tokens[index])} {line[index]:.2g}" for index in best]
    return f"{_quoted(one.query_tokens[pick.place])} {pick.direction} {', '.join(named) or 'no token'}"


def _quoted(token: str) -> str:
    return f"**{escaped(label(token, 14))}**"


def scores(members: Sequence[Member], chosen: Sequence[Selection]) -> None:
    """The head's scores in each member, a row a score."""
    tables = [one.run.scores(STACK) for one in chosen]
    layer, head = chosen[0].layer, chosen[0].head
    names = list(tables[0].names)
    rows: dict[str, list[str] | list[float]] = {
        "score": [f"{SCORE_NAMES[name]}{UNITS.get(name, '')}" for name in names]
    }
    for member, table in zip(members, tables, strict=True):
        rows[member.name] = [table.values[name][layer, head].item() for name in names]
    rows["chance"] = [tables[0].chance[name][layer, head].item() for name in names]
    st.markdown(f"**Scores of {head_name(layer, head)}** on this text")
    st.dataframe(
        rows,
        key="family-scores",
        hide_index=True,
        column_config={
            name: st.column_config.TextColumn(width=NAME_PX)
            if name == "score"
            else st.column_config.NumberColumn(format="%.3f", width=SCORE_PX)
            for name in rows
        },
    )
