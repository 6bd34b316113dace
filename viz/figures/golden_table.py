"""Published numbers beside ours, and live caches beside their formula, as tables that say who agrees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from viz import theme
from viz.figures.costs.table import Cell, Row, link, noted, table_html


@dataclass(frozen=True, slots=True)
class Checked:
    """One row. theirs, ours: as shown; off: how far ours lies from theirs, in words; address: of the source, "" without."""

    what: str
    agrees: bool
    theirs: str
    ours: str
    off: str
    unit: str
    source: str
    address: str
    formula: str
    note: str = ""


def checked_table(
    rows: Sequence[Checked], theirs: str, ours: str, *, dark: bool = False, sources: bool = True
) -> str:
    """HTML. theirs, ours: titles of the two columns of numbers."""
    titles = [Cell(""), Cell("of what"), Cell(theirs, right=True), Cell(ours, right=True), Cell("unit")]
    return table_html(
        [
            *titles,
            Cell("difference", "Ours less theirs, and what the rounding of theirs explains"),
            *([Cell("source")] if sources else []),
        ],
        [Row(_cells(row, dark, sources), row.formula) for row in rows],
        dark=dark,
    )


def _cells(row: Checked, dark: bool, sources: bool) -> list[Cell]:
    verdict = (
        Cell("✓ agrees", whole=True)
        if row.agrees
        else Cell("✗ differs", strong=True, whole=True, colour=theme.alarm(dark))
    )
    cells = [
        verdict,
        Cell(row.what, strong=True),
        Cell(row.theirs, right=True),
        Cell(row.ours, right=True, strong=not row.agrees),
        Cell(row.unit, quiet=True, whole=True),
        Cell(row.off, quiet=row.agrees, colour="" if row.agrees else theme.alarm(dark)),
    ]
    if sources:
        cells.append(Cell(noted(link(row.source, row.address, dark), row.note, dark), html=True))
    return cells
