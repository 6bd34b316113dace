"""A person before the served app, with a browser of their own: what goes wrong on their pages is noticed at the end."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, expect

from tests.browser import Watch

SLOW_MS = (
    300_000  # the first visitor waits for the server to load its libraries and models, on two busy cores
)
USUAL_MS = 60_000


@dataclass
class Visitor:
    """address: of the server. opened: the pages so far, each with what it asked for and complained about."""

    browser: Browser
    address: str
    opened: list[tuple[Page, Watch]] = field(default_factory=list)

    def open(
        self,
        path: str = "",
        *,
        size: tuple[int, int] = (1440, 1400),
        theme: Literal["light", "dark"] = "light",
    ) -> Page:
        """A page in a browser window of its own, which shares nothing with the other ones."""
        width, height = size
        context = self.browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)
        context.set_default_timeout(SLOW_MS)
        page, watch = context.new_page(), Watch()
        watch.attach(page)
        self.opened.append((page, watch))
        page.goto(f"{self.address}/{path}")
        return page

    def keep_pictures(self, folder: Path) -> None:
        """Of what is seen now, for whoever looks for the reason of a failure."""
        for number, (page, _) in enumerate(self.opened):
            page.screenshot(path=folder / f"page-{number}.png", full_page=True)
            print(f"see {folder / f'page-{number}.png'}, at {page.url}")

    def leave(self) -> None:
        """Close every window. Nothing may have been asked of anybody else, raised or complained about."""
        for page, _ in self.opened:
            expect(page.get_by_test_id("stException")).to_have_count(0)
            page.context.close()
        for _, watch in self.opened:
            assert watch.outside(self.address, self.address.replace("http", "ws")) == []
            assert watch.complaints == []
