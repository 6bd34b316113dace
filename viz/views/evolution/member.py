"""A member of the attention family on a visitor's text: all its heads, and one of them large."""

from __future__ import annotations

import streamlit as st

from viz import services
from viz.components.head_wall import head_wall
from viz.figures.heatmap import heatmap
from viz.figures.layout.config import WITHOUT_BAR
from viz.services import Request
from viz.state import choices, keys, session
from viz.state.head_in_view import head_in_view, select_head
from viz.views.columns import pair
from viz.views.obtain import attempt
from viz.views.selected_head import head_name

WALL_HEIGHT = 420


def member(name: str, dark: bool) -> None:
    """Its wall on a text of the visitor's, and the selected head."""
    st.text_area(
        "A text",
        key=keys.PROSE,
        height=90,
        max_chars=choices.LONGEST_PROSE,
        help="Any text; the family was trained on English novels. The pages Explore and Family show more of these models.",
    )
    heads_on(Request(name, "auto", session.get(keys.PROSE), max_tokens=choices.LIMITS[1]), dark)


def heads_on(request: Request, dark: bool, stack: str | None = None) -> None:
    """All heads of a stack (None: the model's own choice) on a request's text, and one of them large."""
    run = attempt(request)
    if run is None:
        return
    stack = stack or run.stack
    layer, head = head_in_view(run, stack)
    left, right = pair("evolution-member", 0.42, 0.58)
    with left:
        scores = run.scores(stack)
        head_wall(
            services.atlas(request, run, stack),
            key=f"evolution-wall-{request.model}",
            selected=(layer, head),
            roles=[
                [scores.role(row, one) for one in range(run.heads(row, stack))]
                for row in range(run.layers(stack))
            ],
            scores={known: values.numpy() for known, values in scores.values.items()},
            chance={known: values.numpy() for known, values in scores.chance.items()},
            max_height=WALL_HEIGHT,
            on_select=select_head,
        )
    with right:
        role = scores.role(layer, head)
        st.markdown(f"**{head_name(layer, head)}**" + (f" · {role}" if role else ""))
        pattern, tokens = run.pattern(layer, head, stack).numpy(), run.query_tokens(stack)
        figure = heatmap(pattern, tokens, tokens, scale=session.get(keys.SCALE), dark=dark)
        st.plotly_chart(
            figure,
            key="evolution-head",
            theme=None,
            config=WITHOUT_BAR,
            alt=f"Heatmap of {head_name(layer, head)}",
        )
