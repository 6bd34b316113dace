"""Tokens of a small text, and models small enough to be trained on them."""

import pytest
from transformers import PreTrainedConfig

from models.shape.attention_geometry import Kind
from models.shape.family import family_config
from models.training import run
from models.training.vocabulary import Tokens, tokenize
from tests.models.training.stories import story


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Tokens:
    return tokenize([story(4000)], [], tmp_path_factory.mktemp("tokens"))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A narrow model of one layer, for what does not depend on the shape."""

    def narrow(kind: Kind) -> PreTrainedConfig:
        config = family_config(kind)
        config.num_hidden_layers, config.hidden_size, config.intermediate_size = 1, 64, 48
        return config

    monkeypatch.setattr(run, "family_config", narrow)
