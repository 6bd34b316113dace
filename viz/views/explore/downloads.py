"""Everything in view, to take along."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import streamlit as st

from viz.components.picture_download import picture_download
from viz.figures.export_csv import pattern_csv
from viz.figures.export_html import head_html
from viz.figures.export_svg import heatmap_svg
from viz.figures.scales import Scale
from viz.services import Request
from viz.state import keys, session
from viz.views.selected_head import SCORE_NAMES, Selection, Shown, shown_part


def downloads(request: Request, chosen: Selection) -> None:
    """Picture, numbers and page of the selected head, and the whole capture."""
    stem = f"{request.model.replace('/', '-')}-{chosen.name.replace(' ', '')}"
    svg = _svg(request, chosen)
    left, right = st.columns([0.5, 0.5], gap="medium")
    left.image(svg, caption="The picture as it is saved", width=420)
    with right:
        st.markdown(f"**{chosen.title}**")
        picture_download(svg, stem=stem, key="picture")
        _files(request, chosen, stem)


def _files(request: Request, chosen: Selection, stem: str) -> None:
    # Now: a file is made when its button is pressed, outside of the visitor's session.
    drawn, scale, first_out = chosen.drawn(), session.get(keys.SCALE), session.get(keys.FIRST_OUT)
    shown = shown_part(chosen, drawn)
    with st.container(horizontal=True):
        st.download_button(
            "CSV of the pattern",
            lambda: pattern_csv(drawn.weights, chosen.query_tokens, chosen.key_tokens).encode(),
            file_name=f"{stem}.csv",
            mime="text/csv",
            on_click="ignore",
            help="Every weight with all its digits, tokens in the first row and column.",
        )
        st.download_button(
            "HTML of the head",
            lambda: _html(request, chosen, shown, drawn.measure, scale, first_out).encode(),
            file_name=f"{stem}.html",
            mime="text/html",
            on_click="ignore",
            help="One page that works by itself, without a network: heatmap with hover, scores, text.",
        )
        st.download_button(
            "NPZ of the capture",
            lambda: _npz(chosen),
            file_name=f"{request.model.replace('/', '-')}-capture.npz",
            mime="application/octet-stream",
            on_click="ignore",
            help=f"All heads of all layers, about {chosen.run.nbytes / 1e6:.3g} MB; models.Capture.load opens it again.",
        )


def _svg(request: Request, chosen: Selection) -> str:
    drawn, scale = chosen.drawn(), session.get(keys.SCALE)
    shown = shown_part(chosen, drawn)
    weights, blanked = shown.weights, ""
    if _leaves_out_first(shown):
        weights, blanked = weights.copy(), ", first token left out"
        weights[:, 0] = np.nan
    text = " ".join(request.text.split())[:160]
    return heatmap_svg(
        weights,
        shown.query_tokens,
        shown.key_tokens,
        chosen.title,
        f"{request.model}: {drawn.measure}, {scale} scale{blanked}, on “{text}”",
        chosen.dark,
        scale=scale,
        measure=drawn.measure,
    )


def _leaves_out_first(shown: Shown) -> bool:
    return session.get(keys.FIRST_OUT) and shown.first_token == 0


def _html(
    request: Request, chosen: Selection, shown: Shown, measure: str, scale: Scale, leave_out_first: bool
) -> str:
    scores = chosen.run.scores(chosen.stack)
    return head_html(
        shown.weights,
        shown.query_tokens,
        shown.key_tokens,
        head=chosen.name,
        role=chosen.role,
        model=request.model,
        text=request.text,
        scores={
            SCORE_NAMES[name]: (
                scores.values[name][chosen.layer, chosen.head].item(),
                scores.chance[name][chosen.layer, chosen.head].item(),
            )
            for name in scores.names
        },
        dark=chosen.dark,
        scale=scale,
        leave_out_first=leave_out_first,
        measure=measure,
        first_token=shown.first_token,
    )


def _npz(chosen: Selection) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "capture.npz"
        chosen.run.save(path)
        return path.read_bytes()
