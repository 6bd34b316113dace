"""The converted model as a model like any other: on every page, in a folder, in a notebook."""

from __future__ import annotations

import streamlit as st

import models
from viz.services import conversions
from viz.services.conversions import Conversion
from viz.views.columns import pair
from viz.views.convert.conversion_in_view import ConversionInView
from viz.views.open_in_explore import go_there, take


def use_elsewhere(in_view: ConversionInView) -> None:
    """A button that takes it to the other pages, and the code that makes it elsewhere."""
    left, right = pair("use", 0.4, 0.6)
    with left:
        st.markdown("**On every page**")
        folder, size = conversions.folder_of(in_view.conversion), _megabytes(in_view.converted)
        st.caption(
            f"It is written to {folder} once (about {size:.3g} MB) and "
            "chosen in the sidebar. The page Latents shows what its heads read."
        )
        st.button(
            "Look at it in Explore", type="primary", key="convert-explore", on_click=_take, args=(in_view,),
            icon=":material/grid_view:", help="The sidebar’s model picker brings you back to the original.",
        )  # fmt: skip
    with right:
        st.markdown("**In a notebook**")
        st.code(code(in_view.conversion), language="python", wrap_lines=True)
    go_there()


def _megabytes(model: models.AttentionModel) -> float:
    return model.module.get_memory_footprint() / 1e6


def _take(in_view: ConversionInView) -> None:
    take(lambda: conversions.saved(in_view.conversion))


def code(conversion: Conversion) -> str:
    """What makes the same model in a notebook."""
    fitting = conversion.fitting
    text = 'Path("calibration.txt").read_text()' if fitting.text else "None"
    size = repr(conversion.rank)
    if conversion.budget is not None:
        size = f"models.ranks_for_budget(model, {conversion.budget}, spectra)"
    rope = "" if conversion.rope == "latent" else f", rope={conversion.rope!r}"
    lines = ["from pathlib import Path", ""] if fitting.text else []
    lines += [
        "import models",
        "",
        f"model = models.load({fitting.model!r})",
        f"spectra = models.latent_spectra(model, {text}, max_tokens={fitting.tokens})",
        f"small = models.convert_to_mla(model, {size}, spectra{rope})",
        'models.save(small, "small")  # models.load("small") opens it again',
    ]
    return "\n".join(lines)
