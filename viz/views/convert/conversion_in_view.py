"""Get the conversion that is asked for, in the background, and keep the last good one in view until it is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import streamlit as st

import models
from viz import services
from viz.services import Request, conversions
from viz.services.conversions import Conversion
from viz.services.job import Job
from viz.state import keys, session
from viz.views import obtain
from viz.views.convert.sizes import AUTOMATIC_S
from viz.views.working import begin, job_of, still_running


@dataclass(frozen=True, slots=True)
class ConversionInView:
    """A conversion and the request whose text both models have read. before, after: what they did with it."""

    conversion: Conversion
    request: Request
    before: models.Capture
    after: models.Capture
    dark: bool

    @property
    def original(self) -> models.AttentionModel:
        return services.model_of(self.request)

    @property
    def converted(self) -> models.AttentionModel:
        return conversions.converted(self.conversion)


def convert_button(conversion: Conversion, request: Request) -> None:
    """Starts it, also where it has been cancelled before."""
    job = job_of(keys.CONVERT_JOB, (conversion, request))
    st.button(
        "Convert", type="primary", key="convert-go", on_click=_restart, args=(conversion, request),
        disabled=conversions.is_converted(conversion, request) or (job is not None and job.running),
        help="Make the model with these latents. The original stays as it is.",
    )  # fmt: skip


def obtain_conversion(wanted: Conversion, request: Request, seconds: float) -> ConversionInView | None:
    """What can be shown; what went wrong, and how far it is, is said on the page.

    seconds: estimated; what takes long waits for the button. Falls back to this visitor's last good conversion of the same
    model; None where there is none.
    """
    if _is_there(wanted, request, seconds):
        session.put({keys.LAST_CONVERSION: (wanted, request)})
        return _in_view(wanted, request)
    return _last(request)


def _is_there(wanted: Conversion, request: Request, seconds: float) -> bool:
    if conversions.is_converted(wanted, request):
        return True
    job = job_of(keys.CONVERT_JOB, (wanted, request))
    if job is None and seconds <= AUTOMATIC_S:
        job = _start(wanted, request)
    if job is None:
        st.info("Press Convert to make this model.", icon=":material/compress:")
        return False
    if still_running(keys.CONVERT_JOB, job):
        return False
    if job.cancelled:
        st.info(
            "Cancelled. Press Convert to start it again; the original is as it was.", icon=":material/cancel:"
        )
    elif job.error is not None:
        obtain.complain(obtain.sentence(job.error, request))
    else:
        return True
    return False


def _restart(wanted: Conversion, request: Request) -> None:
    _start(wanted, request)


def _start(wanted: Conversion, request: Request) -> Job[Any]:
    return begin(keys.CONVERT_JOB, (wanted, request), lambda progress: _work(wanted, request, progress))


def _work(wanted: Conversion, request: Request, progress: models.Progress) -> None:
    """The result stays in the shared store alone, which is bounded."""
    conversions.converted_capture(wanted, request, progress)


def _last(request: Request) -> ConversionInView | None:
    wanted, before = session.find(keys.LAST_CONVERSION, (None, None))
    if wanted is None or before.model != request.model or not conversions.is_converted(wanted, before):
        return None
    st.caption("Below is what was shown before.")
    return _in_view(wanted, before)


def _in_view(wanted: Conversion, request: Request) -> ConversionInView:
    return ConversionInView(
        wanted,
        request,
        services.capture(request),
        conversions.converted_capture(wanted, request),
        st.context.theme.type == "dark",
    )
