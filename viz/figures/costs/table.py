"""Tables of costs as HTML: Streamlit's own cut long formulas off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from viz import theme


@dataclass(frozen=True, slots=True)
class Cell:
    """text: shown; exact: on hover. html: text is markup of ours already, in which all that is others' is escaped."""

    text: str
    exact: str = ""
    strong: bool = False
    quiet: bool = False
    html: bool = False
    colour: str = ""
    right: bool = False
    whole: bool = False  # never broken into lines


@dataclass(frozen=True, slots=True)
class Row:
    """Cells under the titles, and a formula that stands below them over the table's width."""

    cells: Sequence[Cell]
    formula: str = ""


def table_html(titles: Sequence[Cell], rows: Sequence[Row], *, dark: bool = False) -> str:
    """A table that scrolls sideways by itself where the page is narrow."""
    muted = theme.muted(dark)
    head = "".join(_cell(title, "th", muted, f"color:{muted};font-weight:500") for title in titles)
    body = "".join(_row(row, len(titles), muted) for row in rows)
    return (
        '<div style="overflow-x:auto"><table style="width:100%;border-collapse:collapse;font-size:14px;line-height:1.45">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def link(text: str, address: str, dark: bool = False) -> str:
    """A source that opens in a tab of its own."""
    colour = theme.primary(dark)
    if not address:
        return escape(text)
    return (
        f'<a href="{escape(address)}" target="_blank" rel="noopener noreferrer" style="color:{colour}">'
        f"{escape(text)}</a>"
    )


def noted(markup: str, note: str, dark: bool = False) -> str:
    """With a remark below it."""
    if not note:
        return markup
    muted = theme.muted(dark)
    return f'{markup}<br><span style="color:{muted}">{escape(note)}</span>'


def _row(row: Row, columns: int, muted: str) -> str:
    line = f"border-top:1px solid {theme.GRID}"
    cells = "".join(_cell(cell, "td", muted, line) for cell in row.cells)
    if not row.formula:
        return f"<tr>{cells}</tr>"
    formula = (
        f'<td colspan="{columns}" style="padding:0 10px 8px;border:none;color:{muted};font-size:12.5px;'
        f'font-family:ui-monospace,monospace">{escape(row.formula)}</td>'
    )
    return f"<tr>{cells}</tr><tr>{formula}</tr>"


def _cell(cell: Cell, tag: str, muted: str, style: str) -> str:
    look = f"padding:6px 10px;border:none;vertical-align:top;text-align:{'right' if cell.right else 'left'};{style}"
    if tag == "td" and (cell.right or cell.whole):
        look += ";white-space:nowrap"
    if cell.right:
        look += ";font-variant-numeric:tabular-nums"
    if cell.strong:
        look += ";font-weight:600"
    if cell.colour or cell.quiet:
        look += f";color:{cell.colour or muted}"
    told = f' title="{escape(cell.exact)}"' if cell.exact else ""
    return f'<{tag} style="{look}"{told}>{cell.text if cell.html else escape(cell.text)}</{tag}>'
