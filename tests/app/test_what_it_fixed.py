"""The view “What it fixed” of the page Evolution: every step of the timeline has its measured demonstration."""

import re
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

import models
from models.classic.timeline import TIMELINE
from tests.app import visit
from viz.services import mended
from viz.state import keys

FIGURES = {
    "none": ("mended-length",),
    "soft": ("mended-length",),
    "memory": ("mended-hops-after", "mended-hops-off"),
    "hard": ("mended-reading",),
    "local": ("mended-window",),
    "self": ("mended-heads", "mended-heads-off"),
    "cross": ("mended-heads", "mended-heads-off"),
    "multi-head": ("mended-heads", "mended-heads-off"),
    "mqa": ("mended-kept",),
    "gqa": ("mended-kept",),
    "mla": ("mended-kept",),
    "nominal-latent": ("mended-name",),
}


def begun(app: AppTest) -> list[Any]:
    """The work that the view has begun."""
    name = keys.job(keys.MENDED_JOB)
    return [app.session_state[name][1]] if name in app.session_state else []


def opened(key: str, **address: object) -> AppTest:
    """The view, its work done."""
    return visit.settled(
        visit.opened("evolution", ancestor=key, evolution_view="What it fixed", **address), begun
    )


def verdict(app: AppTest) -> str:
    (found,) = [block.value for block in app.markdown if "on this input." in block.value]
    return found


@pytest.mark.parametrize("milestone", TIMELINE, ids=lambda one: one.key)
def test_every_step_has_its_demonstration(milestone: models.Milestone):
    app = opened(milestone.key)
    assert visit.complaints(app) == []
    assert re.search(r"\*\*(Seen|Not seen) on this input\.\*\* \S", verdict(app))
    for key in FIGURES[milestone.key]:
        assert visit.figure(app, key)["data"]
    told = " ".join(block.value for block in app.markdown)
    assert "*measured*" in told


def test_a_story_of_ones_own_is_read():
    story = "Mary went to the garden. John went to the office. Where is John?"
    app = opened("memory", story=story)
    found = mended.hops(story)
    assert found.right == "office"
    shown = visit.numbers(visit.figure(app, "mended-hops-off")["data"][0]["y"])
    assert shown == pytest.approx(list(found.without), rel=1e-5)
    assert ("which is right" in verdict(app)) == (found.reading.answer == "office")


def test_the_caches_are_of_the_visitors_text():
    text = "31.12.1999"
    app = opened("mqa", date=text)
    model = models.load("family-mqa")
    kept = visit.numbers(visit.figure(app, "mended-kept")["data"][0]["x"])
    tokens = models.count_tokens(model, text)
    assert kept[1] == 4 * tokens * 64 * model.dtype.itemsize
    assert f"Of these {tokens} tokens MQA keeps" in verdict(app)


def test_what_is_no_date_is_said():
    app = visit.opened("evolution", ancestor="local", evolution_view="What it fixed", date="hello")
    assert any("names no month" in complaint for complaint in visit.complaints(app))
