"""Bytes that the running page sends to a real browser for a first full view, beside BertViz's page of the same text."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from playwright.sync_api import Page, Response, WebSocket

import models
from models.run.model import demand_tokenizer
from tests.benchmarks.bertviz_weight import counted_bytes, measured_bytes
from tests.benchmarks.processes import ROOT
from tests.benchmarks.report import Line
from tests.benchmarks.subjects import text_of
from tests.browser import chromium
from tests.e2e.server import serving

VIEW_AT_MOST_MB = 2.0
CHECK_TOKENS = 128
QUIET_S = 3.0  # nothing more has come for so long: the view is there
PATIENCE_S = 300.0


@dataclass
class Traffic:
    """What the server sent to one page; frames as they are before compression. Streamlit's own scripts, styles and
    fonts, which are the same for every page and stay in the browser's cache, are counted apart."""

    frames: int = 0
    bodies: int = 0
    streamlit: int = 0
    last: float = 0.0

    def attach(self, page: Page) -> None:
        page.on("websocket", self._websocket)
        page.on("response", self._response)

    def _websocket(self, socket: WebSocket) -> None:
        socket.on("framereceived", self._frame)

    def _frame(self, payload: str | bytes) -> None:
        self.frames += len(payload.encode() if isinstance(payload, str) else payload)
        self.last = time.monotonic()

    def _response(self, response: Response) -> None:
        if response.url.startswith(("data:", "blob:")):
            return
        count = len(response.body())
        if urlsplit(response.url).path.startswith("/static/"):
            self.streamlit += count
        else:
            self.bodies += count
        self.last = time.monotonic()

    @property
    def total(self) -> int:
        return self.frames + self.bodies


def first_view(source: str, text: str, tokens: int) -> Traffic:
    """Open the page on a text as a new visitor would, and count until nothing more comes."""
    wanted = urlencode({"model": source, "text": text, "limit": tokens})
    traffic = Traffic()
    with serving(ROOT / "app.py") as address, chromium() as browser:
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        traffic.attach(page)
        page.goto(f"{address}/?{wanted}")
        page.locator(".js-plotly-plot").first.wait_for(timeout=1000 * PATIENCE_S)
        page.locator("canvas").first.wait_for(timeout=1000 * PATIENCE_S)
        while time.monotonic() - traffic.last < QUIET_S:
            page.wait_for_timeout(200)
    return traffic


def page_bytes(source: str, name: str, tokens: int) -> Iterator[Line]:
    """Own view and BertViz's model view of one text."""
    model = models.load(source, device="cpu", dtype="float32")
    text = text_of(demand_tokenizer(model), tokens)
    ours = first_view(source, text, tokens)
    run = models.capture(model, text, max_tokens=tokens)
    heads = run.layers() * run.heads(0)
    yield Line(
        f"sent for a first full view, {name}, {heads} heads, {len(run.tokens)} tokens",
        ours.total / 1e6,
        unit="MB",
        at_most=VIEW_AT_MOST_MB,
        note=f"websocket {ours.frames / 1e6:.3g}, HTTP {ours.bodies / 1e6:.3g}; Streamlit's own files "
        f"{ours.streamlit / 1e6:.3g}",
    )
    theirs = counted_bytes(run)
    yield Line(
        f"sent / BertViz's model view of the same, {name}",
        ours.total / theirs,
        note=f"BertViz {theirs / 1e6:.4g} MB, {_checked(model, text, min(tokens, CHECK_TOKENS))}",
    )


def _checked(model: models.AttentionModel, text: str, tokens: int) -> str:
    """Count and page agree on a text short enough to build the page."""
    run = models.capture(model, text, max_tokens=tokens)
    counted, measured = counted_bytes(run), measured_bytes(run)
    return f"counted; at {tokens} tokens counted {counted:,} and measured {measured:,} bytes"
