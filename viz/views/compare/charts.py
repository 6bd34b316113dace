"""Five charts of what contenders cost: cache, decoding, reading, batches, and what a smaller cache costs in quality."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

import models
from viz.figures.costs.cache import CacheSeries, Counted, cache_against_context
from viz.figures.costs.quality import Quality, quality_against_cache
from viz.figures.costs.styles import contender_styles, legend_html
from viz.figures.costs.times import Taken, TimeSeries, medians
from viz.figures.kinds import KindStyle
from viz.figures.layout.config import WITHOUT_BAR
from viz.markdown import escaped
from viz.services.contenders import Entrant, Line, card_of, formula_line, known_anatomy
from viz.services.measurements import Plan, Point
from viz.views.columns import pair, thirds

LINE_CONTEXTS = tuple(
    2**power for power in range(7, 14)
)  # that formula lines are drawn through, and beyond if asked


def charts(plan: Plan, points: Sequence[Point], *, going_on: bool, dark: bool) -> None:
    """All of them. going_on: more is being measured."""
    styles = _styles(plan)
    st.html(legend_html(styles, dark=dark))
    few, short = min(plan.batches), _shortest(points)
    at_few = [point for point in points if point.cell.batch == few]
    at_short = [point for point in points if point.cell.context == short.get(point.entrant.label)]
    left, right = pair("costs-memory", 0.5, 0.5)
    with left:
        _cache(plan, at_few, styles, dark)
    with right:
        _quality(plan, points, styles, dark)
    if not points:
        st.caption(
            "Times appear here as soon as they are measured."
            if going_on
            else "No times yet: press Run to measure them."
        )
        return
    step, prompt, rate = thirds("costs-times")
    with step:
        _times(
            f"Time of one step{_of(few)}",
            at_few,
            styles,
            dark,
            _decode,
            ("context, tokens", "ms a step"),
            key="cost-decode",
        )
    with prompt:
        _times(
            f"Reading the prompt{_of(few)}",
            at_few,
            styles,
            dark,
            _prefill,
            ("context, tokens", "seconds"),
            key="cost-prefill",
        )
    with rate:
        title = f"Throughput at {_contexts(short)}"
        _times(
            title,
            at_short,
            styles,
            dark,
            _throughput,
            ("batch, texts at once", "new tokens a second"),
            key="cost-batch",
        )


def _styles(plan: Plan) -> dict[str, KindStyle]:
    return contender_styles({entrant.label: _kind(entrant) for entrant in plan.entrants})


def _kind(entrant: Entrant) -> Any:
    try:
        known = known_anatomy(entrant)
    except models.HeadlightError:
        known = None
    return "mha" if known is None else known.shape.kind


def _shortest(points: Sequence[Point]) -> dict[str, int]:
    """Of each contender, the context at which its batches were measured."""
    shortest: dict[str, int] = {}
    for point in points:
        label = point.entrant.label
        shortest[label] = min(shortest.get(label, point.cell.context), point.cell.context)
    return shortest


def _of(batch: int) -> str:
    return "" if batch == 1 else f", {batch} texts at once"


def _contexts(short: dict[str, int]) -> str:
    counts = sorted(set(short.values()))
    return f"{' or '.join(f'{count:,}' for count in counts)} tokens" if counts else "the shortest context"


def _cache(plan: Plan, points: Sequence[Point], styles: dict[str, KindStyle], dark: bool) -> None:
    st.markdown(
        "**Cache against context** · *measured* on *formula*",
        help="Signs are bytes counted in the tensors of the live cache; lines are DeepSeek-V2 (arXiv 2405.04434), Table 1. "
        "A red ring marks a cache that is more than 1% off its formula.",
    )
    series = [
        CacheSeries(
            entrant.label, styles[entrant.label], line_of(entrant, plan.contexts),
            [counted(point) for point in points if point.entrant == entrant],
        )
        for entrant in plan.entrants
    ]  # fmt: skip
    st.plotly_chart(
        cache_against_context(series, dark=dark), key="cost-cache", theme=None, config=WITHOUT_BAR,
        alt="Bytes of the cache of one text against its length, by formula and as measured",
    )  # fmt: skip
    wrong = [(one.label, point) for one in series for point in one.counted if point.is_off]
    for label, point in wrong:
        st.caption(
            f":red[:material/error: **{escaped(label)}** at {point.context:,} tokens: {point.off:+.3g} of the formula; "
            f"{escaped(point.reason) or 'why is not known'}.]"
        )


def line_of(entrant: Entrant, contexts: Sequence[int]) -> Line:
    """Its formula, () where there is none, which the measurement says in a sentence."""
    beyond = tuple(count for count in contexts if count > LINE_CONTEXTS[-1])
    below = tuple(count for count in contexts if count < LINE_CONTEXTS[0])
    try:
        return formula_line(entrant, (*below, *LINE_CONTEXTS, *beyond))
    except models.HeadlightError:
        return ()


def counted(point: Point) -> Counted:
    """The cache of one text of the batch."""
    measured, texts = point.measured, point.cell.batch
    formula = None if measured.formula_bytes is None else measured.formula_bytes / texts
    return Counted(point.cell.context, measured.cache_bytes / texts, formula, _reason(point))


def _reason(point: Point) -> str:
    if point.measured.other_bytes:
        return f"its layers keep {point.measured.other_bytes:,} bytes of another kind, which the formula does not count"
    return ""


def _times(
    title: str,
    points: Sequence[Point],
    styles: dict[str, KindStyle],
    dark: bool,
    taken: Callable[[Point], Taken],
    axes: tuple[str, str],
    *,
    key: str,
) -> None:
    st.markdown(f"**{title}** · *measured*")
    labels = dict.fromkeys(point.entrant.label for point in points)
    series = [
        TimeSeries(label, styles[label], [taken(point) for point in points if point.entrant.label == label])
        for label in labels
    ]
    st.plotly_chart(
        medians(series, axes, dark=dark), key=key, theme=None, config=WITHOUT_BAR,
        alt=f"{title}: a line a contender, medians with quartiles",
    )  # fmt: skip


def _decode(point: Point) -> Taken:
    took = point.measured.decode_ms_per_token
    return Taken(
        point.cell.context, took.median, *took.quartiles, _hover(point, f"{took.median:.6g} ms a step")
    )


def _prefill(point: Point) -> Taken:
    took = point.measured.prefill_s
    hover = f"{took.median:.6g} s for a prompt of {point.measured.prompt_tokens:,}"
    return Taken(point.cell.context, took.median, *took.quartiles, _hover(point, hover))


def _throughput(point: Point) -> Taken:
    low, high = point.measured.decode_ms_per_token.quartiles
    rate, texts = point.measured.tokens_per_s, point.cell.batch
    return Taken(
        texts, rate, 1000 * texts / high, 1000 * texts / low, _hover(point, f"{rate:.6g} tokens a second")
    )


def _hover(point: Point, what: str) -> str:
    many = f", {point.cell.batch} texts at once" if point.cell.batch > 1 else ""
    times = f"median of {point.repeats}" if point.repeats > 1 else "once"
    return f"{what} (measured, {times}; {point.cell.context:,} tokens{many})"


def _quality(plan: Plan, points: Sequence[Point], styles: dict[str, KindStyle], dark: bool) -> None:
    found = [one for entrant in plan.entrants if (one := _one_quality(entrant, points, styles)) is not None]
    st.markdown(
        "**Quality against cache** · *measured*",
        help="Validation loss as the model's card has it, on text it was not trained on. Only losses on the same text and "
        "vocabulary can be compared, as the family's can.",
    )
    if not found:
        st.caption("None of these models has a card that says how well it reads.")
        return
    st.plotly_chart(
        quality_against_cache(found, dark=dark), key="cost-quality", theme=None, config=WITHOUT_BAR,
        alt="Validation loss against bytes of cache per token, a point a contender",
    )  # fmt: skip
    missing = [
        escaped(entrant.label)
        for entrant in plan.entrants
        if entrant.label not in {one.label for one in found}
    ]
    if missing:
        st.caption(f"No card: {', '.join(missing)}.")


def _one_quality(entrant: Entrant, points: Sequence[Point], styles: dict[str, KindStyle]) -> Quality | None:
    card = card_of(entrant)
    if card is None:
        return None
    own = [point for point in points if point.entrant == entrant]
    line = line_of(entrant, ())
    if own:
        held, how = own[-1].measured.cache_bytes / (own[-1].cell.context * own[-1].cell.batch), "measured"
    elif line:
        held, how = line[0][1] / line[0][0], "formula"
    else:
        return None
    hover = "undertrained" if card.undertrained else f"{card.validation_tokens:,} validation tokens"
    return Quality(entrant.label, styles[entrant.label], held, how, card.validation_loss, hover)
