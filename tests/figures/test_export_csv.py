"""The CSV of a pattern: numbers and tokens come back exactly, and no label is a formula."""

import csv
import io

import numpy as np
import pytest

from models.errors import BadSelection
from tests.figures.samples import HOSTILE, attention
from viz.figures.export_csv import pattern_csv, token_of

TRICKY = (*HOSTILE, 'a,"b";c', "+1", "\tcmd", "1:30", "|", "\\n", "\x85")


def table(text):
    return list(csv.reader(io.StringIO(text, newline="")))


def test_numbers_come_back_to_the_last_bit():
    weights = attention(1, 1, 3, 4)[0, 0]
    weights[0, 0] = np.float32(1e-38)
    rows = table(pattern_csv(weights, ("a", "b", "c"), ("w", "x", "y", "z")))
    assert rows[0] == ["query|key", "0|w", "1|x", "2|y", "3|z"]
    assert [row[0] for row in rows[1:]] == ["0|a", "1|b", "2|c"]
    np.testing.assert_array_equal(np.array([row[1:] for row in rows[1:]], dtype=np.float32), weights)


def test_any_token_comes_back():
    count = len(TRICKY)
    text = pattern_csv(np.zeros((count, count)), TRICKY, TRICKY)
    rows = table(text)
    assert tuple(token_of(cell) for cell in rows[0][1:]) == TRICKY
    assert tuple(token_of(row[0]) for row in rows[1:]) == TRICKY


def test_no_cell_can_be_a_formula_and_no_row_is_torn():
    count = len(TRICKY)
    text = pattern_csv(np.zeros((count, count)), TRICKY, TRICKY)
    text.encode("utf-8")
    assert len(text.splitlines()) == count + 1
    assert all(cell[0] not in "=+-@\t\r" for row in table(text) for cell in row)


def test_disagreeing_tokens_are_refused():
    with pytest.raises(BadSelection, match=r"\(3, 2\) \(queries, keys\) were expected, .* are \(2, 3\)"):
        pattern_csv(np.zeros((2, 3)), ("a", "b", "c"), ("x", "y"))
