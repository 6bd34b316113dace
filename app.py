"""Headlight: see what every attention head does. Start with `streamlit run app.py`.

What a visitor's browser shows is drawn by viz/shell/shell.py; the routes beside it tell how far work in the background is.
"""

import streamlit as st

from viz.routes import ROUTES
from viz.shell.start import ready

app = st.App("viz/shell/shell.py", lifespan=ready, routes=ROUTES)
