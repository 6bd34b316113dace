"""What stands around every page: title, logo and navigation. Streamlit runs this file for each visitor."""

from pathlib import Path

import streamlit as st

from viz.state import session

VIZ = Path(__file__).resolve().parents[1]
PAGES = VIZ / "pages"

# An icon of our own: Streamlit fetches its named icons for the browser's tab from the internet.
st.set_page_config(page_title="Headlight", page_icon=VIZ / "logo.svg", layout="wide")
st.logo(VIZ / "wordmark.svg", icon_image=VIZ / "logo.svg", size="large")
st.html(VIZ / "page.css")

session.begin()
page = st.navigation(
    {
        "Look": [
            st.Page(PAGES / "explore.py", title="Explore", icon=":material/grid_view:", default=True),
            st.Page(PAGES / "latents.py", title="Latents", icon=":material/density_small:"),
        ],
        "Change": [
            st.Page(PAGES / "prune.py", title="Prune", icon=":material/content_cut:"),
            st.Page(PAGES / "convert.py", title="Convert", icon=":material/compress:"),
        ],
        "Cost": [st.Page(PAGES / "compare.py", title="Compare", icon=":material/speed:")],
        "Learn": [
            st.Page(PAGES / "evolution.py", title="Evolution", icon=":material/history_edu:"),
            st.Page(PAGES / "family.py", title="Family", icon=":material/view_column:"),
            st.Page(PAGES / "formation.py", title="Formation", icon=":material/timeline:"),
        ],
    }
)
page.run()
session.remember()
