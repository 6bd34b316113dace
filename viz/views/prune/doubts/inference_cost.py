"""“Pruning weak heads saves 20% of inference cost”: the weak heads of this model, off and taken out, timed in turn."""

from __future__ import annotations

from functools import partial

import streamlit as st

import models
from viz.figures.layout.config import WITHOUT_BAR
from viz.figures.saving_dots import Timed, saving_dots
from viz.markdown import escaped
from viz.services import pruning_saves as service
from viz.services.importance import Evaluation
from viz.services.pruning_saves import Saving
from viz.state import keys
from viz.views.columns import pair
from viz.views.prune.doubts.claim import answer, claim
from viz.views.prune.importance.steps import curve_step, sweep_step
from viz.views.prune.measuring import Step, measuring
from viz.views.prune.subject import Subject

CLAIMED = 0.2  # of the cost
PUBLISHED = (
    "*Published*: BERT with 50% of its heads removed was 1.9%, 2.7%, 17.5% and 17.5% faster at batches of 1, 4, 16 and 64 "
    "(Michel et al., arXiv 1905.10650, Table 4, GTX 1080 Ti)."
)


def saves_a_fifth(subject: Subject, evaluation: Evaluation) -> None:
    """The claim, and the experiment on a click."""
    claim(
        "Pruning weak heads saves 20% of inference cost",
        "Said where heads are masked and counted. A mask computes what it hides; only what is taken out can save anything.",
    )
    model = evaluation.loaded
    if model.geometry.role != "decoder" or evaluation.metric != "loss":
        st.info(
            f"{escaped(model.name)} does not write one token after the other; the time of reading and writing is measured on "
            "decoders. Choose one in the sidebar.",
            icon=":material/info:",
        )
        st.caption(PUBLISHED)
        return
    steps = [
        sweep_step(evaluation), curve_step(evaluation, "importance"),
        Step(
            lambda: service.is_saving_known(evaluation),
            lambda progress: service.saving(evaluation, progress),
            service.operations(evaluation),
        ),
    ]  # fmt: skip
    measuring(
        keys.INFERENCE_COST_JOB, evaluation, steps, partial(_drawn, subject, evaluation), subject.request,
        offer=f"Try it on {escaped(model.name)}", unasked=False,
    )  # fmt: skip


def _drawn(subject: Subject, evaluation: Evaluation) -> None:
    if not service.is_saving_known(evaluation):
        return
    found = service.saving(evaluation)
    left, right = pair("doubt-cost", 0.42, 0.58)
    with left:
        answer(finding(found, len(subject.every)))
        measured = found.measured[0]
        st.caption(
            f"Batch 1, {measured.prompt_tokens} tokens read and {measured.new_tokens} written, full, gated and removed in "
            f"turn, {len(measured.prefill_s)} times each on {measured.device} with {measured.threads} "
            f"thread{'s' * (measured.threads > 1)}; bars from quartile to quartile. By formula (operations for reading; bytes "
            f"of weights and cache for writing) {found.reading:.1%} and {found.writing:.1%} of the work are left. {PUBLISHED}"
        )
    with right:
        st.plotly_chart(
            saving_dots(works(found), claimed=1 - CLAIMED, dark=subject.dark), key="doubt-cost", theme=None,
            config=WITHOUT_BAR,
            alt="Time of the full, the gated and the smaller model, reading and writing",
        )  # fmt: skip


def works(found: Saving) -> list[Timed]:
    """Reading and writing."""
    prefill = [_times(measured.prefill_s) for measured in found.measured]
    decode = [_times(measured.decode_ms_per_token) for measured in found.measured]
    return [
        Timed("reading", "s", prefill[0], prefill[1], prefill[2], found.reading),
        Timed("writing", "ms per token", decode[0], decode[1], decode[2], found.writing),
    ]


def _times(repeats: models.Repeats) -> tuple[float, float, float]:
    return repeats.median, *repeats.quartiles


def finding(found: Saving, total: int) -> str:
    """The answer, from the numbers alone."""
    count = len(found.heads)
    parts, verdicts = [], []
    for work in works(found):
        removed, gated = work.removed[0] / work.full[0] - 1, work.gated[0] / work.full[0] - 1
        parts.append(
            f"{work.name} takes {removed:+.0%} time with them removed ({gated:+.0%} with them only off)"
        )
        verdicts.append(f"**{verdict(work)}** for {work.name}")
    return (
        f"{count} of {total} heads ({count / total:.0%}) are weak: without them the loss is {found.loss_share:+.1%}. "
        f"{parts[0][0].upper()}{parts[0][1:]}; {parts[1]}. The claim: {verdicts[0]}; {verdicts[1]}; on this model and machine."
    )


def verdict(work: Timed) -> str:
    """Whether as much is saved as is claimed, wherever between their quartiles both times really lie."""
    least, most = 1 - work.removed[2] / work.full[1], 1 - work.removed[1] / work.full[2]
    if least >= CLAIMED:
        return "holds"
    return "does not hold" if most < CLAIMED else "cannot be told, repeats differ too much,"
