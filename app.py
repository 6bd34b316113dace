"""Headlight: see what every attention head does. Start with `streamlit run app.py`."""

import streamlit as st

from viz import state

st.set_page_config(page_title="Headlight", page_icon=":material/flashlight_on:", layout="wide")

state.begin()
page = st.navigation(
    [
        st.Page("viz/pages/explore.py", title="Explore", icon=":material/grid_view:", default=True),
    ]
)
page.run()
state.remember()
