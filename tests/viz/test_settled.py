"""What lives long is set aside from the garbage collector, and not kept for ever by that."""

import gc
import weakref

from viz.services.settled import settle


class Pair:
    """Two that hold each other, which only the garbage collector lets go of."""

    def __init__(self) -> None:
        self.other = self


def test_what_is_alive_is_looked_through_no_more():
    kept = Pair()
    settle()
    assert gc.get_freeze_count() > 1000
    assert all(one is not kept for one in gc.get_objects())


def test_what_was_set_aside_and_dropped_goes_with_the_next_settling():
    dropped = Pair()
    known = weakref.ref(dropped)
    settle()
    del dropped
    settle()
    assert known() is None
