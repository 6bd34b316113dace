"""Self-attention, cross-attention and many heads: how far, whereto and at how many places the Transformer looks at once."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from models.classic.date_reading import DateSaid
from models.classic.many_heads import PlacesAtOnce, WithoutHeads, aligned, mean_distance, places_at_once
from viz.figures.number_text import number_text
from viz.figures.what_it_fixed import Probability, probabilities, shares
from viz.figures.what_it_fixed import places_at_once as places_figure
from viz.services import mended
from viz.services.mended import HeadsOnDate
from viz.views.columns import pair
from viz.views.evolution.alignment import END
from viz.views.evolution.mended.parts import draw, verdict, worked_out

_Shown = Callable[[HeadsOnDate, DateSaid, bool], None]


def self_attention(text: str, said: DateSaid, dark: bool) -> None:
    """How far the encoder's heads look in one step."""
    _heads("encoder", _far, text, said, dark)


def cross_attention(text: str, said: DateSaid, dark: bool) -> None:
    """How often each layer's heads look where the answer stands."""
    _heads("cross", _whereto, text, said, dark)


def many_heads(text: str, said: DateSaid, dark: bool) -> None:
    """At how many places the heads look at once."""
    _heads("cross", _at_once, text, said, dark)


def _heads(stack: str, shown: _Shown, text: str, said: DateSaid, dark: bool) -> None:
    found = worked_out(
        ("heads", stack, text),
        lambda progress: mended.heads(text, said, stack, progress),
        "switching heads off",
    )
    if found is not None:
        shown(found, said, dark)


def _far(found: HeadsOnDate, said: DateSaid, dark: bool) -> None:
    distance = mean_distance(found.patterns)
    verdict(*far_reading(distance.flatten().tolist(), found.without))
    _beside(
        "**How far each head of the encoder looks** · *measured*",
        shares(distance.tolist(), title="characters away, mean", dark=dark),
        found.without,
        dark,
    )


def far_reading(distances: list[float], without: WithoutHeads) -> tuple[bool, str]:
    """Whether heads look further than the neighbours that recurrence hears of in one step, and the numbers."""
    mean = sum(distances) / len(distances)
    told = (
        f"In one step the encoder’s {len(distances)} heads look {number_text(mean)} characters away on average, the farthest "
        f"{number_text(max(distances))}; by formula recurrence needs a step for each character between. {_lost(without)}"
    )
    return mean > 1 and _reads(without), told


def _whereto(found: HeadsOnDate, said: DateSaid, dark: bool) -> None:
    hits = aligned(found.patterns, said.origins)
    verdict(*aligned_reading(hits.max(-1).values.tolist(), found.without))
    _beside(
        "**How often each head looks where it is said** · *measured*",
        shares(hits.tolist(), title="share of the steps", tickformat=".0%", dark=dark),
        found.without,
        dark,
    )


def aligned_reading(best: list[float], without: WithoutHeads) -> tuple[bool, str]:
    """best: the best head's share in each layer. Whether any looks where the answer stands in most steps, and the numbers."""
    layers = " and ".join(f"{share:.0%} (layer {layer})" for layer, share in enumerate(best))
    told = (
        f"The best head looks most at a character that says the one to be written in {layers} of the steps whose character the "
        f"text says. {_lost(without)}"
    )
    return max(best) > 0.5 and _reads(without), told


def _at_once(found: HeadsOnDate, said: DateSaid, dark: bool) -> None:
    places = places_at_once(found.patterns)
    verdict(*at_once_reading(places, found.without))
    written = [*said.iso, END][: len(places.together)]
    _beside(
        "**Different characters looked at most** · *measured*",
        places_figure(written, places.per_layer.tolist(), places.together.tolist(), dark=dark),
        found.without,
        dark,
    )


def at_once_reading(places: PlacesAtOnce, without: WithoutHeads) -> tuple[bool, str]:
    """Whether heads look at several places in one step, and the numbers."""
    together = places.together
    several = int((together > 1).sum())
    told = (
        f"In {several} of {len(together)} steps the heads look at several characters at once: {int(together.max())} different "
        f"ones at most, {number_text(together.float().mean().item())} on average, where a single head looks at one most. "
        f"{_lost(without)}"
    )
    return several > 0 and _reads(without), told


def _reads(without: WithoutHeads) -> bool:
    """Whether the model can read this date at all: of one that cannot, nothing is to be learnt."""
    return without.answer > 0.5


def _lost(without: WithoutHeads) -> str:
    """What is lost without the head that is needed most."""
    answers = without.answers
    heads = answers.shape[1]
    layer, head = divmod(int(answers.argmin()), heads)
    few = int(((answers - without.answer).abs() < 0.01).sum())
    cannot = "" if _reads(without) else "The model does not read this date. "
    return (
        f"{cannot}The right answer has probability {number_text(without.answer)}, and {number_text(answers.min().item())} "
        f"without L{layer} H{head}; {few} of {answers.numel()} heads change it by less than 0.01."
    )


def _beside(title: str, figure: object, without: WithoutHeads, dark: bool) -> None:
    left, right = pair("mended-heads", 0.5, 0.5)
    with left:
        st.markdown(title)
        draw(figure, "mended-heads", "What the heads look at")
    with right:
        st.markdown(
            "**The right answer with one head off** · *measured*",
            help="Probability of the whole right date, each character given the right ones before it; a head that is off gives "
            "zeros.",
        )
        off = [
            Probability(f"L{layer} H{head}", value, "off", off=True)
            for layer, heads in enumerate(without.answers.tolist())
            for head, value in enumerate(heads)
        ]
        whole = without.answer, f"all heads on: {number_text(without.answer)}"
        figure = probabilities(off, title="probability", whole=whole, dark=dark)
        draw(figure, "mended-heads-off", "Probability of the right answer with each head off")
