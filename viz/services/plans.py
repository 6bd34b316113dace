"""What the planner knows of models: read from configs once, shared by all visitors."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path

import streamlit as st

import models
from models.progress import Progress
from viz.services.kept import Kept, results
from viz.services.known_configs import KNOWN_CONFIGS


@st.cache_resource(show_spinner=False)
def _anatomies() -> Kept[models.Anatomy]:
    return Kept(results())


def is_read(source: str) -> bool:
    """Whether `anatomy_of` answers at once."""
    return _key(source) in _anatomies()


def anatomy_of(source: str, progress: Progress = models.no_progress) -> models.Anatomy:
    """Of a well-known model, a catalogue name, a Hub id (its config.json alone is fetched), a folder or a config's JSON.

    Raises HeadlightError.
    """
    progress("Reading the config", 0.2)
    if source in KNOWN_CONFIGS:
        return _anatomies().get(_key(source), lambda: models.anatomy(KNOWN_CONFIGS[source], source))
    return _anatomies().get(_key(source), lambda: models.anatomy(source))


def _key(source: str) -> Hashable:
    """With the time of a folder's config: it may be another one the next time."""
    try:
        return source, (Path(source).expanduser() / "config.json").stat().st_mtime_ns
    except (OSError, RuntimeError, ValueError):  # no folder, of an unknown user, no path at all
        return source, None
