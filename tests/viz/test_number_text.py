"""Numbers beside others: three digits, and nothing of what is as good as nothing."""

import pytest

from viz.figures.number_text import number_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.88e-15, "<0.001"), (-4e-9, ">−0.001"), (0.0, "0"), (0.001, "0.001"), (0.0067899, "0.00679"), (0.80312, "0.803"),
        (2.5490, "2.55"), (14.892, "14.9"), (999.4, "999"), (999.6, "1,000"), (12345.6, "12,300"), (float("nan"), "–"),
    ],
)  # fmt: skip
def test_three_digits_at_most(value: float, text: str):
    assert number_text(value) == text
