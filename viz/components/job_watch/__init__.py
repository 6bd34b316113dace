"""How far work in the background is, asked of the server by the browser: while the work goes on, no script runs."""

from __future__ import annotations

from typing import Any

from viz.components.registration import palette, register
from viz.routes import job_address
from viz.services.job import Job

_mount = register("job_watch", "watch.js")


def job_watch(job: Job[Any], *, key: str, revision: int) -> None:
    """A bar with what the job tells. Once the job is over, or has more to draw than at `revision`, the script (or the fragment
    that this stands in) runs again."""
    message, fraction = job.told
    data = {
        "url": job_address(job),
        "revision": revision,
        "message": message,
        "fraction": fraction,
        "palette": palette(),
    }
    _mount(key=key, data=data, on_look_change=_look)


def _look() -> None:
    """The browser asks for a new run, and tells nothing."""
