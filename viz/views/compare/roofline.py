"""What bounds prefill and decode on the device at hand: arithmetic or memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st
import torch

import models
from models.loading.placement import choose_device, choose_dtype
from models.progress import Progress, part
from viz import unforeseen
from viz.figures.costs.styles import contender_styles, legend_html
from viz.figures.layout.config import WITHOUT_BAR
from viz.figures.number_text import told_bytes, told_speed
from viz.figures.roofline import RoofRow
from viz.figures.roofline import roofline as roofline_figure
from viz.markdown import escaped
from viz.services import plans
from viz.services.device_peaks import known_peaks, measure_peaks
from viz.services.job import Job
from viz.services.known_configs import KNOWN_CONFIGS
from viz.services.lanes import MEASURING
from viz.services.roofline_points import Seat, seat_of_entrant, seat_of_known
from viz.state import choices, keys, session
from viz.views.compare.entrants import SEPARATOR, entrants
from viz.views.compare.settings import picker
from viz.views.explain import explain
from viz.views.obtain import complain
from viz.views.working import begin, forget, job_of, still_running


def roofline() -> None:
    """One view of the page Compare."""
    _controls()
    place = session.get(keys.DEVICE), session.get(keys.DTYPE)
    try:
        _measured(place)
    except models.HeadlightError as error:  # a device or number format that is not here
        complain(str(error))
    explain("Roofline")


def _controls() -> None:
    picker()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="roof-settings"):
        session.put({keys.KNOWN_PICKER: _known()})
        with st.container(width=420):
            st.multiselect(
                "Well-known models, by formula", list(KNOWN_CONFIGS), key=keys.KNOWN_PICKER, on_change=_keep_known,
                help="From their published sizes; they need not fit this machine.",
            )  # fmt: skip
        with st.container(width=210):
            st.select_slider(
                "Context, tokens", choices.ROOF_CONTEXTS, key=keys.ROOF_CONTEXT,
                help="Of each text: the prompt that prefill reads, and the past that a step of decoding looks at.",
            )  # fmt: skip
        with st.container(width=210):
            st.select_slider(
                "Texts at once", choices.ROOF_BATCHES, key=keys.ROOF_BATCH, help="The batch of both signs."
            )


def _known() -> list[str]:
    return [name for name in session.get(keys.ROOF_KNOWN).split(SEPARATOR) if name in KNOWN_CONFIGS]


def _keep_known() -> None:
    session.put({keys.ROOF_KNOWN: SEPARATOR.join(session.get(keys.KNOWN_PICKER))})


def _measured(place: tuple[str, str]) -> None:
    """The picture, once the device is measured and all configs are read."""
    peaks, known = known_peaks(*place), _known()
    job = job_of(keys.ROOFLINE_JOB, (place, *known))
    if job is None and (peaks is None or not all(map(plans.is_read, known))):
        job = begin(keys.ROOFLINE_JOB, (place, *known), _work(place, known), MEASURING)
    if job is not None and still_running(keys.ROOFLINE_JOB, job):
        return
    peaks = known_peaks(*place)
    if job is not None and not _well(job):
        return
    if peaks is not None:
        _drawn(peaks, known, place)
        _source(peaks, place)


def _work(place: tuple[str, str], known: list[str]) -> Callable[[Progress], None]:
    """Measures what has not been measured and reads what has not been read."""

    def work(progress: Progress) -> None:
        if known_peaks(*place) is None:
            measure_peaks(*place, part(progress, 0.0, 0.6))
        for index, name in enumerate(known):
            plans.anatomy_of(name, part(progress, 0.6 + 0.4 * index / len(known), 1.0))

    return work


def _well(job: Job[Any]) -> bool:
    """Whether the job has done its work; if not, why, and a button."""
    if not job.cancelled and job.error is None:
        return True
    if job.cancelled:
        st.info("Cancelled: the device was not measured.", icon=":material/cancel:")
    else:
        complain(unforeseen.sentence(job.error, "measuring the device", "a moment when less runs beside it"))
    st.button(
        "Measure the device",
        key="roof-go",
        on_click=forget,
        args=(keys.ROOFLINE_JOB,),
        icon=":material/speed:",
    )
    return False


def _start_again(place: tuple[str, str]) -> None:
    begin(keys.ROOFLINE_JOB, (place, *_known()), lambda progress: measure_peaks(*place, progress), MEASURING)


def _drawn(peaks: models.Peaks, known: list[str], place: tuple[str, str]) -> None:
    dark = st.context.theme.type == "dark"
    seats = _seats(known, choose_dtype(place[1], choose_device(place[0])))
    styles = contender_styles({seat.label: seat.kind for seat in seats})
    rows = [_row(seat, styles) for seat in seats]
    st.html(legend_html(styles, dark=dark))
    st.plotly_chart(
        roofline_figure(peaks, rows, dark=dark), key="roofline", theme=None,
        config=WITHOUT_BAR,
        alt="Attainable speed against arithmetic intensity: the device's roof, and where prefill and decode of each model sit",
    )  # fmt: skip
    reached = any(one.reached is not None for row in rows for one in (row.prefill, row.decode))
    asked = session.get(keys.ROOF_CONTEXT)
    short = sorted({seat.context for seat in seats if seat.context < asked})
    if short:
        counts = " or ".join(f"{count:,}" for count in short)
        st.caption(f":material/content_cut: Some read less than {asked:,} tokens: those stand at {counts}.")
    st.caption(
        "On the roof: what it allows (*formula* on *measured* peaks); crosses: what was reached (*measured*). Dotted: "
        "decoding from 1 to 256 texts at once."
        + ("" if reached else " Measure this context and batch in the view Measure, and crosses appear.")
    )


def _seats(known: list[str], dtype: torch.dtype) -> list[Seat]:
    """Of everything that is chosen; what cannot be placed is said."""
    where = session.get(keys.ROOF_CONTEXT), session.get(keys.ROOF_BATCH), choices.ROOF_BATCHES
    asked: list[tuple[str, Callable[[], Seat | None]]] = [
        (entrant.label, lambda entrant=entrant: seat_of_entrant(entrant, *where)) for entrant in entrants()
    ]
    asked += [(name, lambda name=name: seat_of_known(name, *where, dtype)) for name in known]
    seats = []
    for label, make in asked:
        try:
            seat = make()
        except models.HeadlightError as error:
            complain(f"{label}: {error}")
            continue
        if seat is None:
            st.caption(
                f":material/info: {escaped(label)}: its operations are not known before it is measured once."
            )
        else:
            seats.append(seat)
    return seats


def _row(seat: Seat, styles: dict[str, Any]) -> RoofRow:
    return RoofRow(seat.label, styles[seat.label], seat.context, seat.prompt, seat.step, seat.steps)


def _source(peaks: models.Peaks, place: tuple[str, str]) -> None:
    """How the roof was found."""
    threads = "" if peaks.threads is None else f", {peaks.threads} thread{'s' if peaks.threads > 1 else ''}"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            "Measure again", key="roof-again", on_click=_start_again, args=(place,), icon=":material/refresh:",
            help="A product of two matrices, a copy and a sum, a second or two.",
        )  # fmt: skip
        st.caption(
            f"Roof *measured* here on {escaped(peaks.device)} in {peaks.dtype}{threads}: {told_speed(peaks.flops_per_s)} by a "
            f"product of matrices, {_memory(peaks)}.",
            width="content",
        )
    if peaks.disturbed:
        st.caption(
            f":material/warning: Repeats differed by {peaks.spread:.0%}: the device was busy with other work, so the roof may "
            "stand higher than it is drawn. Measure again when it is quiet."
        )


def _memory(peaks: models.Peaks) -> str:
    """What memory gave, and what of it the roof is."""
    copied = f"{told_bytes(peaks.bytes_per_s)}/s by a copy, read and written"
    if peaks.read_bytes_per_s is None:
        return copied
    read = (
        f"{told_bytes(peaks.read_bytes_per_s)}/s by a sum, which only reads as a step of decoding mostly does"
    )
    return f"{copied}, {read}; the higher one is the roof"
