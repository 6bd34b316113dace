"""Folders with models that the page meets: sound ones of other kinds, and spoilt ones."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.look.evaluation_texts import evaluation_text


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test here runs the page, most of them several times."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="module", autouse=True)
def short_held_out_text() -> Iterator[None]:
    """Converted models are measured on the beginning of the held-out text, one window of it: what a page shows is compared
    with what the engine measures, and both read the same."""
    beginning = evaluation_text()[:1500]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("models.conversion.perplexity.evaluation_text", lambda: beginning)
        yield


@pytest.fixture(scope="session")
def tiny_falcon(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A class that computes its attention itself: no queries, no keys, only finished patterns."""
    import torch
    from transformers import FalconConfig, FalconForCausalLM

    from tests import tiny_models

    torch.manual_seed(0)
    config = FalconConfig(
        num_hidden_layers=2,
        num_attention_heads=3,
        hidden_size=24,
        vocab_size=311,
        new_decoder_architecture=False,
        alibi=False,
    )
    folder = tmp_path_factory.mktemp("models") / "tiny-falcon"
    return tiny_models.save(FalconForCausalLM(config), tiny_models.byte_level_tokenizer(), folder)
