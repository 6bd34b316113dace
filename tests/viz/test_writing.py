"""A text that is written in the background can be watched and stopped."""

import threading
from collections.abc import Iterator

import pytest

from models.errors import BadText
from viz.services.writing import Heard, Writing

PATIENCE_S = 20


def test_all_pieces_are_gathered():
    writing = Writing(lambda heard: iter(["a", " b", "\n"]))
    writing.wait(PATIENCE_S)
    assert (writing.text, writing.running, writing.error) == ("a b\n", False, None)


def test_stopping_keeps_what_is_written_and_takes_no_more():
    asked, go_on, closed = threading.Event(), threading.Event(), threading.Event()

    def pieces(heard: Heard) -> Iterator[str]:
        try:
            yield "kept"
            asked.set()
            assert go_on.wait(PATIENCE_S)
            yield " lost"
            raise AssertionError("asked for more")
        finally:
            closed.set()

    writing = Writing(pieces)
    assert asked.wait(PATIENCE_S)
    assert writing.running
    writing.cancel()
    assert not writing.running
    go_on.set()
    writing.wait(PATIENCE_S)
    assert (writing.text, writing.error) == ("kept", None)
    assert closed.is_set()


@pytest.mark.parametrize("error", [BadText("The text is empty."), RuntimeError("out of memory")])
def test_what_breaks_it_off_is_kept(error: Exception):
    def pieces(heard: Heard) -> Iterator[str]:
        yield "some"
        raise error

    writing = Writing(pieces)
    writing.wait(PATIENCE_S)
    assert (writing.text, writing.running, writing.error) == ("some", False, error)
