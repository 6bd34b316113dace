"""How weights become colours: evenly, or bent so that faint attention can be seen."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Scale = Literal["linear", "square root", "logarithmic"]
SCALES: tuple[Scale, ...] = ("square root", "linear", "logarithmic")
LOG_DECADES = 4.0


def bent(parts: Any, scale: Scale) -> NDArray[np.float64]:
    """Where on the ink scale (0 to 1) a weight lies that is this part (0 to 1) of the strongest."""
    values = np.asarray(parts, dtype=np.float64)
    if scale == "linear":
        return values
    if scale == "square root":
        return np.sqrt(values)
    with np.errstate(divide="ignore"):
        return np.maximum(0.0, 1.0 + np.log10(values) / LOG_DECADES)


def unbent(places: Any, scale: Scale) -> NDArray[np.float64]:
    """The way back: the part of the strongest weight that a place on the ink scale stands for; 0 for nothing at all."""
    values = np.asarray(places, dtype=np.float64)
    if scale == "linear":
        return values
    if scale == "square root":
        return values**2
    return np.where(values > 0, 10 ** (-LOG_DECADES * (1 - values)), 0.0)
