"""How the page shows a chart: with Plotly's bar of buttons or without."""

from typing import Any

WITHOUT_BAR: dict[str, Any] = {"displaylogo": False, "displayModeBar": False}


def with_bar(file_name: str) -> dict[str, Any]:
    """Buttons to zoom and to save a picture as `file_name`.png, in twice the pixels; none that chooses cells."""
    return {
        "displaylogo": False,
        "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
        "toImageButtonOptions": {"format": "png", "filename": file_name.replace("/", "-"), "scale": 2},
    }
