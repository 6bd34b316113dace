"""Whether a run fits into memory, and what its cache should hold, both by formula before anything runs."""

from __future__ import annotations

from dataclasses import replace

from models.costs.arithmetic import Case, cache_bytes_of
from models.costs.model_anatomy import Anatomy, layers_of
from models.errors import BadSelection
from models.free_memory import short_of_memory
from models.measuring.timed_run import CHUNK, Subject
from models.run.expanded_cache import BLOCK

SHARE = 0.9  # of the free memory that a run may take
SCORE_COPIES = 3  # scores, their softmax, and the latter in the values' format stand side by side


def formula_bytes(subject: Subject) -> int | None:
    """What the cache holds once all tokens are read; None where it is not known what a layer keeps."""
    tokens = subject.prompt_tokens + subject.new_tokens
    return _cache_bytes(subject, tokens)


def _cache_bytes(subject: Subject, tokens: int) -> int | None:
    model = subject.model
    groups = layers_of(model.geometry)
    if any(group.keeps == "unknown" for group in groups):
        return None
    known = Anatomy(model.name, model.geometry, groups)
    case = Case(known, tokens, subject.batch, model.dtype.itemsize, subject.mode, tokens)
    return sum(cache_bytes_of(case, group) for group in groups)


def demand_fits(subject: Subject) -> None:
    """Raise BadSelection, with the longest prompt that would do, where a run needs more memory than is free."""
    free = short_of_memory(needed_bytes(subject), subject.model.device, SHARE)
    if free is None:
        return
    short, long = 0, subject.prompt_tokens  # the longest that fits lies in [short, long)
    while long - short > 1:
        middle = (short + long) // 2
        if needed_bytes(replace(subject, prompt_tokens=middle)) <= SHARE * free:
            short = middle
        else:
            long = middle
    do = f"take a prompt of {short:,} or fewer" if short else "take fewer texts at once, or a smaller model"
    raise BadSelection(
        f"A batch of {subject.batch:,} x {subject.prompt_tokens + subject.new_tokens:,} tokens would need about "
        f"{needed_bytes(subject) / 1e9:,.3g} GB in {subject.model.name}, but {subject.model.device} has "
        f"{free / 1e9:,.3g} GB free; {do}."
    )


def needed_bytes(subject: Subject) -> int:
    """Rather too much than too little: cache, one layer's keys and values in full, scores of a piece of the prompt, and
    its activations."""
    shape, size = subject.model.geometry, subject.model.dtype.itemsize
    tokens = -(-(subject.prompt_tokens + subject.new_tokens) // BLOCK) * BLOCK
    rows = subject.batch * min(subject.prompt_tokens, CHUNK)
    full = 2 * subject.batch * tokens * shape.heads * (shape.d_head + shape.v_head_dim) * size
    cache = _cache_bytes(subject, tokens) or full * shape.layers
    # SDPA writes no scores down where keys are as wide as values; elsewhere it does, and in float32.
    scores = 0 if shape.d_head == shape.v_head_dim else SCORE_COPIES * 4 * rows * shape.heads * tokens
    activations = rows * (16 * shape.d_model + 3 * shape.heads * shape.d_head) * size
    return cache + full + scores + activations + subject.batch * shape.vocab * size
