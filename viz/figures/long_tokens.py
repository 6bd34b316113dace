"""Tokens as long as a page (an address, a row of signs): short where they stand side by side, whole where one is pointed at."""

from html import escape

from viz.figures.token_text import label, shortened, visible

CHIP = 40  # characters of a token in running text
MOST = 1_000  # characters told of one token; what is longer is no longer read by anybody
LINE = 64  # characters in a line of a hover box


def chip(token: str) -> dict[str, str]:
    """`text`, what stands in running text, and `whole` where that leaves something out."""
    text = visible(token)
    short = shortened(text, CHIP)
    if short == text:
        return {"text": text}
    if not text.strip(" "):
        short = short.replace(" ", "·")
    return {"text": short, "whole": whole(token)}


def whole(token: str) -> str:
    """The token with all its characters, as far as anybody reads them; outer spaces as dots."""
    return label(token, MOST)


def tick(token: str, width: int) -> str:
    """The token on an axis of `width` characters, as Plotly draws it literally: it reads labels as HTML."""
    return escape(label(token, width), quote=False)


def hover_name(token: str) -> str:
    """The whole token in a Plotly hover box, in lines."""
    text = whole(token)
    return "<br>".join(
        escape(text[start : start + LINE], quote=False) for start in range(0, max(len(text), 1), LINE)
    )
