"""What is measured of converted models and of those they came from, once for all visitors: perplexity, and a live cache."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

import models
from models.conversion.perplexity import live_bytes
from models.progress import Progress, part
from viz import services
from viz.services import Request
from viz.services.conversions import Conversion, convert, converted
from viz.services.kept import Kept, results


@dataclass(frozen=True, slots=True)
class Measured:
    """cache_bytes: that a live cache of the model holds per token, counted from its tensors."""

    perplexity: models.Perplexity
    cache_bytes: float


@st.cache_resource(show_spinner=False)
def _all_measured() -> Kept[Measured]:
    return Kept(results())


def measured(of: Conversion | Request, text: str | None, progress: Progress = models.no_progress) -> Measured:
    """How well a converted model, or a request's own, foresees a text, None for the held-out text that comes with
    Headlight; and what its cache takes.

    A converted model that nobody looks at is dropped as soon as it is measured. Raises HeadlightError.
    """
    return _all_measured().get(_key(of, text), lambda: _measure(of, text, progress), progress)


def is_measured(of: Conversion | Request, text: str | None) -> bool:
    return _key(of, text) in _all_measured()


def _key(of: Conversion | Request, text: str | None) -> tuple[object, ...]:
    return (of, text) if isinstance(of, Conversion) else (of.model, of.device, of.dtype, text)


def _measure(of: Conversion | Request, text: str | None, progress: Progress) -> Measured:
    if isinstance(of, Request):
        model = services.model_of(of)
    else:
        model = converted(of) if of in services.model_store() else convert(of, part(progress, 0.0, 0.3))
    seen = models.measure_perplexity(model, text, progress=part(progress, 0.3, 1.0))
    return Measured(seen, live_bytes(model))
