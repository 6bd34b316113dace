"""What Streamlit runs for each visitor. Alone in its folder, since Streamlit looks for imports there first."""
