"""How many heads are switched off in one pass: as many as make it quicker, and as the memory that is free can hold."""

from __future__ import annotations

from models.free_memory import free_bytes
from models.run.model import AttentionModel

CPU_TOKENS = 2_048  # in flight: on a CPU more heads at once make nothing faster
OTHER_TOKENS = 32_768  # of a GPU, which small products leave idle; not measured
LOGIT_BYTES = 2**28  # of logits in flight: what a CPU writes and reads again
FREE_SHARE = 0.25  # of the free memory: other visitors' runs need some too


def heads_at_once(model: AttentionModel, tokens: int, written: int, width: int) -> int:
    """Rows of a batch, 1 or more, of a text of `tokens`, of which `written` positions give `width` numbers each."""
    shape, free = model.geometry, free_bytes(model.device)
    quick = (CPU_TOKENS if model.device.type == "cpu" else OTHER_TOKENS) // tokens
    outputs = written * width * 4
    activations = tokens * (16 * shape.d_model + 3 * shape.heads * shape.d_head) * model.dtype.itemsize
    fitting = quick if free is None else int(FREE_SHARE * free) // (activations + outputs)
    return max(min(quick, LOGIT_BYTES // outputs, fitting), 1)
