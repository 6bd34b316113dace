"""How a number is written where it stands among others: three significant digits, and nothing finer than can be meant."""

import math

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
