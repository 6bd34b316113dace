"""What stands for the outputs of heads that are off, worked out once for all visitors."""

from __future__ import annotations

import streamlit as st

import models
from models.look.evaluation_texts import cut_into_texts
from models.progress import Progress
from models.pruning.ablation import Method
from models.run.head_gates import HeadOutputs
from viz import services
from viz.samples import SAMPLES
from viz.services.kept import Kept, results

MEAN_TOKENS = 1_024  # of the evaluation text, that a head's mean output is taken over
ReplacedBy = tuple[Method, str]  # for "resample" with the title of a sample, else with ""
ZEROS: ReplacedBy = ("zero", "")


@st.cache_resource(show_spinner=False)
def _kept() -> Kept[HeadOutputs]:
    return Kept(results())


def outputs(
    model: str, device: str, dtype: str, replaced_by: ReplacedBy, progress: Progress = models.no_progress
) -> HeadOutputs | None:
    """Of every head of a model; None for zeros. Raises HeadlightError."""
    if replaced_by == ZEROS:
        return None
    key = (model, device, dtype, replaced_by)
    return _kept().get(
        key, lambda: _outputs(services.model(model, device, dtype), replaced_by, progress), progress
    )


def _outputs(model: models.AttentionModel, replaced_by: ReplacedBy, progress: Progress) -> HeadOutputs:
    method, title = replaced_by
    if method == "mean":
        texts = cut_into_texts(model, max_tokens=MEAN_TOKENS)
        limit = model.geometry.context or MEAN_TOKENS
        told = "Headlight's evaluation text"
        return models.mean_outputs(model, texts, max_tokens=limit, source=told, progress=progress)
    (text,) = (sample.text for sample in SAMPLES if sample.title == title)
    return models.other_outputs(model, text, max_tokens=MEAN_TOKENS)
