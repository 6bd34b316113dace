"""Fixtures of the tests in a real browser."""

from tests.browser import browser

__all__ = ["browser"]
