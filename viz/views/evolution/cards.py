"""How each ancestor was trained, and how well it does its task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

import models
from models.classic.card import TaskCard
from models.classic.papers import MEMORY as MEMORY_PAPER
from models.classic.papers import MEMORY_TEST_ERROR
from viz.figures.ancestors import Line, accuracy_by_length, learning_curves, reinforce_variance
from viz.figures.layout.config import WITHOUT_BAR
from viz.services.ancestors import DATE_MODELS, MEMORY, TITLES
from viz.views.columns import pair

TASK_TITLES = {
    1: "a single supporting fact",
    2: "two supporting facts",
    3: "three supporting facts",
    15: "basic deduction",
}


def training(dark: bool) -> None:
    """Accuracy by length, curves of the trainings, and what a baseline does for REINFORCE."""
    found = {name: models.task_card(name) for name in DATE_MODELS}
    left, right = pair("evolution-training", 0.5, 0.5)
    with left:
        st.markdown(
            "**Read right, by the text's length** · *measured*",
            help="Exact match on the common test set: 2,000 dates of days that no model saw, with words around some of them.",
        )
        _chart(
            accuracy_by_length(
                length_lines({name: card.by_length for name, card in found.items()}), dark=dark
            ),
            "ancestors-length",
            "Accuracy by length",
        )
    with right:
        st.markdown(
            "**While they were trained** · *measured*",
            help="Mean loss over the steps since the point before.",
        )
        _chart(learning_curves(_curves(found), dark=dark), "ancestors-curves", "Losses over the training")
    _variance(found["classic-hard"], dark)
    memory = models.task_card(MEMORY)
    _stories(memory)
    for name, card in (found | {MEMORY: memory}).items():
        with st.expander(f"Card of {name}", icon=":material/id_card:"):
            card_body(card)


def _stories(card: TaskCard) -> None:
    """The memory network's errors beside those of the paper."""
    st.markdown(
        "**The memory network’s test error**",
        help="Ours: 1,000 unseen questions of each task, on stories of our own generator, so the two columns are not of the "
        "same questions. The paper’s network was trained on all 20 tasks of bAbI, ours on these four.",
    )
    rows = [
        f"| {task} · {title} | {card.figures[f'error_on_task_{task}']:.1%} | {MEMORY_TEST_ERROR[task]:.1f}% |"
        for task, title in TASK_TITLES.items()
    ]
    head = "| in the manner of bAbI’s task | ours, *measured* | the paper’s, on bAbI, *published* |"
    st.markdown("\n".join([head, "| --- | ---: | ---: |", *rows]))
    st.caption(
        f"{MEMORY_PAPER.authors}, [{MEMORY_PAPER.title}](https://arxiv.org/abs/{MEMORY_PAPER.arxiv}), Table 1: 3 hops, "
        "position encoding, linear start and random noise, joint training, 1,000 questions of each task."
    )


def card_body(card: TaskCard) -> None:
    """What is known of one model."""
    lines = ["| what | value | how |", "| --- | ---: | --- |"]
    lines += [f"| {_plain(name)} | {share:.2%} | *measured* |" for name, share in card.figures.items()]
    lines += [
        f"| weights | {card.parameters:,} | *counted* |",
        f"| training took | {card.train_seconds:,.0f} s, {card.threads} CPU thread{'s' * (card.threads > 1)} | *measured* |",
    ]
    st.markdown("\n".join(lines))
    st.caption(
        f"{card.trained_on} Made with torch {card.torch}, transformers {card.transformers}, {card.date}."
    )
    st.code(card.command, language="sh", wrap_lines=True)


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _variance(card: TaskCard, dark: bool) -> None:
    steps, without, with_one, _ = zip(*card.variance, strict=True)
    left, right = pair("evolution-variance", 0.5, 0.5)
    with left:
        st.markdown("**REINFORCE, with and without its baseline** · *measured*")
        figure = reinforce_variance(steps, without, with_one, dark=dark)
        _chart(figure, "reinforce-variance", "Variance of the gradient of hard attention")
    with right:
        first, last = _change(without[0] / with_one[0]), _change(without[-1] / with_one[-1])
        st.markdown(
            f"""
Hard attention is taught by trying: a place is drawn, and what was drawn becomes likelier if the writer then did well. Such a
gradient is right on average and wild in each single draw. A *baseline* says how well the writer would have done anyway, and
only what is better or worse than that counts.

Measured during its training, on the same dates with 16 draws each time: with the baseline, a linear function of the writer's
state that is learned beside it, the variance is **{first}** at step {steps[0]:,.0f}, when much is still written wrong, and
**{last}** at step {steps[-1]:,.0f}, when there is little left to foretell.
"""
        )


def _change(ratio: float) -> str:
    """ratio: of the variance without a baseline to that with it."""
    return f"{ratio:.3g} times smaller" if ratio >= 1 else f"{1 / ratio:.3g} times larger"


def length_lines(found: Mapping[str, Sequence[Sequence[int]]]) -> list[Line]:
    """Share of texts that each model reads right, by their length. found: by model, (shortest, longest, texts, right)."""
    lines: list[Line] = []
    for name, by_length in found.items():
        bands = [band for band in by_length if band[2]]
        lines.append(
            Line(
                name,
                TITLES[name],
                [(shortest + longest) / 2 for shortest, longest, _, _ in bands],
                [right / texts for _, _, texts, right in bands],
                [
                    f"{shortest} to {longest} characters: {right:,} of {texts:,}"
                    for shortest, longest, texts, right in bands
                ],
            )
        )
    return lines


def _curves(found: dict[str, TaskCard]) -> list[Line]:
    return [
        Line(
            name,
            TITLES[name],
            [step for step, _ in card.curve],
            [loss for _, loss in card.curve],
            [f"step {step:,.0f}" for step, _ in card.curve],
        )
        for name, card in found.items()
        if name != "classic-hard"  # its loss has the drawing's in it
    ]


def _chart(figure: object, key: str, alt: str) -> None:
    st.plotly_chart(figure, key=key, theme=None, config=WITHOUT_BAR, alt=alt)
