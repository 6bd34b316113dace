"""How our browser parts reach Streamlit: one script and one style sheet each, after the parts they share.

Called when a part's module is imported, so once per process; mounting registers it with the running server if needed.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streamlit.components.v2 import component

from viz import theme

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer

_HERE = Path(__file__).parent


def register(name: str, *more_scripts: str, more_styles: tuple[str, ...] = ()) -> "ComponentRenderer":
    """The mounting command of the part in folder `name`; `more_scripts` and `more_styles` are further files, by their
    paths from that folder."""
    folder = _HERE / name
    scripts = [_HERE / "shared.js", *(folder / script for script in more_scripts), folder / f"{name}.js"]
    styles = [_HERE / "shared.css", *(folder / style for style in more_styles), folder / f"{name}.css"]
    return component(
        f"headlight_{name}",
        js="\n".join(path.read_text("utf-8") for path in scripts),
        css="\n".join(path.read_text("utf-8") for path in styles),
    )


@cache
def palette() -> dict[str, Any]:
    """Our colours for both themes; the browser picks by the ground it finds itself on."""
    return {
        "light": {"ink": theme.INK, "accent": theme.ACCENT, "second": theme.SECOND, "muted": theme.MUTED},
        "dark": {
            "ink": theme.INK_DARK,
            "accent": theme.ACCENT_DARK,
            "second": theme.SECOND_DARK,
            "muted": theme.MUTED_DARK,
        },
    }
