"""Whether heads read the same part of the latent, or each its own."""

from __future__ import annotations

import math

import streamlit as st

import models
from models.look.subspace_overlap import SubspaceOverlap
from viz.figures.layout.config import WITHOUT_BAR
from viz.figures.number_text import number_text
from viz.figures.overlap_matrix import overlap_matrix, principal_angles
from viz.markdown import escaped
from viz.services import latent_readings
from viz.state import keys, session
from viz.views.columns import pair
from viz.views.explain import explain
from viz.views.latents.background import is_done
from viz.views.latents.subject import Subject
from viz.views.selected_head import head_name

READS = {"keys": "key", "values": "value"}


def overlap(subject: Subject) -> None:
    """Matrix of all pairs of the layer's heads, and the principal angles between the chosen head and another."""
    what = st.segmented_control(
        "Read for", list(READS), default="keys", key="latents-overlap-reads", required=True, label_visibility="collapsed",
        help="Heads build keys from one part of the latent (W_UK) and values from another (W_UV).",
    )  # fmt: skip
    try:
        found = _overlap(subject, READS[what or "keys"])
    except models.BadSelection as error:
        st.info(escaped(error), icon=":material/info:")
        return
    if found is None:
        return
    if len(found.ranks) < 2:
        st.info("This layer has one head alone, so there is none to compare it with.")
        return
    other = _other_head(subject, len(found.ranks))
    left, right = pair("latents-overlap", 0.5, 0.5)
    with left:
        _matrix(subject, found, other)
    with right:
        _angles(subject, found, other, READS[what or "keys"])
    explain("Overlap")


def _overlap(subject: Subject, reads: str) -> SubspaceOverlap | None:
    """None while it is worked out, which is then shown."""
    asked = (subject.request, subject.layer, reads)
    if not latent_readings.is_overlap_known(*asked) and not is_done(
        keys.OVERLAP_JOB,
        asked,
        subject.request,
        lambda progress: latent_readings.overlap_of_heads(*asked, progress),
    ):
        return None
    return latent_readings.overlap_of_heads(*asked)


def _other_head(subject: Subject, heads: int) -> int:
    """The head that the chosen one stands beside: the one clicked, else its neighbour."""
    chosen = session.find(keys.OTHER_HEAD)
    if chosen is None or chosen >= heads or chosen == subject.head:
        chosen = (subject.head + 1) % heads
        session.put({keys.OTHER_HEAD: chosen})
    return chosen


def _matrix(subject: Subject, found: SubspaceOverlap, other: int) -> None:
    heads = len(found.ranks)
    apart = [(one, two) for one in range(heads) for two in range(one)]
    mean = sum(found.overlap[two].item() for two in apart) / len(apart)
    chance = sum(found.chance[two].item() for two in apart) / len(apart)
    st.markdown(
        f"**Overlap of L{subject.layer}'s heads** {number_text(mean)} on average, by chance {number_text(chance)}"
    )
    st.plotly_chart(
        overlap_matrix(
            found.overlap.numpy(), found.chance.numpy(), pair=(subject.head, other), dark=subject.dark
        ),
        key=keys.OVERLAP_MATRIX,
        theme=None,
        config=WITHOUT_BAR,
        on_select=lambda: _choose(subject.layer),
        selection_mode="points",
        alt="Overlap of what each pair of heads reads of the latent",
    )


def _choose(layer: int) -> None:
    points = session.clicked_points(keys.OVERLAP_MATRIX)
    if points:
        head, other = int(points[0]["y"]), int(points[0]["x"])
        session.put({keys.LAYER: layer, keys.HEAD: head, keys.OTHER_HEAD: other})


def _angles(subject: Subject, found: SubspaceOverlap, other: int, reads: str) -> None:
    heads = [head for head in range(len(found.ranks)) if head != subject.head]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{head_name(subject.layer, subject.head)}** and", width="content")
        st.selectbox(
            "Other head", heads, key=keys.OTHER_HEAD, format_func=lambda head: f"H{head}", width=110,
            label_visibility="collapsed", help="Its principal angles to the chosen head are drawn.",
        )  # fmt: skip
    angles = latent_readings.angles_of_heads(subject.request, subject.layer, (subject.head, other), reads)
    st.plotly_chart(
        principal_angles(angles.numpy(), dark=subject.dark),
        key="latents-angles",
        theme=None,
        config=WITHOUT_BAR,
        alt="Principal angles between what the two heads read",
    )
    smallest = math.degrees(angles[0].item()) if len(angles) else 90.0
    overlap, chance = (
        number_text(table[subject.head, other].item()) for table in (found.overlap, found.chance)
    )
    st.caption(
        f"They read {found.ranks[subject.head]} and {found.ranks[other]} directions of the latent. Overlap "
        f"{overlap} (by chance {chance}), smallest angle {number_text(smallest)}°. Worked out from the *weights*."
    )
