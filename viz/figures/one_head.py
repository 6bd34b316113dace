"""The input every export of a head has: its weights and the tokens on their two axes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import BadSelection


def head_weights(pattern: Any, query_tokens: Sequence[str], key_tokens: Sequence[str]) -> NDArray[np.float32]:
    """`pattern` as float32 [query, key]; raises BadSelection where it is empty or the tokens disagree."""
    weights = np.asarray(pattern, dtype=np.float32)
    expected = (len(query_tokens), len(key_tokens))
    if weights.shape != expected or 0 in expected:
        raise BadSelection(
            f"One head's weights of {expected} (queries, keys) were expected, but they are {weights.shape}:"
            " pass the tokens of the same text."
        )
    return weights
