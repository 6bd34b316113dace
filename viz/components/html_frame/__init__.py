"""A self-contained HTML page inside the app, in a sandbox of its own.

`st.iframe` would give the page the app's origin: its cookies, its session, its DOM. Here scripts run, but in
an origin of nothing, so even a page that went wrong can reach neither the app nor a network address.
"""

from pathlib import Path

from streamlit.components.v2 import component

_FOLDER = Path(__file__).parent
_NAME = "headlight_html_frame"

_mount = component(
    _NAME,
    js=(_FOLDER / "html_frame.js").read_text(encoding="utf-8"),
    css=(_FOLDER / "html_frame.css").read_text(encoding="utf-8"),
)


def frame(html: str, *, height: int, key: str, title: str = "Visualization") -> None:
    """Show the page `html`, `height` CSS pixels high; what is taller or wider scrolls inside.

    html: a whole document that needs nothing from elsewhere, well under Streamlit's message limit (200 MB).
    title: what a screen reader calls the frame. The page is loaded anew only when `html` changes.
    """
    _mount(data={"html": html, "height": height, "title": title}, key=key)
