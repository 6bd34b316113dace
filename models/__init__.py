"""Headlight's engine: load a model, look at its attention. Imports neither Streamlit nor Plotly."""
