"""What the visitor wants: how large the latents are, and what they are fitted to."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

import models
from models.conversion.calibration import EXCERPT, TEXT, excerpt, needed_tokens
from models.conversion.decoupled_model import rope_width
from models.conversion.ranks import SMALLEST, Rope, full_rank
from models.run.model import tokenizing
from viz import services
from viz.services import Request, conversions
from viz.services.conversions import Conversion, Fitting
from viz.services.forecast import about
from viz.state import choices, keys, session
from viz.views.convert.conversion_in_view import convert_button
from viz.views.convert.sizes import (
    SMALLEST_SHARE,
    bytes_of_rank,
    fitting_seconds,
    largest_share,
    number_format,
    original_bytes,
    per_layer,
    rank_of_share,
)

WAYS = {"share": "Share of the cache", "rank": "Rank", "budget": "Byte budget"}
ROPES: dict[Rope, str] = {"latent": "In the latent", "decoupled": "Decoupled"}
OURS, OWN = "Headlight’s text", "my text"


@dataclass(frozen=True, slots=True)
class Setting:
    """What is asked for, and how many seconds that is estimated to take from now."""

    conversion: Conversion
    seconds: float


def settings(request: Request, model: models.AttentionModel) -> Setting:
    """The controls, and below them what will come of them."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        rope = _rope()
        rank, budget = _size(model, rope)
        fitting = _fitting(request)
        seconds = _seconds(fitting, model)
        place = st.container(width="content")
    setting = Setting(Conversion(fitting, rank, budget, rope), seconds)
    st.caption(_outcome(model, rank, budget, rope) + " " + _effort(fitting, model, seconds), help=_EXACT)
    with place:
        convert_button(setting.conversion, request)
    return setting


_EXACT = (
    "A latent of full rank is exact: its keys and values are those of the original but for rounding. Below it, what the "
    "queries and the output projection make least use of is left out (activation-aware low-rank factors)."
)


def _rope() -> Rope:
    st.segmented_control(
        "Rotary part of the keys", list(ROPES), key=keys.ROPE, required=True, format_func=ROPES.__getitem__,
        width="content",
        help="In the latent: keys are expanded at every step, and then turned by position. Decoupled, as in DeepSeek’s MLA: "
        "a few numbers that all heads share carry the position, and the latent is read as it is (absorbed), which decodes "
        "faster over long texts; at the same size of the cache it foresees a text less well. Llama and Mistral models.",
    )  # fmt: skip
    return session.get(keys.ROPE)


def _size(model: models.AttentionModel, rope: Rope) -> tuple[int | None, int | None]:
    """The rank of all layers, or None and a budget of bytes per token."""
    ways = [way for way in WAYS if way != "budget" or rope == "latent"]
    if session.get(keys.WAY) not in ways:
        session.put({keys.WAY: "share"})
    st.segmented_control(
        "Size of the latents", ways, key=keys.WAY, required=True, format_func=WAYS.__getitem__, width="content",
        help="As a share of what the model caches now; as the rank itself, one for all layers; or as bytes per token, shared "
        "out over the layers: more to those whose keys and values are harder to compress.",
    )  # fmt: skip
    way = session.get(keys.WAY)
    if way == "rank":
        return _number(keys.RANK, "Rank", full_rank(model, rope) // 2, 1), None
    if way == "budget":
        layers, size = model.geometry.layers, model.dtype.itemsize
        return None, _number(
            keys.BUDGET, "Bytes per token", bytes_of_rank(model, full_rank(model) // 2), layers * size
        )
    return rank_of_share(model, _share(model, rope), rope), None


def _share(model: models.AttentionModel, rope: Rope) -> int:
    most = largest_share(model, rope)
    usual = most // 2
    chosen = session.get(keys.SHARE)
    shown = usual if chosen is None else min(max(chosen, SMALLEST_SHARE), most)
    session.put({keys.SHARE_SLIDER: shown})
    return st.slider(
        "Share", SMALLEST_SHARE, most, key=keys.SHARE_SLIDER, format="%d%%", width=220,
        on_change=_choose, args=(keys.SHARE_SLIDER, keys.SHARE, usual),
        help="Of the original’s cache. The slider ends where the conversion is exact.",
    )  # fmt: skip


def _number(name: str, label: str, usual: int, step: int) -> int:
    """No bounds here: what is out of range is refused in a sentence that says what the range is."""
    widget, chosen = keys.size_given(name), session.get(name)
    session.put({widget: max(usual, 1) if chosen is None else chosen})
    return st.number_input(
        label, step=step, key=widget, width=200, on_change=_choose, args=(widget, name, max(usual, 1)),
        help="A whole number.",
    )  # fmt: skip


def _choose(widget: str, name: str, usual: int) -> None:
    """Keep what was chosen; what is usual for the model stays out of the address, and another model has its own."""
    chosen = session.get(widget)
    session.put({name: None if chosen == usual else chosen})


def _fitting(request: Request) -> Fitting:
    with st.popover(f"Fitted to {_source()}", help="What the latents are fitted to: the calibration text."):
        st.radio(
            "Calibration text", (OURS, OWN), key=keys.CALIBRATION_SOURCE, horizontal=True,
            help="The latents keep what this text makes use of. Headlight’s is a mixture of prose, facts and code.",
        )  # fmt: skip
        if session.get(keys.CALIBRATION_SOURCE) == OWN:
            st.file_uploader("A text file (UTF-8)", "txt", key=keys.CALIBRATION_FILE, on_change=_take_upload)
            st.text_area(
                "Calibration text of your own",
                key=keys.CALIBRATION,
                height=160,
                max_chars=choices.LONGEST_TEXT,
            )
        st.select_slider(
            "Tokens at most", choices.CALIBRATION_LIMITS, key=keys.CALIBRATION_TOKENS,
            format_func=lambda count: f"{count:,}",
            help="Fewer are read where the text is shorter. A model needs at least two for each dimension of its width.",
        )  # fmt: skip
    return Fitting(
        request.model,
        request.device,
        request.dtype,
        _own_text() if session.get(keys.CALIBRATION_SOURCE) == OWN else "",
        session.get(keys.CALIBRATION_TOKENS),
    )


def _own_text() -> str:
    """Never "", which would mean Headlight's: what is left empty is refused by the engine in a sentence."""
    return session.get(keys.CALIBRATION) or " "


def _source() -> str:
    """Which of the two was chosen, before its widget is made; a text that was typed stays chosen."""
    if session.find(keys.CALIBRATION_SOURCE) is None:
        session.put({keys.CALIBRATION_SOURCE: OWN if session.get(keys.CALIBRATION) else OURS})
    return session.get(keys.CALIBRATION_SOURCE)


def _take_upload() -> None:
    """Put an uploaded text where a typed one stands; of a long one, pieces spread evenly over it."""
    file = session.get(keys.CALIBRATION_FILE)
    if file is not None:
        text = file.getvalue().decode("utf-8", errors="replace")
        session.put({keys.CALIBRATION: excerpt(text, choices.LONGEST_TEXT - EXCERPT)})


def _tokens(fitting: Fitting, model: models.AttentionModel) -> int:
    """How many are read, about: as many to a character as in the text's beginning."""
    text = fitting.text or TEXT.read_text("utf-8")
    start = text[:EXCERPT]
    with tokenizing(model) as tokenizer:
        counted = len(tokenizer(start)["input_ids"])
    return max(min(len(text) * counted // len(start), fitting.tokens), needed_tokens(model))


def _seconds(fitting: Fitting, model: models.AttentionModel) -> float:
    if conversions.has_spectra(fitting):
        return 1.0
    return fitting_seconds(model, _tokens(fitting, model), services.flops_per_s(str(model.device)))


def _outcome(model: models.AttentionModel, rank: int | None, budget: int | None, rope: Rope) -> str:
    """Latents and bytes per token, by formula; nothing for a size that there is not."""
    most, before, was = full_rank(model, rope), per_layer(model), original_bytes(model)
    if budget is not None:
        numbers, now = f"On average {budget / bytes_of_rank(model, 1):.3g} numbers", budget
    elif rank is not None and SMALLEST[rope] <= rank <= most:
        numbers, now = _numbers(model, rank, rope), bytes_of_rank(model, rank)
    else:
        return ""
    if not bytes_of_rank(model, 1) <= now <= bytes_of_rank(model, most):
        return ""
    exact = " This is exact." if now == bytes_of_rank(model, most) else ""
    return (
        f"{numbers} per token and layer in place of {before}: **{now:,} bytes** per token instead of {was:,}, "
        f"{now / was:.0%}, in {number_format(model)} (*formula*: ranks of all layers x bytes per number).{exact}"
    )


def _numbers(model: models.AttentionModel, rank: int, rope: Rope) -> str:
    if rope == "latent":
        return f"A latent of {rank} numbers"
    rotary = rope_width(model, rank)
    return f"A latent of {rank - rotary} and a rotary key of {rotary} numbers"


def _effort(fitting: Fitting, model: models.AttentionModel, seconds: float) -> str:
    if conversions.has_spectra(fitting):
        return ""
    whose = "your text" if fitting.text else "the text that comes with Headlight"
    return f"Fitting reads about {round(_tokens(fitting, model), -2):,} tokens of {whose}: {about(seconds)}."
