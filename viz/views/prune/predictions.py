"""What comes next, with and without the heads, and who moved up or down."""

from __future__ import annotations

from typing import Any

import streamlit as st
from torch import Tensor

import models
from viz.figures.long_tokens import whole
from viz.services.ablations import Effect
from viz.views.prune.subject import Subject
from viz.views.reading_notes import probabilities_note

SHOWN = 6


def predictions(subject: Subject, effect: Effect) -> None:
    """One table: the likeliest tokens of both runs, each with both probabilities and its two ranks."""
    before, after = effect.ablation.before, effect.ablation.after
    if not before.places:
        return
    at_mask = subject.model.geometry.role == "encoder"
    st.markdown(
        "**At the mask**" if at_mask else "**Next token**",
        help="The likeliest tokens with all heads and without those that are off; a dot is a space. *Measured*.",
    )
    probabilities_note(subject.model)
    rows = rows_of(before, after)
    most = max(max(row["before"], row["after"]) for row in rows)
    share: dict[str, Any] = {"format": "%.3f", "min_value": 0.0, "max_value": most}
    st.dataframe(
        {name: [row[name] for row in rows] for name in ("token", "before", "after", "move")},
        key="prune-predictions",
        hide_index=True,
        column_config={
            "token": st.column_config.TextColumn(width=74),
            "before": st.column_config.ProgressColumn("all heads", help="Probability with all heads.", width=104, **share),
            "after": st.column_config.ProgressColumn("heads off", help="Probability without them.", width=104, **share),
            "move": st.column_config.TextColumn("rank", width=100, help="Its place among all tokens, before and after."),
        },
    )  # fmt: skip


def rows_of(before: models.Capture, after: models.Capture) -> list[dict[str, Any]]:
    """The best few of either run, in the order that they have without the heads."""
    one, other = before.predictions[-1], after.predictions[-1]
    best = {
        candidate.token_id: candidate.token for run in (after, before) for candidate in run.top_next(SHOWN)
    }
    order = sorted(best, key=lambda token_id: -other[token_id].item())
    return [
        {
            "token": whole(best[token_id]),
            "before": one[token_id].item(),
            "after": other[token_id].item(),
            "move": _move(_rank(one, token_id), _rank(other, token_id)),
        }
        for token_id in order
    ]


def _rank(probabilities: Tensor, token_id: int) -> int:
    return int((probabilities > probabilities[token_id]).sum()) + 1


def _move(before: int, after: int) -> str:
    if before == after:
        return f"{after}"
    return f"{before:,} → {after:,} {'▲' if after < before else '▼'}"
