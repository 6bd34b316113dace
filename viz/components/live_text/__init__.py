"""Texts that are being written, shown as they come: the browser asks the server for them, and no script runs meanwhile."""

from __future__ import annotations

from collections.abc import Sequence

from viz.components.registration import palette, register
from viz.routes import job_address
from viz.services.writing import Writing

_mount = register("live_text", "../job_watch/watch.js")


def live_text(writings: Sequence[tuple[str, Writing]], *, key: str, revision: int, before: str = "") -> None:
    """One or two texts with their titles, side by side; where two first differ is framed.

    before: the text that they go on from, whose end is shown pale. Once all are over, or more is written than at `revision` (of
    all together), the script (or the fragment that this stands in) runs again.
    """
    lanes = [{"url": job_address(writing), "label": label} for label, writing in writings]
    data = {"lanes": lanes, "before": before, "revision": revision, "palette": palette()}
    _mount(key=key, data=data, on_look_change=_look)


def _look() -> None:
    """The browser asks for a new run, and tells nothing."""
