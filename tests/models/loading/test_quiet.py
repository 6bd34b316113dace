"""Silence for transformers ends with the last who asked for it, and leaves what was set before."""

from transformers.utils import logging

from models.quiet_transformers import quiet_transformers


def test_two_at_once_leave_what_was_set_before():
    before = logging.is_progress_bar_enabled(), logging.get_verbosity()
    first, second = quiet_transformers(), quiet_transformers()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert (logging.is_progress_bar_enabled(), logging.get_verbosity()) == (False, logging.ERROR)
    second.__exit__(None, None, None)
    assert (logging.is_progress_bar_enabled(), logging.get_verbosity()) == before
