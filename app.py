"""Headlight: see what every attention head does. Start with `streamlit run app.py`."""

from pathlib import Path

import streamlit as st

from viz import state

PICTURES = Path(__file__).parent / "viz"

# An icon of our own: Streamlit fetches its named icons for the browser's tab from the internet.
st.set_page_config(page_title="Headlight", page_icon=PICTURES / "logo.svg", layout="wide")
st.logo(PICTURES / "wordmark.svg", icon_image=PICTURES / "logo.svg", size="large")
st.html(PICTURES / "page.css")

state.begin()
page = st.navigation(
    {
        "Look": [
            st.Page("viz/pages/explore.py", title="Explore", icon=":material/grid_view:", default=True),
            st.Page("viz/pages/latents.py", title="Latents", icon=":material/density_small:"),
        ],
        "Change": [
            st.Page("viz/pages/prune.py", title="Prune", icon=":material/content_cut:"),
            st.Page("viz/pages/convert.py", title="Convert", icon=":material/compress:"),
        ],
        "Cost": [st.Page("viz/pages/compare.py", title="Compare", icon=":material/speed:")],
        "Learn": [
            st.Page("viz/pages/family.py", title="Family", icon=":material/view_column:"),
            st.Page("viz/pages/formation.py", title="Formation", icon=":material/timeline:"),
        ],
    }
)
page.run()
state.remember()
