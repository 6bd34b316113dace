"""One server for all journeys of a process: its start takes longer than most of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from models.loading.store import cache_folder
from tests.e2e.server import ROOT, serving
from tests.e2e.visitor import USUAL_MS, Visitor

expect.set_options(timeout=USUAL_MS)


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app, with the models that were fetched before and a cache that ends with the tests."""
    cache = tmp_path_factory.mktemp("cache")
    (cache / "models").symlink_to(cache_folder() / "models")
    with serving(ROOT / "app.py", HEADLIGHT_CACHE=str(cache)) as address:
        yield address


@pytest.fixture
def visitor(
    request: pytest.FixtureRequest, browser: Browser, address: str, tmp_path: Path
) -> Iterator[Visitor]:
    failures = request.session.testsfailed
    visitor = Visitor(browser, address)
    yield visitor
    if request.session.testsfailed > failures:
        visitor.keep_pictures(tmp_path)
    visitor.leave()
