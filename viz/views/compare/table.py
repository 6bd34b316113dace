"""Every measurement in a table, and as files to keep."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from models.measuring.measurement import Repeats
from viz.markdown import escaped
from viz.services.contenders import card_of
from viz.services.measurements import Point

_DIGITS = st.column_config.NumberColumn
_SPREAD = "From the lower to the upper quartile, of the median; – where it was measured once."
_COLUMNS = {
    "prefill s": _DIGITS(format="%.3g", help="To read the whole prompt; median of the repeats (measured)."),
    "± prefill %": _DIGITS(format="%.3g", help=_SPREAD),
    "ms a step": _DIGITS(format="%.3g", help="One new token of each text; median of the repeats (measured)."),
    "± step %": _DIGITS(format="%.3g", help=_SPREAD),
    "tokens/s": _DIGITS(format="%.0f", help="New tokens of all texts (measured)."),
    "cache": _DIGITS(format="localized", help="Bytes counted in the live cache's tensors, all texts (measured)."),
    "by formula": _DIGITS(format="localized", help="Bytes that the cache should hold (formula)."),
    "peak": _DIGITS(
        format="localized", help="Most bytes taken beyond weights in a run that was not timed: on a CPU the process's "
        "resident set, on CUDA the allocator's mark (measured).",
    ),
    "weights": _DIGITS(format="localized", help="Bytes of the model's weights (counted)."),
    "loss": _DIGITS(format="%.3f", help="Validation loss of the model's card, nats per token (measured)."),
}  # fmt: skip


def table(points: Sequence[Point]) -> None:
    """A row a measurement; below it where the numbers are from."""
    if not points:
        return
    st.dataframe(
        pd.DataFrame([_row(point) for point in points]),
        key="cost-table",
        hide_index=True,
        height=min(36 + 35 * len(points), 36 + 35 * 10),
        column_config=_COLUMNS,
        placeholder="–",
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.download_button(
            "CSV", lambda: as_csv(points).encode(), file_name="headlight-compare.csv", mime="text/csv",
            on_click="ignore", icon=":material/download:", help="Every number with all its digits, a row a measurement.",
        )  # fmt: skip
        st.download_button(
            "JSON", lambda: as_json(points).encode(), file_name="headlight-compare.json", mime="application/json",
            on_click="ignore", icon=":material/download:", help="The same, with every single repeat.",
        )  # fmt: skip
        st.caption(_where(points), width="content")


def _row(point: Point) -> dict[str, Any]:
    measured, card = point.measured, card_of(point.entrant)
    return {
        "contender": point.entrant.label,
        "cache kept": measured.cache if measured.cache != "auto" else "as it is",
        "context": point.cell.context,
        "batch": point.cell.batch,
        "prefill s": measured.prefill_s.median,
        "± prefill %": _spread(measured.prefill_s),
        "ms a step": measured.decode_ms_per_token.median,
        "± step %": _spread(measured.decode_ms_per_token),
        "tokens/s": measured.tokens_per_s,
        "cache": measured.cache_bytes,
        "by formula": measured.formula_bytes,
        "peak": measured.peak_bytes,
        "weights": measured.weights_bytes,
        "loss": None if card is None else card.validation_loss,
    }


def _spread(repeats: Repeats) -> float | None:
    """In percent; None of a single repeat, which has none to tell."""
    return 100 * repeats.spread if len(repeats) > 1 else None


def _where(points: Sequence[Point]) -> str:
    places = dict.fromkeys(
        f"{point.processor}, {point.measured.threads} thread{'s' if point.measured.threads > 1 else ''}, "
        f"{point.measured.dtype}"
        for point in points
    )
    times = sorted(point.when for point in points)
    versions = dict.fromkeys(f"torch {point.torch}, transformers {point.transformers}" for point in points)
    when = times[0][:16] if times[0][:16] == times[-1][:16] else f"{times[0][:16]} to {times[-1][:16]}"
    return f"*measured* on {escaped('; '.join(places))} · {escaped('; '.join(versions))} · {when.replace('T', ' ')} UTC"


def as_records(points: Sequence[Point]) -> list[dict[str, Any]]:
    """Each measurement with all its repeats, and where, when and with what it was made."""
    return [
        {
            "contender": point.entrant.label,
            **{key: value for key, value in dataclasses.asdict(point.measured).items() if key != "name"},
            "context": point.cell.context,
            "prefill_s_median": point.measured.prefill_s.median,
            "decode_ms_per_token_median": point.measured.decode_ms_per_token.median,
            "tokens_per_s": point.measured.tokens_per_s,
            "off_formula": point.measured.off_formula,
            "repeats": point.repeats,
            "processor": point.processor,
            "torch": point.torch,
            "transformers": point.transformers,
            "when": point.when,
        }
        for point in points
    ]


def as_json(points: Sequence[Point]) -> str:
    return json.dumps(as_records(points), indent=1)


def as_csv(points: Sequence[Point]) -> str:
    """A row a measurement; the repeats stand in the JSON alone. A name that a spreadsheet would take for a formula is
    written as text."""
    rows = [
        {key: _as_text(value) for key, value in record.items() if not isinstance(value, (list, tuple))}
        for record in as_records(points)
    ]
    return pd.DataFrame(rows).to_csv(index=False, lineterminator="\n")


def _as_text(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@")) else value
