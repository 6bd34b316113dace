"""A visitor of the page Convert."""

from collections.abc import Callable
from typing import Any

import models
from models.shape.family import family_name
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
    begun = [app.session_state[name][1] for name in names if name in app.session_state]
    if "_convert_written" in app.session_state:
        begun += [lane.writing for lane in app.session_state["_convert_written"][1].strip.lanes]
    return begun


def settle(app: visit.AppTest) -> visit.AppTest:
    return visit.settled(app, jobs)


def shown(app: visit.AppTest) -> conversions.Conversion:
    """The conversion in view."""
    return app.session_state["_last_conversion"][0]
