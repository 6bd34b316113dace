"""A visitor of the page Convert."""

from collections.abc import Callable
from typing import Any

import numpy as np

import models
from models.family import family_name
from tests.app import visit
from viz.services import conversions

GQA = family_name("gqa")
TEXT = "one two three four one two three four one two three"
PATIENCE_S = 120
Loader = Callable[[str], models.AttentionModel]


def open_convert(**address: object) -> visit.AppTest:
    """The page opened at an address with these parameters, and its work done."""
    return settle(visit.opened("convert", **address))


def jobs(app: visit.AppTest) -> list[Any]:
    names = [f"_job-{name}" for name in ("convert", "measure")]
    return [app.session_state[name][1] for name in names if name in app.session_state]


def settle(app: visit.AppTest) -> visit.AppTest:
    """Run again, as the page itself does, until nothing works in the background and nothing new is begun."""
    for _ in range(6):
        done = jobs(app)
        for job in done:
            job.wait(PATIENCE_S)
        if "_convert_written" in app.session_state:
            for lane in app.session_state["_convert_written"][1].strip.lanes:
                lane.writing.wait(PATIENCE_S)
        visit.rerun(app)
        if all(any(job is known for known in done) for job in jobs(app)):
            return app
    raise AssertionError("the page's work does not come to an end")


def numbers(sent: Any) -> list[float]:
    return (visit.decoded(sent) if isinstance(sent, dict) else np.array(sent, dtype=float)).tolist()


def shown(app: visit.AppTest) -> conversions.Conversion:
    """The conversion in view."""
    return app.session_state["_last_conversion"][0]
