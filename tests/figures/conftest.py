"""What the figures' tests share."""

from tests.browser import browser

__all__ = ["browser"]
