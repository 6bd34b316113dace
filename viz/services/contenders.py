"""The models that the page Compare measures: what each is made from, and what is known of it before it runs."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import streamlit as st
import torch

import models
from models.costs.model_anatomy import Anatomy
from models.costs.model_cost import cost
from models.costs.sources import anatomy
from models.loading.catalog import CATALOG, Shipped
from models.loading.placement import choose_device, choose_dtype
from models.measuring.measurement import Contender
from models.measuring.random_shapes import RandomShape, config_of
from models.progress import Progress
from models.shape.cache_size import CacheMode
from viz import services, unforeseen
from viz.services import conversions, removals
from viz.services.conversions import Conversion
from viz.services.kept import Kept, results
from viz.services.removals import Removal

Line = tuple[tuple[int, int], ...]
MODES: tuple[CacheMode, ...] = ("absorbed", "latent", "expanded")


@dataclass(frozen=True, slots=True)
class Entrant:
    """Everything that a measurement of one contender depends on, but how long its text is.

    source: a catalogue name, Hub id or folder; a conversion; a model with heads removed; sizes without weights.
    label: how the page names it.
    """

    label: str
    source: str | Conversion | Removal | RandomShape
    device: str
    dtype: str
    cache: str = "auto"


@st.cache_resource(show_spinner=False)
def _anatomies() -> Kept[Anatomy]:
    return Kept(results())


def load(entrant: Entrant, progress: Progress = models.no_progress) -> models.AttentionModel:
    """The entrant's model, shared by all visitors; made where nobody has. Raises HeadlightError."""
    source = entrant.source
    if isinstance(source, Conversion):
        return conversions.converted(source, progress)
    if isinstance(source, Removal):
        return removals.removed(source, progress)
    if isinstance(source, RandomShape):
        place = entrant.device, entrant.dtype
        return services.model_store().get(
            _key(entrant), lambda: models.random_shape(source, entrant.label, *place)
        )
    return services.model(source, entrant.device, entrant.dtype, progress)


def _key(entrant: Entrant) -> Hashable:
    """Of the store of models."""
    source = entrant.source
    return source if isinstance(source, (Conversion, Removal)) else (source, entrant.device, entrant.dtype)


def contender(entrant: Entrant, progress: Progress = models.no_progress) -> Contender:
    """What the engine is given. Raises HeadlightError."""
    return Contender(entrant.label, load(entrant, progress), entrant.cache)


def known_anatomy(entrant: Entrant) -> Anatomy | None:
    """What its cost is worked out from: from the model itself where it is loaded, else from a config that lies on this
    machine; None where there is neither yet. Raises HeadlightError where that config is not sound."""
    try:
        return _known_anatomy(entrant)
    except models.HeadlightError:
        raise
    except (
        Exception
    ) as error:  # any folder and any sizes may be asked for, and none must take the page with it
        what = f"working out what “{entrant.label}” takes"
        raise models.UnsupportedModel(unforeseen.sentence(error, what, "a smaller model")) from error


def _known_anatomy(entrant: Entrant) -> Anatomy | None:
    found = _loaded(entrant)
    if found is not None:
        return _anatomies().get((entrant.source, "loaded"), lambda: anatomy(found))
    name = entrant.source
    if isinstance(name, RandomShape):
        return _anatomies().get(name, lambda: anatomy(config_of(name), entrant.label))
    if not isinstance(name, str) or ("/" in name.strip("/") and not name.startswith(("/", ".", "~"))):
        return None  # a Hub id: its config may have to be fetched, which is done when it is measured
    place = _folder(name)
    return None if place is None else _anatomies().get((name, "config"), lambda: anatomy(place))


def most_tokens(entrant: Entrant) -> int | None:
    """The longest context it takes, None where that is not known or has no bound."""
    try:
        known = known_anatomy(entrant)
    except models.HeadlightError:  # said when it is measured
        return None
    return None if known is None else known.shape.context


def _loaded(entrant: Entrant) -> models.AttentionModel | None:
    return load(entrant) if _key(entrant) in services.model_store() else None


def _folder(name: str) -> str | None:
    """What `anatomy` reads without a network; None for a model of the catalogue that has not been fetched."""
    if name not in CATALOG or isinstance(CATALOG[name].source, Shipped):
        return name
    place = models.cache_folder() / "models" / name
    return str(place) if (place / "config.json").is_file() else None


def on_this_machine(name: str) -> bool:
    """Whether a model of the catalogue can be loaded without fetching it first."""
    return _folder(name) is not None


def formula_line(entrant: Entrant, contexts: tuple[int, ...]) -> Line:
    """(tokens, bytes of the cache of one text) by formula, as far as the model reads; () where there is none.

    So it is of attention that is no dot product, which keeps no keys and values.

    Raises HeadlightError.
    """
    known = known_anatomy(entrant)
    if known is None or known.shape.form != "dot product":
        return ()
    dtype = number_format(entrant)
    points = []
    for tokens in clipped(contexts, known.shape.context):
        held = cost(known, tokens, dtype=dtype, cache=entrant.cache).cache_bytes
        if held is not None:
            points.append((tokens, held))
    return tuple(points)


def clipped(contexts: tuple[int, ...], most: int | None) -> tuple[int, ...]:
    """Contexts, in order and each once, none longer than `most`."""
    return tuple(sorted({tokens if most is None else min(tokens, most) for tokens in contexts}))


def number_format(entrant: Entrant) -> torch.dtype:
    return choose_dtype(entrant.dtype, choose_device(entrant.device))


def card_of(entrant: Entrant) -> models.Card | None:
    """What a trained model's card says; None where there is none, or where the model is no longer that of the card."""
    if not isinstance(entrant.source, str):
        return None
    try:
        return models.card_of(entrant.source)
    except models.BadCard:  # said where the model is shown
        return None
