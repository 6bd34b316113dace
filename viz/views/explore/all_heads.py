"""All heads in one table, sortable, downloadable."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from viz.state import keys, session
from viz.views.selected_head import SCORE_NAMES, UNITS, Selection, head_name


def all_heads(chosen: Selection) -> None:
    """A row a head; a click on a row selects the head."""
    table = heads_table(chosen)
    columns: dict[str, Any] = {
        name: st.column_config.NumberColumn(f"{SCORE_NAMES[name]}{UNITS.get(name, '')}", format="%.3f")
        for name in SCORE_NAMES
    }
    st.dataframe(
        table.drop(columns=[name for name in table if name.endswith("_chance")]),
        key=keys.HEADS_TABLE,
        hide_index=True,
        height=420,
        column_config=columns,
        on_select=lambda: _select(table),
        selection_mode="single-row",
    )
    st.download_button(
        "Download the table (CSV)",
        table.to_csv(index=False),
        file_name=f"{chosen.run.model_name.replace('/', '-')}-heads.csv",
        mime="text/csv",
        on_click="ignore",
        help="All heads with all scores and their chance levels.",
    )


def heads_table(chosen: Selection) -> pd.DataFrame:
    """Columns: layer, head, name, role, every score and its chance level."""
    run, scores = chosen.run, chosen.run.scores(chosen.stack)
    rows = []
    for layer in range(run.layers(chosen.stack)):
        for head in range(run.heads(layer, chosen.stack)):
            row: dict[str, Any] = {"layer": layer, "head": head, "name": head_name(layer, head)}
            row["role"] = scores.role(layer, head)
            row |= {name: scores.values[name][layer, head].item() for name in scores.names}
            row |= {f"{name}_chance": scores.chance[name][layer, head].item() for name in scores.names}
            rows.append(row)
    return pd.DataFrame(rows)


def _select(table: pd.DataFrame) -> None:
    row = session.clicked_row(keys.HEADS_TABLE)
    if row is not None:
        session.put({keys.LAYER: int(table["layer"].iloc[row]), keys.HEAD: int(table["head"].iloc[row])})
