"""The views of the page Evolution."""
