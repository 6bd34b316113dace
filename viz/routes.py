"""What the server answers besides Streamlit's pages: how far a visitor's work in the background is."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from streamlit import config

from viz.services.job import Job, find_job

HOLD_S = 20.0  # proxies end requests that stay silent for a minute
LOOK_EVERY_S = 0.1


def job_address(job: Job[Any]) -> str:
    """Where the browser asks after a job, from the server's root."""
    return f"{_base()}/jobs/{job.token}"


async def _job(request: Request) -> JSONResponse:
    """How far a job is, as soon as that is something else than what the browser has `seen`.

    Answers {"over": bool, "revision": int, "message": str, "fraction": float, "live": what the work shows as it comes, or
    null, "seen": what to send along next time}. A token that nobody holds any more is answered as over.
    """
    token, seen = request.path_params["token"], request.query_params.get("seen")
    answer = _answer(token)
    for _ in range(round(HOLD_S / LOOK_EVERY_S)):
        if answer["seen"] != seen or answer["over"]:
            break
        await asyncio.sleep(LOOK_EVERY_S)
        answer = _answer(token)
    return JSONResponse(answer, headers={"Cache-Control": "no-store"})


def _answer(token: str) -> dict[str, Any]:
    job = find_job(token)
    if job is None:
        return {"over": True, "revision": -1, "message": "", "fraction": 1.0, "live": None, "seen": "gone"}
    over, revision = not job.running, job.revision  # first: what is told after them is at least as new
    message, fraction = job.told
    live = job.live()
    seen = f"{revision}/{over:d}/{fraction:.3f}/{message}/{0 if live is None else len(live)}"
    return {
        "over": over,
        "revision": revision,
        "message": message,
        "fraction": fraction,
        "live": live,
        "seen": seen,
    }


def _base() -> str:
    path = str(config.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{path}/headlight" if path else "/headlight"


ROUTES = (Route(f"{_base()}/jobs/{{token}}", _job),)
