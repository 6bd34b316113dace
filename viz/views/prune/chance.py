"""What as many random heads of the same layers cost: what a choice must be held against."""

from __future__ import annotations

import math

import streamlit as st

from models.pruning.chance import ChanceLoss
from viz.figures.chance_dots import chance_dots
from viz.figures.layout.config import WITHOUT_BAR
from viz.services import ablations
from viz.services.ablations import Choice, Effect
from viz.services.lanes import EXTRAS
from viz.state import keys
from viz.views import obtain
from viz.views.prune.presets import in_words
from viz.views.prune.subject import Subject
from viz.views.working import begin, forget, job_of, still_running


def chance(subject: Subject, choice: Choice, effect: Effect) -> None:
    """Worked out in the background, after all else is drawn."""
    if choice != subject.choice or set(choice.off) == set(subject.every) or not _is_measured(effect):
        return
    request = subject.request
    if not ablations.is_chance_known(request, choice):
        job = job_of(keys.CHANCE_JOB, (request, choice)) or begin(
            keys.CHANCE_JOB,
            (request, choice),
            lambda progress: ablations.chance(request, choice, progress),
            EXTRAS,
        )
        if still_running(keys.CHANCE_JOB, job):
            return
        if job.result is None:
            if job.error is not None:
                obtain.complain(obtain.sentence(job.error, request))
            st.button(
                "Compare with random heads", key="prune-chance-go", on_click=forget, args=(keys.CHANCE_JOB,),
                help="Switch off as many random heads of the same layers, five times.",
            )  # fmt: skip
            return
    _drawn(subject, effect, ablations.chance(request, choice))


def _is_measured(effect: Effect) -> bool:
    return math.isfinite(effect.ablation.loss_after) or bool(effect.ablation.kl.isfinite().any())


def _drawn(subject: Subject, effect: Effect, found: ChanceLoss) -> None:
    ablation = effect.ablation
    by_loss = math.isfinite(ablation.loss_after)
    chosen = ablation.loss_after - ablation.loss_before if by_loss else ablation.kl.nanmean().item()
    draws = found.delta_loss if by_loss else found.kl
    mean = sum(draws) / len(draws)
    what = "rise of the loss" if by_loss else "KL"
    st.markdown(
        f"**Against random heads**: {what} {_signed(chosen)} nats, random heads {_signed(mean)} "
        f"({_signed(min(draws))} to {_signed(max(draws))})",
        help=f"*Measured*: {len(draws)} draws of as many random heads of the same layers, in the same way off, on this text. "
        "The diamond is your choice, a dot is a draw; hover over it for its heads.",
    )
    drawn_heads = [in_words(heads) for heads in found.draws]
    unit = "nats per token" if by_loss else "nats"
    st.plotly_chart(
        chance_dots(chosen, draws, drawn_heads, unit, dark=subject.dark), key="prune-chance-dots", theme=None,
        config=WITHOUT_BAR, alt="What these heads cost beside random heads",
    )  # fmt: skip


def _signed(number: float) -> str:
    return f"{number:+.3g}".replace("-", "−")
