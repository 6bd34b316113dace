"""What a head's scores are made of: what tokens are (content), and where they stand (rotary)."""

from __future__ import annotations

import streamlit as st

import models
from models.look.latent_reading import ScoreShares
from models.look.latent_views import HIDDEN
from viz import services
from viz.components.head_wall import BY_LAYER, head_wall
from viz.figures.layout.config import WITHOUT_BAR
from viz.figures.number_text import number_text
from viz.figures.score_parts import score_heatmaps
from viz.markdown import escaped
from viz.services.score_shares import is_known, score_shares
from viz.state.head_in_view import select_head
from viz.views.columns import column_style, pair
from viz.views.explain import explain
from viz.views.latents.subject import Subject
from viz.views.selected_head import head_name

WALL_HEIGHT = 420
CENTRED, RAW = "Centred per query", "As they are"
CONTENT, ROTARY, COUPLING = "content share", "rotary share", "coupling"
_ORDERS = {
    BY_LAYER: "Layers down, heads across",
    CONTENT: "Most content first",
    ROTARY: "Most rotary first",
    COUPLING: "Most coupled first",
}
_WAY_HELP = (
    "Centred: each score less the mean over all keys that its query sees. Adding one number to all scores of a query "
    "changes no attention, so only this difference counts."
)
_NUMBERS_HELP = (
    "Measured on this text. Content share: how much of what tells one key from another is content (variance over a query's "
    "visible keys, V_c / (V_c + V_r)); the rest is rotary. Coupling: covariance of both, from −1 to 1: above 0 they "
    "push the same keys, below 0 they cancel."
)


def scores(subject: Subject) -> None:
    """The chosen head's scores in their parts, and all heads by which part decides."""
    try:
        shares = _shares(subject)
        content, rotary = subject.run.score_parts(subject.layer, subject.head)
    except models.BadSelection as error:
        st.info(escaped(error), icon=":material/info:")
        return
    column_style()
    st.markdown(f"#### {_title(subject, shares)}", help=_NUMBERS_HELP)
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        way = st.segmented_control(
            "Scores", (CENTRED, RAW), default=CENTRED, key="latent-scores-way", required=True,
            label_visibility="collapsed", help=_WAY_HELP, width="content",
        )  # fmt: skip
        st.markdown(_numbers(subject, shares), width="content")
    figure = score_heatmaps(
        content.numpy(),
        rotary.numpy(),
        (content > HIDDEN).numpy(),
        subject.run.tokens,
        centred=way != RAW,
        marked=subject.position,
        dark=subject.dark,
    )
    st.plotly_chart(
        figure,
        key="latent-scores",
        theme=None,
        config=WITHOUT_BAR,
        alt=f"Content part, rotary part and sum of the scores of {head_name(subject.layer, subject.head)}",
    )
    left, right = pair("latent-scores", 0.6, 0.4)
    with left:
        _wall(subject, shares)
    with right:
        _kinds(subject, shares)
    explain("Scores")


def _shares(subject: Subject) -> ScoreShares:
    if is_known(subject.request):
        return score_shares(subject.request, subject.run)
    with st.spinner("Working out what each head's scores are made of"):
        return score_shares(subject.request, subject.run)


def _title(subject: Subject, shares: ScoreShares) -> str:
    kind = shares.kind(subject.layer, subject.head)
    return head_name(subject.layer, subject.head) + (f" · {kind}" if kind else "")


def _numbers(subject: Subject, shares: ScoreShares) -> str:
    share, coupling = (
        table[subject.layer, subject.head].item() for table in (shares.content, shares.coupling)
    )
    if share != share:
        return "No share can be told: on this text the scores of each query are all equal."
    content, rotary, coupled = map(number_text, (share, 1 - share, coupling))
    return f"content share **{content}** · rotary share **{rotary}** · coupling **{coupled}** *measured*"


def _wall(subject: Subject, shares: ScoreShares) -> None:
    run = subject.run
    order = st.selectbox(
        "Order",
        list(_ORDERS),
        key="latent-scores-order",
        format_func=_ORDERS.__getitem__,
        label_visibility="collapsed",
        help="Lay the heads out by layer, or by what their scores are made of on this text.",
    )
    head_wall(
        services.atlas(subject.request, run, run.stack),
        key="latent-scores-wall",
        selected=(subject.layer, subject.head),
        roles=[
            [shares.kind(layer, head) for head in range(run.heads(layer))] for layer in range(run.layers())
        ],
        scores={
            CONTENT: shares.content.numpy(),
            ROTARY: 1 - shares.content.numpy(),
            COUPLING: shares.coupling.numpy(),
        },
        sort=order,
        max_height=WALL_HEIGHT,
        on_select=select_head,
    )


def _kinds(subject: Subject, shares: ScoreShares) -> None:
    """A row a layer: how many heads of which kind, and their mean content share."""
    run = subject.run
    kinds = [[shares.kind(layer, head) for head in range(run.heads(layer))] for layer in range(run.layers())]
    rows: dict[str, list] = {"layer": [f"L{layer}" for layer in range(run.layers())]}
    for kind in ("content head", "mixed head", "position head"):
        rows[kind.removesuffix(" head")] = [row.count(kind) for row in kinds]
    rows["mean content share"] = shares.content.nanmean(1).tolist()
    st.markdown("**Heads of each kind**", help="Content from two thirds up, position from one third down.")
    st.dataframe(
        rows,
        key="latent-scores-kinds",
        hide_index=True,
        column_config={
            "layer": st.column_config.TextColumn(width=48),
            "content": st.column_config.NumberColumn(width=62),
            "mixed": st.column_config.NumberColumn(width=54),
            "position": st.column_config.NumberColumn(width=64),
            "mean content share": st.column_config.ProgressColumn(
                "mean share",
                format="%.2f",
                min_value=0.0,
                max_value=1.0,
                width=110,
                help="Content's share of the scores, mean over the layer's heads.",
            ),
        },
    )
