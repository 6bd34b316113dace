"""How a number is written where it stands among others: three significant digits, and nothing finer than can be meant."""

import math
from collections.abc import Sequence

_BYTES = ((1e15, " PB"), (1e12, " TB"), (1e9, " GB"), (1e6, " MB"), (1e3, " kB"), (1.0, " B"))
_PREFIXES = ((1e15, " P"), (1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k"), (1.0, " "))
LEAST = 0.001  # of a score, a share or a number of nats; what is smaller is rounding, or as good as nothing


def number_text(value: float) -> str:
    """The value at three significant digits without an exponent; `<0.001` where it is next to nothing, `–` for NaN.

    The exact value belongs to the hover text beside it.
    """
    if not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    if abs(value) < LEAST:
        return "<0.001" if value > 0 else ">−0.001"
    return f"{value:.3g}" if abs(value) < 999.5 else f"{float(f'{value:.3g}'):,.0f}"


def told_bytes(count: float) -> str:
    """Three digits with a decimal unit."""
    return _scaled(count, _BYTES)


def told_speed(per_s: float, unit: str = "FLOP/s") -> str:
    """Three digits with a decimal prefix."""
    return _scaled(per_s, _PREFIXES) + unit


def _scaled(number: float, units: Sequence[tuple[float, str]]) -> str:
    """In the largest unit of which it is one or more once it is rounded, or else in the last."""
    scale, unit = next((row for row in units if number >= 0.9995 * row[0]), units[-1])
    return f"{number / scale:.3g}{unit}"
