"""What each of the four holds likeliest to come next."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from viz.figures.token_text import label
from viz.views.family.members import Member

CANDIDATES = 5
TOKEN_PX, BAR_PX = 68, 86


def candidates(members: Sequence[Member]) -> None:
    """One table: a row a rank, for each member the token and its probability."""
    rows: dict[str, list[str] | list[float]] = {}
    most = 0.0
    for member in members:
        best = member.run.top_next(CANDIDATES)
        most = max([most, *(candidate.probability for candidate in best)])
        rows[member.name] = [label(candidate.token, 24) for candidate in best]
        rows[_share(member)] = [candidate.probability for candidate in best]
    st.markdown("**Next token**, the likeliest five", help="After the text's last token; a dot is a space.")
    st.dataframe(
        rows,
        key="family-candidates",
        hide_index=True,
        column_config={member.name: st.column_config.TextColumn(width=TOKEN_PX) for member in members}
        | {
            _share(member): st.column_config.ProgressColumn(
                "p",
                format="%.3f",
                min_value=0.0,
                max_value=most or 1.0,
                help=f"Probability under {member.name}.",
            )
            for member in members
        },
    )


def _share(member: Member) -> str:
    return f"p {member.name}"
