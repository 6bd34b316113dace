"""Models that the tests share: tiny random ones made in place, and the catalogue's real ones from the cache."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import tensor_types
from tests.browser import browser

if TYPE_CHECKING:
    from models.run.model import AttentionModel

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# The models are tiny: on a busy machine their threads wait for one another more than they compute, ten times over.
os.environ.setdefault("OMP_NUM_THREADS", "1")

tensor_types.install()  # before any test imports the engine

__all__ = ["browser"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever drives a browser is marked so, and runs by itself: one process can hold one Playwright."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.e2e)


def _folder(factory: pytest.TempPathFactory, name: str) -> Path:
    return factory.mktemp("models") / name


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random Llama: 3 layers of 6 heads, 2 key/value heads, head width 8."""
    from tests import tiny_models

    return tiny_models.llama(_folder(tmp_path_factory, "tiny-llama"))


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random BertForMaskedLM: 2 layers of 3 heads, head width 4."""
    from tests import tiny_models

    return tiny_models.bert(_folder(tmp_path_factory, "tiny-bert"))


@pytest.fixture(scope="session")
def tiny_t5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random T5: an encoder of 2 layers, a decoder of 3, 5 heads of width 4."""
    from tests import tiny_models

    return tiny_models.t5(_folder(tmp_path_factory, "tiny-t5"))


@pytest.fixture(scope="session")
def load_once() -> Callable[[str], "AttentionModel"]:
    """Loads a model by name or folder, each once a session; nothing in a test may change what it gives."""
    from models.loading.loader import load

    loaded: dict[str, AttentionModel] = {}

    def get(name: str) -> "AttentionModel":
        if name not in loaded:
            loaded[name] = load(name, device="cpu")
        return loaded[name]

    return get


@pytest.fixture(scope="session")
def smollm2(load_once: Callable[[str], "AttentionModel"]) -> "AttentionModel":
    """The real SmolLM2-135M-Instruct."""
    return load_once("smollm2-135m")


@pytest.fixture(scope="session")
def minilm(load_once: Callable[[str], "AttentionModel"]) -> "AttentionModel":
    """The real all-MiniLM-L6-v2."""
    return load_once("minilm")
