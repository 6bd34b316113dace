"""What each size of latents costs: perplexity against bytes per token, point by point as they are measured."""

from __future__ import annotations

from typing import Any

import streamlit as st

import models
from models.conversion.ranks import SMALLEST, full_rank
from models.progress import part
from viz.figures.layout.config import WITHOUT_BAR
from viz.figures.perplexity_against_cache import Size, perplexity_against_cache
from viz.markdown import escaped
from viz.services import Request
from viz.services.conversion_measures import Measured, is_measured, measured
from viz.services.conversions import Conversion
from viz.services.job import Job
from viz.state import keys, session
from viz.views import obtain
from viz.views.columns import pair
from viz.views.convert.conversion_in_view import ConversionInView
from viz.views.convert.published import published
from viz.views.convert.rows import row
from viz.views.convert.sizes import bytes_of_rank, number_format, original_bytes, per_layer
from viz.views.working import begin, forget, job_of, still_running

SHARES = (1.0, 0.83, 0.67, 0.5, 0.33, 0.25)  # of the full rank
HELD_OUT, SHOWN = "held-out text", "the text in the sidebar"


def curve(in_view: ConversionInView) -> None:
    """The figure on the left; what it was measured on, the chosen conversion in numbers, and others' numbers on the right."""
    left, right = pair("curve", 0.62, 0.38)
    with right:
        text = _measured_on(in_view.request)
        numbers = st.container()
    with left:
        if not _measuring(in_view, text):
            _figure(in_view, text)
    with numbers:
        _in_numbers(in_view, text)
        published()


def _measured_on(request: Request) -> str | None:
    """The text, None for the held-out one."""
    if session.get(keys.MEASURED_ON) not in (HELD_OUT, SHOWN):
        session.put({keys.MEASURED_ON: HELD_OUT})
    st.segmented_control(
        "Measured on", (HELD_OUT, SHOWN), key=keys.MEASURED_ON, required=True,
        help="The held-out text comes with Headlight and is no part of its calibration text. A short text says little.",
    )  # fmt: skip
    return None if session.get(keys.MEASURED_ON) == HELD_OUT else request.text


def sizes(in_view: ConversionInView) -> list[Conversion]:
    """The conversions that the line goes through."""
    rope = in_view.conversion.rope
    most = full_rank(in_view.original, rope)
    ranks = dict.fromkeys(max(round(share * most), SMALLEST[rope]) for share in SHARES)
    return [Conversion(in_view.conversion.fitting, rank=rank, rope=rope) for rank in ranks]


def _measuring(in_view: ConversionInView, text: str | None) -> bool:
    """Have what is missing measured in the background, the original and the chosen one first; what is there is drawn."""
    wanted: list[Conversion | Request] = [in_view.request, in_view.conversion, *sizes(in_view)]
    if all(is_measured(one, text) for one in wanted):
        return False
    key = (in_view.conversion, in_view.request, text)
    job = job_of(keys.CURVE_JOB, key) or begin(
        keys.CURVE_JOB, key, lambda job: _measure_all(wanted, text, job)
    )
    if still_running(keys.CURVE_JOB, job, lambda: _figure(in_view, text)):
        return True
    if job.cancelled:
        st.button("Measure the rest", key="measure-again", on_click=forget, args=(keys.CURVE_JOB,))
    elif job.error is not None:
        obtain.complain(obtain.sentence(job.error, in_view.request))
    return False


def _measure_all(wanted: list[Conversion | Request], text: str | None, job: Job[Any]) -> None:
    for place, one in enumerate(wanted):
        measured(one, text, part(job, place / len(wanted), (place + 1) / len(wanted)))
        job.announce()


def _known(of: Conversion | Request, text: str | None) -> Measured | None:
    return measured(of, text) if is_measured(of, text) else None


def _figure(in_view: ConversionInView, text: str | None) -> None:
    points = [_size(in_view.original, one, _known(one, text)) for one in sizes(in_view)]
    original, chosen = _known(in_view.request, text), _known(in_view.conversion, text)
    if original is None:
        return
    figure = perplexity_against_cache(
        [point for point in points if point is not None],
        Size(
            original_bytes(in_view.original),
            original.perplexity.perplexity,
            _hover(in_view.original.name, original),
        ),
        _size(in_view.original, in_view.conversion, chosen, in_view.converted.geometry),
        dark=in_view.dark,
    )
    st.plotly_chart(
        figure, key="convert-curve", theme=None, config=WITHOUT_BAR,
        alt="Perplexity against cache bytes per token, the original and the chosen conversion marked",
    )  # fmt: skip


def _size(
    model: models.AttentionModel,
    conversion: Conversion,
    known: Measured | None,
    shape: models.Geometry | None = None,
) -> Size | None:
    """A point of the figure; none before it is measured. shape: of the converted model, where its ranks differ."""
    if known is None:
        return None
    rank = mean_rank(conversion, shape)
    taken = bytes_of_rank(model, rank)
    whose = "mean rank" if conversion.budget is not None else "rank"
    if conversion.rope == "decoupled":
        whose = "latent and rotary key"
    hover = f"{whose} {rank:.3g}, {taken / original_bytes(model):.0%} of the cache"
    return Size(taken, known.perplexity.perplexity, _hover(hover, known))


def _hover(what: str, known: Measured) -> str:
    return f"{what}; {known.cache_bytes:,.6g} bytes per token counted in a live cache"


def mean_rank(conversion: Conversion, shape: models.Geometry | None) -> float:
    """Of all layers."""
    if shape is not None and shape.kv_lora_ranks is not None:
        return sum(shape.kv_lora_ranks) / shape.layers
    return float(conversion.rank or (shape and shape.kv_lora_rank) or 0)


def _in_numbers(in_view: ConversionInView, text: str | None) -> None:
    before, after = _known(in_view.request, text), _known(in_view.conversion, text)
    first, second = row("numbers", 2)
    with first:
        _cache(in_view, after)
    if before is None or after is None:
        second.metric("Perplexity", "…", "being measured", delta_color="off")
        return
    was, now = before.perplexity, after.perplexity
    second.metric(
        "Perplexity", f"{now.perplexity:.3g}", f"{now.perplexity / was.perplexity - 1:+.1%} on {was.perplexity:.3g}",
        delta_color="inverse",
        help=f"{was.perplexity:.6g} before, {now.perplexity:.6g} after: the exponential of the mean loss per token.",
    )  # fmt: skip
    st.caption(f"*Measured* on {now.tokens:,} tokens of {_where(text)}, in windows of 512.")
    for name, taken, counted in (
        (in_view.original.name, original_bytes(in_view.original), before.cache_bytes),
        (in_view.converted.name, _taken(in_view), after.cache_bytes),
    ):
        if counted != taken:
            st.warning(
                escaped(f"A live cache of {name} takes {counted:,.6g} bytes per token, but the formula says {taken:,}."),
                icon=":material/warning:",
            )  # fmt: skip


def _taken(in_view: ConversionInView) -> int:
    """Bytes per token of the converted model's cache, by formula."""
    return bytes_of_rank(in_view.original, mean_rank(in_view.conversion, in_view.converted.geometry))


def _cache(in_view: ConversionInView, after: Measured | None) -> None:
    """Bytes per token by formula, and below it as counted in a live cache."""
    model, taken, was = in_view.original, _taken(in_view), original_bytes(in_view.original)
    rank = mean_rank(in_view.conversion, in_view.converted.geometry)
    st.metric(
        "Cache per token", f"{taken:,} B", f"{taken / was - 1:.0%} of {was:,} B", delta_color="inverse",
        help=f"Formula, in {number_format(model)}: {rank:.4g} numbers a layer in place of {per_layer(model)}.",
    )  # fmt: skip
    if after is not None:
        st.caption(
            f"*Formula*; *measured* {after.cache_bytes:,.6g} B",
            help="Counted from the tensors of a live cache of the converted model, divided by the tokens in it.",
        )


def _where(text: str | None) -> str:
    return "held-out prose that comes with Headlight" if text is None else "the text in the sidebar"
