"""Attention rollout: where, through all layers together, a token's information came from."""

from __future__ import annotations

import streamlit as st

import models
from viz import services
from viz.figures.heatmap import heatmap
from viz.figures.layout.config import with_bar
from viz.markdown import escaped
from viz.services import Request
from viz.state import keys, session
from viz.views.selected_head import Selection


def rollout(request: Request, chosen: Selection) -> None:
    """Heatmap of the rollout of the selected stack."""
    try:
        rolled = services.rollout(request, chosen.run, chosen.stack).numpy()
    except models.BadSelection as error:
        st.info(escaped(error))
        return
    figure = heatmap(
        rolled,
        chosen.query_tokens,
        chosen.key_tokens,
        scale=session.get(keys.SCALE),
        leave_out_first=session.get(keys.FIRST_OUT),
        measure="share",
        dark=chosen.dark,
    )
    config = with_bar(f"{chosen.run.model_name}-rollout")
    st.plotly_chart(figure, key="rollout", theme=None, config=config, alt="Attention rollout")
