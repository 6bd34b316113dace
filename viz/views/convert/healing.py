"""Short healing: the converted model learns from its original, in a process of its own, and can be stopped."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from typing import cast

import streamlit as st

import models
from models.conversion.calibration import TEXT
from models.progress import Progress
from viz import services
from viz.components.job_watch import job_watch
from viz.figures.healing_loss import healing_loss
from viz.figures.layout.config import WITHOUT_BAR
from viz.services import conversions
from viz.services.forecast import about
from viz.services.healing import Healing
from viz.state import choices, keys
from viz.views import obtain
from viz.views.columns import pair
from viz.views.convert.conversion_in_view import ConversionInView
from viz.views.convert.rows import row
from viz.views.convert.sizes import healing_seconds
from viz.views.open_in_explore import take_folder
from viz.views.working import FIRST_LOOK_S, hold, job_of

TOKENS = (20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000)
OURS, OWN = "the calibration text", "my text"


def heal(in_view: ConversionInView) -> None:
    """Controls on the left; on the right what the run tells, and what it won."""
    left, right = pair("heal", 0.4, 0.6)
    with left:
        st.markdown(
            "**Learn from the original**",
            help="Distillation (Hinton et al. 2015): only the latents' factors learn.",
        )
        if find_spec("accelerate") is None:
            st.info(
                "Healing trains with Hugging Face Accelerate, which is not installed here: run “.venv/bin/pip install -r "
                "requirements-train.txt” and start Headlight again.",
                icon=":material/download:",
            )
            return
        tokens, corpus = _controls(in_view)
        healing = cast(Healing | None, job_of(keys.HEALING_JOB, (in_view.conversion, corpus, tokens)))
        _buttons(in_view, healing, corpus, tokens)
    with right:
        if healing is not None:
            _run_so_far(healing, in_view)


def _controls(in_view: ConversionInView) -> tuple[int, str]:
    """How many tokens are learnt from, and of which text."""
    tokens = st.select_slider(
        "Tokens to learn from", TOKENS, TOKENS[1], key="heal-tokens", format_func=lambda count: f"{count:,}",
        help="A shorter text is read again, from other places.",
    )  # fmt: skip
    source = st.radio("Text to learn from", (OURS, OWN), key="heal-source", horizontal=True)
    corpus = in_view.conversion.fitting.text or TEXT.read_text("utf-8")
    if source == OWN:
        corpus = st.text_area(
            "Text of your own", key="heal-text", height=120, max_chars=choices.LONGEST_TEXT,
            help="At least 1,024 tokens; the more, the better it heals.",
        )  # fmt: skip
    model = in_view.original
    seconds = healing_seconds(model, tokens, services.flops_per_s(str(model.device)))
    st.caption(
        f"{about(seconds).capitalize()} on {model.device}, by formula; it can be stopped and taken up again."
    )
    return tokens, corpus or ""


def _buttons(in_view: ConversionInView, healing: Healing | None, corpus: str, tokens: int) -> None:
    with st.container(horizontal=True):
        running = healing is not None and healing.running
        stage = _stage(healing)
        st.button(
            "Go on" if stage == "stopped" else "Heal", type="primary", key="heal-go",
            disabled=running or stage == "done", on_click=_start, args=(in_view, corpus, tokens),
            help="Train the latents to say what the original says.",
        )  # fmt: skip
        if healing is not None:
            st.button(
                "Stop", key="heal-stop", disabled=not running, on_click=healing.stop,
                help="Leave a checkpoint, from which it goes on.",
            )  # fmt: skip


def _stage(healing: Healing | None) -> str:
    return "" if healing is None or healing.run is None else healing.run.progress.stage


def _start(in_view: ConversionInView, corpus: str, tokens: int) -> None:
    mark = hashlib.sha256(f"{corpus}\0{tokens}".encode()).hexdigest()[:12]

    def start(progress: Progress) -> models.HealingRun:
        progress("Writing the model to its folder", 0.0)
        folder = conversions.saved(in_view.conversion)
        return models.start_healing(
            folder,
            in_view.request.model,
            corpus,
            conversions.healing_folder(in_view.conversion, mark),
            tokens=tokens,
            device=in_view.original.device.type,
        )

    hold(keys.HEALING_JOB, (in_view.conversion, corpus, tokens), Healing(start))


def _run_so_far(healing: Healing, in_view: ConversionInView) -> None:
    revision = healing.revision  # first: what comes later is drawn later
    if healing.running:
        healing.wait(FIRST_LOOK_S)
    if healing.running:
        job_watch(healing, key="heal-watch", revision=revision)
    elif healing.error is not None:
        obtain.complain(obtain.sentence(healing.error, in_view.request))
    run = healing.run
    if run is None:
        return
    progress = run.progress
    if progress.stage == "failed":
        obtain.complain(progress.message)
    elif progress.stage == "stopped":
        st.info(
            f"Stopped at step {progress.step} of {progress.steps}; Go on takes it up again.",
            icon=":material/pause:",
        )
    _curve(run)
    if progress.stage == "done":
        _won(run)


def _curve(run: models.HealingRun) -> None:
    losses = run.losses
    if losses:
        dark = st.context.theme.type == "dark"
        st.plotly_chart(
            healing_loss(losses, dark=dark), key="heal-loss", theme=None,
            config=WITHOUT_BAR, alt="Loss of healing, step by step",
        )  # fmt: skip


def _won(run: models.HealingRun) -> None:
    progress = run.progress
    assert progress.before is not None
    assert progress.after is not None
    assert progress.original is not None
    columns = row("won", 3)
    columns[0].metric("Converted", f"{progress.before:.3g}", help=f"{progress.before:.6g}")
    change = f"{progress.after / progress.before - 1:+.1%}"
    columns[1].metric(
        "Healed", f"{progress.after:.3g}", change, delta_color="inverse", help=f"{progress.after:.6g}"
    )
    columns[2].metric("Original", f"{progress.original:.3g}", help=f"{progress.original:.6g}")
    st.caption("Perplexity, *measured* on text that was held out of what it learnt from.")
    if run.folder is not None:
        st.button(
            "Look at the healed model in Explore", key="heal-explore", on_click=take_folder, args=(str(run.folder),),
            icon=":material/grid_view:",
        )  # fmt: skip
