"""The numbers of the view Importance, to take along."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from models.pruning.order import ORDERS
from viz.services import importance as service
from viz.services.importance import Evaluation
from viz.views.prune.subject import Subject


def downloads(subject: Subject, evaluation: Evaluation) -> None:
    """Two tables: a row a head, and a row a point of a curve."""
    stem = evaluation.model.replace("/", "-")
    tables = [
        ("heads", "Heads (CSV)", heads_table(subject, evaluation), "Both measures of every head, with all digits."),
        ("curves", "Curves (CSV)", curves_table(evaluation), "Every point of every curve, each random draw by itself."),
    ]  # fmt: skip
    with st.container(horizontal=True):
        for name, label, table, help_text in tables:
            st.download_button(
                label, table.to_csv(index=False), file_name=f"{stem}-{name}.csv", mime="text/csv", on_click="ignore",
                key=f"importance-csv-{name}", help=help_text, icon=":material/download:",
            )  # fmt: skip


def heads_table(subject: Subject, evaluation: Evaluation) -> pd.DataFrame:
    """Columns: stack, layer, head, leave-one-out importance, gradient importance where there is one, off."""
    found = service.importance(evaluation)
    rows = [
        {
            "stack": subject.stack,
            "layer": layer,
            "head": head,
            f"delta_{found.metric}": found.mean[layer, head].item(),
        }
        for layer, head in subject.every
    ]
    if service.is_gradient_known(evaluation):
        gradient = service.gradient(evaluation)
        for row in rows:
            place = row["layer"], row["head"]
            row["gradient"] = gradient.raw[place].item()
            row["gradient_normalized"] = gradient.normalized[place].item()
    for row in rows:
        row["off"] = (row["layer"], row["head"]) in subject.off
    return pd.DataFrame(rows)


def curves_table(evaluation: Evaluation) -> pd.DataFrame:
    """Columns: order, draw, heads_off, share_off, and the loss (or what stands for it)."""
    known = [
        service.curve(evaluation, order) for order in ORDERS if service.is_curve_known(evaluation, order)
    ]
    return pd.DataFrame(
        [
            {
                "order": curve.order, "draw": draw, "heads_off": count, "share_off": curve.share[place].item(),
                curve.metric: row[place].item(),
            }
            for curve in known
            for draw, row in enumerate(curve.loss)
            for place, count in enumerate(curve.removed)
        ]
    )  # fmt: skip
