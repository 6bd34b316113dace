"""Which heads are off, to and from an address."""

import pytest

from viz import heads_off


@pytest.mark.parametrize(
    ("heads", "text"),
    [
        ([], ""),
        ([(2, 3)], "2.3"),
        ([(4, 1), (2, 3), (4, 0), (4, 2), (4, 0)], "2.3,4.0-2"),
        ([(0, 7), (1, 0)], "0.7,1.0"),
        ([(1, 0), (1, 2), (1, 3), (3, 11)], "1.0,1.2-3,3.11"),
    ],
)
def test_heads_come_back_from_the_address(heads: list[tuple[int, int]], text: str):
    assert heads_off.write(heads) == text
    assert heads_off.read(text) == tuple(sorted(set(heads)))


@pytest.mark.parametrize("text", ["x", "1", "1.", "-1.2", "1.2.3", "1.0-99999", "1.3-2", "99999.1"])
def test_what_is_no_head_is_left_out(text: str):
    assert heads_off.read(f"0.1,{text}") == ((0, 1),)
