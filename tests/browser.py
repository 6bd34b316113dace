"""A real Chromium for the tests: an installed one first, else the one Playwright brings."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "microsoft-edge")
# Opened on a page, Streamlit asks for its parts below that page's path first, and then at the root.
_NOT_FOUND, _STREAMLIT = "the server responded with a status of 404", "/_stcore/"
_ARGUMENTS = ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-gpu"]


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser that is closed at the end."""
    installed = next((path for name in _NAMES if (path := shutil.which(name))), None)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=installed, args=_ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests of a run."""
    with chromium() as launched:
        yield launched


@dataclass
class Watch:
    """What a page asked the network for, and what it complained about."""

    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def attach(self, page: Page) -> None:
        """Listen from now on; call it before the page is opened."""
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._console)

    def _console(self, message: ConsoleMessage) -> None:
        asked_below = _NOT_FOUND in message.text and _STREAMLIT in str(message.location.get("url"))
        if message.type in ("error", "warning") and not asked_below:
            self.complaints.append(message.text)

    def outside(self, *allowed: str) -> list[str]:
        """Addresses asked for that begin with none of `allowed`; what the page itself holds is none."""
        inside = ("data:", "blob:", "about:", *allowed)
        return [address for address in self.requests if not address.startswith(inside)]
