"""Convert: make a model cache one latent per token and layer, and see what that costs."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

import models
from models.conversion.source_model import check_source
from viz import services
from viz.services import Request
from viz.state import keys, session
from viz.views.columns import column_style
from viz.views.convert.continuations import continuations
from viz.views.convert.conversion_in_view import ConversionInView, obtain_conversion
from viz.views.convert.curve import curve
from viz.views.convert.heads import heads
from viz.views.convert.healing import heal
from viz.views.convert.refused import refused
from viz.views.convert.rows import row_style
from viz.views.convert.settings import settings
from viz.views.convert.use_elsewhere import use_elsewhere
from viz.views.explain import explain
from viz.views.obtain import obtain
from viz.views.sidebar import sidebar
from viz.views.tabs import tabs

VIEWS: dict[str, Callable[[ConversionInView], None]] = {
    "Both write on": continuations,
    "Use it": use_elsewhere,
    "Heal": heal,
}
_VIEWS_HELP = (
    "Let both models write on, take the converted one to the other pages, or train it to mend what was lost."
)


def page() -> None:
    request = sidebar()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.markdown("### Convert", width="content")
        st.caption(
            "Turn a model’s keys and values into one small latent (MLA), and see what is lost.",
            width="content",
        )
    shown = obtain(request)
    if shown is None:
        return
    model = services.model_of(shown[0])
    try:
        check_source(model)
    except models.UnsupportedModel as error:
        refused(error, model)
        return
    converting(shown[0])


@st.fragment
def converting(request: Request) -> None:
    """All that follows a choice: redrawn by itself, without the rest of the page."""
    session.hold_on()
    column_style()
    row_style()
    setting = settings(request, services.model_of(request))
    in_view = obtain_conversion(setting.conversion, request, setting.seconds)
    if in_view is not None:
        curve(in_view)
        heads(in_view)
        tabs(VIEWS, keys.CONVERT_VIEW, _VIEWS_HELP, "Then")(in_view)
    explain("Convert")
    session.remember()


if __name__ == "__main__":  # as Streamlit runs it
    page()
