"""What a cut does to a text: its loss, what comes next, and every head's pattern, with and without."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from viz import services
from viz.components.head_wall import BY_LAYER, head_wall
from viz.figures.layout.config import WITHOUT_BAR
from viz.figures.long_tokens import whole
from viz.figures.loss_change import loss_change
from viz.figures.number_text import number_text
from viz.figures.small_heatmap import small_difference, small_heatmap
from viz.latent_cuts import Parts
from viz.markdown import escaped
from viz.services import cut_effects
from viz.services.cut_effects import CutEffect
from viz.state import keys, session
from viz.state.head_in_view import select_head
from viz.views.columns import four, pair
from viz.views.latents.background import is_done
from viz.views.latents.subject import Subject
from viz.views.selected_head import head_name

CANDIDATES = 8
WALL_HEIGHT = 380
HEIGHT = 320
CHANGED = "changed"
_ORDERS = {BY_LAYER: "Layers down, heads across", CHANGED: "Most changed first"}


def effects(subject: Subject, parts: Parts) -> None:
    """All effects of having `parts` off. Raises BadSelection for what the model does not have."""
    effect = _obtained(subject, parts)
    if effect is None:
        return
    _losses(subject, effect)
    left, right = pair("latent-cut-wall", 0.55, 0.45)
    with left:
        _wall(subject, effect)
    with right:
        _candidates(subject, effect)
    _head(subject, effect)


def _obtained(subject: Subject, parts: Parts) -> CutEffect | None:
    request, run = subject.request, subject.run
    if not cut_effects.is_effect_known(request, parts) and not is_done(
        keys.CUT_JOB,
        (request, parts),
        request,
        lambda progress: cut_effects.cut_effect(request, run, parts, progress),
    ):
        return None
    return cut_effects.cut_effect(request, run, parts)


def _losses(subject: Subject, effect: CutEffect) -> None:
    """Mean loss and perplexity before and after, and where along the text it changed."""
    if effect.loss is None:
        st.info(escaped(effect.no_loss), icon=":material/info:")
        return
    if len(subject.run.tokens) < 2:
        st.info("One token alone has no loss: nothing stands before it. Type a longer text.")
        return
    before, after = services.token_loss(subject.request).numpy(), effect.loss.numpy()
    _means(before, after, effect)
    left, right = pair("latent-cut-losses", 0.6, 0.4)
    with left:
        st.plotly_chart(
            loss_change(before, after, subject.run.tokens, selected=subject.position, dark=subject.dark),
            key=keys.CUT_LOSSES,
            theme=None,
            config=WITHOUT_BAR,
            on_select=_select_point,
            selection_mode="points",
            alt="Change of every token's loss",
        )
    with right:
        _hardest(subject, before, after)


def _means(before: np.ndarray, after: np.ndarray, effect: CutEffect) -> None:
    one, other = float(np.nanmean(before)), float(np.nanmean(after))
    change = float(effect.change.nanmean())
    entries = [
        ("As it is", f"{one:.3g} nats · perplexity {_short(np.exp(one))}", f"{one:.6g} nats per token"),
        ("With the cut", f"{other:.3g} nats · perplexity {_short(np.exp(other))}", f"{other:.6g} nats per token"),
        ("Change", f"{other - one:+.3g} nats · perplexity × {_short(np.exp(other - one))}", f"{other - one:+.6g} nats"),
        ("Attention moved", f"{number_text(change)} on average", f"{change:.6g}, the mean of all heads' “changed”, 0 to 1"),
    ]  # fmt: skip
    for (name, shown, exact), column in four(entries, "latent-cut"):
        column.markdown(f"**{name}** *measured*  \n{shown}", help=f"{exact}, on this text.")


def _short(number: float) -> str:
    """Three digits, without an exponent where that can be read."""
    return f"{number:.3g}" if number < 1000 or number >= 1e9 else f"{float(f'{number:.3g}'):,.0f}"


def _hardest(subject: Subject, before: np.ndarray, after: np.ndarray) -> None:
    tokens = subject.run.tokens
    table = pd.DataFrame(
        {
            "pos": range(len(tokens)),
            "token": [whole(token) for token in tokens],
            "before": before,
            "after": after,
            "change": after - before,
        }
    ).iloc[1:]
    table = table.sort_values("change", ascending=False, kind="stable", ignore_index=True)
    st.markdown(
        "**Tokens hit hardest**", help="Loss in nats; a dot is a space. Click a row to choose its token."
    )
    st.dataframe(
        table,
        key=keys.CUT_TOKENS,
        hide_index=True,
        height=250,
        column_config={
            "pos": st.column_config.NumberColumn(width=44),
            "token": st.column_config.TextColumn(width=70),
            "before": st.column_config.NumberColumn(format="%.2f", width=56),
            "after": st.column_config.NumberColumn(format="%.2f", width=56),
            "change": st.column_config.NumberColumn(format="%+.2f", width=60),
        },
        on_select=lambda: _select_row(table),
        selection_mode="single-row",
    )


def _select_row(table: pd.DataFrame) -> None:
    row = session.clicked_row(keys.CUT_TOKENS)
    if row is not None:
        session.put({keys.TOKEN: int(table["pos"].iloc[row])})


def _select_point() -> None:
    points = session.clicked_points(keys.CUT_LOSSES)
    if points:
        session.put({keys.TOKEN: int(points[0]["point_index"])})


def _wall(subject: Subject, effect: CutEffect) -> None:
    run, scores = effect.run, effect.run.scores()
    st.markdown("**All heads with the cut**", help="Badges name what a head still does on this text.")
    order = st.selectbox(
        "Order",
        list(_ORDERS),
        key="latent-cut-order",
        format_func=_ORDERS.__getitem__,
        label_visibility="collapsed",
        help="Changed: the share of a head's attention that went elsewhere (mean total variation distance), 0 to 1.",
    )
    head_wall(
        effect.atlas,
        key="latent-cut-wall",
        selected=(subject.layer, subject.head),
        roles=[
            [scores.role(layer, head) for head in range(run.heads(layer))] for layer in range(run.layers())
        ],
        scores={CHANGED: effect.change.numpy()},
        sort=order,
        max_height=WALL_HEIGHT,
        on_select=select_head,
    )


def _candidates(subject: Subject, effect: CutEffect) -> None:
    """What comes next, before beside after, a row a rank."""
    before, after = subject.run.top_next(CANDIDATES), effect.run.top_next(CANDIDATES)
    if not before:
        return
    st.markdown(
        "**Next token**, before and with the cut", help="After the text's last token; a dot is a space."
    )
    most = max(before[0].probability, after[0].probability)
    share = st.column_config.ProgressColumn("p", format="%.3f", min_value=0.0, max_value=most, width=96)
    token = st.column_config.TextColumn(width=82)
    st.dataframe(
        {
            "before": [whole(one.token) for one in before],
            "p before": [one.probability for one in before],
            "with the cut": [whole(one.token) for one in after],
            "p with the cut": [one.probability for one in after],
        },
        key="latent-cut-candidates",
        hide_index=True,
        column_config={"before": token, "with the cut": token, "p before": share, "p with the cut": share},
    )


def _head(subject: Subject, effect: CutEffect) -> None:
    """The chosen head's pattern before, with the cut, and the difference."""
    where = (subject.layer, subject.head)
    before, after = subject.run.pattern(*where).numpy(), effect.run.pattern(*where).numpy()
    change = effect.change[where].item()
    st.markdown(f"#### {head_name(*where)}")
    st.caption(
        f"**{number_text(change)}** of its attention went elsewhere (mean total variation distance, *measured*). In the "
        "difference, indigo is where the head looks more with the cut, orange where it looks less."
    )
    tokens, top = subject.run.tokens, max(float(before.max()), float(after.max()))
    columns = st.columns(3, gap="small")
    for column, name, pattern in zip(columns, ("Before", "With the cut"), (before, after), strict=False):
        figure = small_heatmap(
            pattern, tokens, top=top, marked=subject.position, scale=session.get(keys.SCALE),
            leave_out_first=session.get(keys.FIRST_OUT), dark=subject.dark, height=HEIGHT,
        )  # fmt: skip
        with column:
            _chart(figure, name, f"{head_name(*where)}, {name.lower()}")
    with columns[2]:
        figure = small_difference(after, before, tokens, dark=subject.dark, height=HEIGHT)
        _chart(figure, "With the cut minus before", f"{head_name(*where)}, difference")


def _chart(figure: go.Figure, name: str, alt: str) -> None:
    st.markdown(f"**{name}**")
    config = WITHOUT_BAR
    st.plotly_chart(
        figure, key=f"latent-cut-head-{name.lower().replace(' ', '-')}", theme=None, config=config, alt=alt
    )
