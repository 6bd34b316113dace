"""What was measured of the smaller model: that it is the same, and what it saves."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from models.measuring.speedup import speedup
from models.removal.sameness import Sameness
from viz.figures.layout.config import WITHOUT_BAR
from viz.figures.removal_speed import SpeedRow, removal_speed
from viz.services import Request, removal_race, removals
from viz.services.removal_race import Race
from viz.services.removals import Removal
from viz.views.columns import pair
from viz.views.prune.removal.verdict import PUBLISHED, verdict

CALM = 0.3  # of the median, between the quartiles; a quiet machine stays far below
SAME = 1e-5  # of the outputs' scale: more is no rounding in float32


def results(wanted: Removal, request: Request, batches: Sequence[int], take: int, *, dark: bool) -> None:
    """Everything that is known by now."""
    if removals.is_compared(wanted, request):
        _same(removals.sameness(wanted, request), str(wanted.original.dtype).removeprefix("torch."))
    found = (removal_race.latest(wanted, batch, take) for batch in batches)
    races = [race for race in found if race is not None]
    if not races:
        return
    rows = [row for race in races for row in speed_rows(wanted, race)]
    headline, rest = verdict(rows)
    st.markdown(f"**{headline}** {rest}")
    _disturbed(races)
    left, right = pair("removal-results", 0.57, 0.43)
    with left:
        _table(races)
    with right:
        st.plotly_chart(
            removal_speed(rows, dark=dark), key="removal-speed", theme=None,
            config=WITHOUT_BAR,
            alt="How many times as fast the smaller model is, beside the model with all heads",
        )  # fmt: skip
    st.caption(PUBLISHED)


def _disturbed(races: Sequence[Race]) -> None:
    """Say so where repeats differ so much that other work must have been going on."""
    spread = max(
        times.spread for race in races for one in race.timed for times in (one.read_s, one.write_ms) if times
    )
    if spread > CALM:
        st.warning(
            f"The machine was busy: the middle half of the repeats differs by up to {100 * spread:.3g}% of their median, so "
            "small differences mean nothing here.",
            icon=":material/warning:",
        )


def _same(found: Sameness, dtype: str) -> None:
    difference = (
        f"largest difference {found.relative:.2g} of the {found.outputs}’ scale over {found.tokens:,} tokens of your text "
        f"(*measured*, {dtype})"
    )
    if dtype != "float32":
        st.info(
            f"Removed and switched off differ as {dtype} rounds: {difference}.", icon=":material/difference:"
        )
    elif found.relative <= SAME:
        st.success(
            f"The smaller model computes what the gated one does: {difference}.", icon=":material/check:"
        )
    else:
        st.error(
            f"The smaller model does not compute what the gated one does: {difference}, and rounding explains {SAME:.0e} at "
            "most.",
            icon=":material/warning:",
        )


def speed_rows(wanted: Removal, race: Race) -> list[SpeedRow]:
    """Reading, and writing where there is some: both beside the full model, and what operations foretell."""
    full, gated, removed = race.timed
    reading, writing = removals.reading(wanted, race.prompt), removals.writing(wanted, race.prompt + race.new)
    rows = [
        SpeedRow(
            f"reading, batch {race.batch}",
            speedup(removed.read_s, full.read_s),
            speedup(gated.read_s, full.read_s),
            1 / reading.left,
        )
    ]
    if full.write_ms and gated.write_ms and removed.write_ms:
        rows.append(
            SpeedRow(
                f"writing, batch {race.batch}",
                speedup(removed.write_ms, full.write_ms),
                speedup(gated.write_ms, full.write_ms),
                None if writing is None else 1 / writing.left,
            )
        )
    return rows


def _table(races: Sequence[Race]) -> None:
    writes = races[0].timed[0].write_ms is not None
    rows = []
    for race in races:
        for one in race.timed:
            row = {
                "model": one.name,
                "batch": race.batch,
                "parameters": one.parameters / 1e6,
                "read": 1000 * one.read_s.median,
                "read spread": 100 * one.read_s.spread,
            }
            if one.write_ms is not None:
                row |= {
                    "cache": one.cache_bytes,
                    "write": one.write_ms.median,
                    "write spread": 100 * one.write_ms.spread,
                }
            rows.append(row)
    st.dataframe(pd.DataFrame(rows), hide_index=True, column_config=_COLUMNS, key="removal-table")
    race = races[0]
    wrote = f", then wrote {race.new} tokens one by one" if writes else ""
    st.caption(
        f"*Measured* in turn, {removal_race.REPEATS} times each after a warm-up: of each text {race.prompt:,} random tokens "
        f"were read{wrote}. Medians; ± is how far the middle half of the repeats lies apart. {race.device}, {race.dtype}, "
        f"{race.threads} thread{'s' * (race.threads != 1)}. **gated**: heads switched off, and computed all the same."
    )


_COLUMNS = {
    "model": st.column_config.TextColumn("model", width=85),
    "batch": st.column_config.NumberColumn("batch", help="Texts at once.", width=55),
    "parameters": st.column_config.NumberColumn(
        "weights, M", format="%.3g", width=85, help="Millions of parameters, counted in the model that ran."
    ),
    "read": st.column_config.NumberColumn(
        "read, ms", format="%.3g", width=75, help="The whole prompt of all texts."
    ),
    "read spread": st.column_config.NumberColumn("±", format="%.2g%%", width=60),
    "cache": st.column_config.NumberColumn(
        "cache, B",
        format="localized",
        width=80,
        help="Of one token, counted in the live cache of all layers.",
    ),
    "write": st.column_config.NumberColumn(
        "step, ms", format="%.3g", width=75, help="Writing one new token for each text."
    ),
    "write spread": st.column_config.NumberColumn("± ", format="%.2g%%", width=60),
}
