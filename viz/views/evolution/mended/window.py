"""Local attention looks at a window around the place that it foretells: how much that takes in, and how near it is."""

from __future__ import annotations

import streamlit as st

from models.classic.date_reading import DateSaid
from models.classic.window_use import WindowUse
from viz.figures.number_text import number_text
from viz.figures.what_it_fixed import places_read
from viz.services import mended
from viz.views.columns import pair
from viz.views.evolution.alignment import END
from viz.views.evolution.mended.parts import draw, verdict


def window(text: str, said: DateSaid, dark: bool) -> None:
    """Places inside of the window at each step, the weight that is lost, and how far the centre is from the date."""
    reading, use = mended.window(text, said)
    verdict(*window_reading(use, reading.window, reading.answer.written == said.iso))
    written = [*reading.answer.written, END][: len(use.inside)]
    left, right = pair("mended-window", 0.5, 0.5)
    with left:
        st.markdown(
            f"**Places in the window** · *measured*; at most {2 * reading.window + 1}, *formula*",
            help="2 D + 1 at most. Of each step, beside the places of the whole text and its end mark, which soft attention "
            "looks at.",
        )
        figure = places_read(written, use.inside.tolist(), use.places, name="classic-local", dark=dark)
        draw(figure, "mended-window", "Places in the window at each step")
    with right:
        st.markdown("**Step by step** · *measured*")
        st.dataframe(
            [
                {
                    "writes": character,
                    "centre": float(reading.centres[step]),
                    "off by": use.distance[step],
                    "lost": 100 * float(use.lost[step]),
                }
                for step, character in enumerate(written)
            ],
            key="mended-window-steps",
            hide_index=True,
            height=260,
            column_config={
                "centre": st.column_config.NumberColumn(
                    format="%.1f", help="The foretold centre, in characters from 0."
                ),
                "off by": st.column_config.NumberColumn(
                    format="%.1f",
                    help="Characters from the centre to the nearest one that says what is written; empty where the text says "
                    "it nowhere.",
                ),
                "lost": st.column_config.NumberColumn(
                    format="%.1f%%",
                    help="Share of the softmax’s weight that the Gaussian takes away, for being off the centre.",
                ),
            },
        )


def window_reading(use: WindowUse, reach: int, right: bool) -> tuple[bool, str]:
    """Whether the date was read right from fewer places than there are, and the numbers. reach: D."""
    inside, off = use.inside.float(), [one for one in use.distance if one is not None]
    told = (
        f"A step looks at {number_text(inside.mean().item())} of {use.places} places on average and at {int(inside.max())} at "
        f"most. {use.lost.mean():.1%} of its weight is lost for being off the centre"
    )
    if off:
        within = sum(one <= reach for one in off)
        told += (
            f"; the centre is {number_text(sum(off) / len(off))} characters from the one that says what is written on average, "
            f"and {within} of {len(off)} times that one is in the window"
        )
    if int(inside.min()) >= use.places:
        return False, f"{told}. The whole text fits into the window, so nothing is saved; try a longer one."
    return right, f"{told}. What it writes is {'right' if right else 'wrong'}."
