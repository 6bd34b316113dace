"""What each of the four holds likeliest to come next."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from viz.figures.long_tokens import whole
from viz.views.family.members import Member

CANDIDATES = 5
TOKEN_PX, SHARE_PX = 66, 52


def candidates(members: Sequence[Member]) -> None:
    """One table: a row a rank, for each member the token and its probability."""
    rows: dict[str, list[str] | list[float]] = {}
    for member in members:
        best = member.run.top_next(CANDIDATES)
        rows[member.name] = [whole(candidate.token) for candidate in best]
        rows[_share(member)] = [candidate.probability for candidate in best]
    st.markdown("**Next token**, the likeliest five", help="After the text's last token; a dot is a space.")
    tokens = {member.name: st.column_config.TextColumn(width=TOKEN_PX) for member in members}
    shares = {
        _share(member): st.column_config.NumberColumn(
            "p", width=SHARE_PX, format="%.3f", help=f"Probability under {member.name}."
        )
        for member in members
    }
    st.dataframe(rows, key="family-candidates", hide_index=True, column_config=tokens | shares)


def _share(member: Member) -> str:
    return f"p {member.name}"
