"""Sweeps of classes whose layers hang together: each value is that of a whole pass without the head, through one gate."""

from dataclasses import replace
from typing import Any, cast

import pytest
import torch
from torch import nn

import models
from models.loading.loader import wrap
from models.progress import no_progress
from models.pruning import resumed
from models.pruning.quality import pruned_quality, quantity_of, whole_output
from models.run.inputs import Encoded
from models.run.model import AttentionModel
from tests.models.engine_models import ROWS, TEXT, assert_near, engine, fresh
from tests.models.run.test_zoo import encoded
from tests.models.zoo import Row, build

FOUR = {"num_hidden_layers": 4, "layer_types": ["sliding_attention", "full_attention"] * 2}


def sharing(name: str, layers: int, **own: Any) -> Row:
    """A Gemma of four layers whose last ones read the keys and values of earlier ones."""
    return replace(ROWS[name], config=ROWS[name].config | FOUR | {"num_kv_shared_layers": layers} | own)


FOUR_WIDE: dict[str, Any] = {"intermediate_size": [56] * 4, "activation_sparsity_pattern": [0.0] * 4}
# How the slowest of their runs are made.
CLASSES: dict[str, tuple[Row, str]] = {
    "modernbert": (ROWS["modernbert"], "resumed"),
    "modernbert-decoder": (ROWS["modernbert-decoder"], "resumed"),
    "xmod": (ROWS["xmod"], "resumed"),
    "gemma4 sharing one": (sharing("gemma4_text", 1), "whole"),
    "gemma4 sharing two": (sharing("gemma4_text", 2), "whole"),
    "gemma4 sharing none": (sharing("gemma4_text", 0), "resumed"),
    "gemma3n sharing two": (sharing("gemma3n_text", 2, **FOUR_WIDE), "whole"),
    "gemma3n": (ROWS["gemma3n_text"], "whole"),
    "albert two groups": (ROWS["albert two groups"], "whole"),
    "longcat_flash": (ROWS["longcat_flash"], "whole"),
    "zamba2": (ROWS["zamba2"], "resumed"),
    "qwen3_next": (ROWS["qwen3_next"], "resumed"),
}


@pytest.fixture
def texts_of_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts that are token ids already, for the zoo has no tokenizers."""
    monkeypatch.setattr("models.pruning.measured.encode_for", lambda model, text, **_: text)


def without_each(model: AttentionModel, text: Encoded, stack: str) -> torch.Tensor:
    """[layer, head]: a whole pass of the model for each head."""
    given = pruned_quality(model, [text], stack, None, None)  # type: ignore[list-item]
    full = given.without((), no_progress)
    plan = model.plan
    heads = [plan.sites[plan.calls_of(stack, layer)[0]].heads for layer in range(plan.layers(stack))]
    return torch.tensor(
        [
            [given.without([(layer, head)], no_progress) - full for head in range(count)]
            for layer, count in enumerate(heads)
        ]
    )


@pytest.mark.usefixtures("texts_of_ids")
@pytest.mark.parametrize("name", CLASSES)
def test_every_head_is_missed_as_much_as_in_a_whole_pass(name: str):
    row, passes = CLASSES[name]
    model, text = wrap(build(row), name=row.name), encoded(row)
    for stack in model.plan.stacks:
        found = models.sweep(model, [text], metric=quantity_of(model), stack=stack)  # type: ignore[list-item]
        assert_near(found.mean, without_each(model, text, stack), 2e-3)
        assert found.passes == passes
        if quantity_of(model) == "loss":  # the next token alone goes other ways
            nearer = models.sweep(model, [text], metric="kl", stack=stack).mean  # type: ignore[list-item]
            base = whole_output(model, text)[-1].log_softmax(-1)
            off = models.HeadsOff(((1, 2),), stack)
            after = whole_output(model, text, off)[-1].log_softmax(-1)
            wanted = (base.exp() * (base - after)).sum()
            assert nearer[1, 2].item() == pytest.approx(wanted.item(), rel=2e-3, abs=1e-6)


class _Together(nn.Module):
    """Rows of a batch meet here: such a model can run one text at a time alone."""

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.part = part

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return self.part(states + states.mean(0, keepdim=True))


def test_a_class_that_allows_no_shortcut_is_run_head_by_head_and_it_is_said():
    model = fresh("gpt2")
    for block in cast(Any, model.module).transformer.h:
        block.mlp = _Together(block.mlp)
    found = models.sweep(model, TEXT)
    assert found.passes == "single"
    given = models.baseline(model, TEXT)
    for head in [(0, 0), (1, 3), (2, 5)]:
        alone = models.ablate(model, given, [head])
        assert found.mean[head].item() == pytest.approx(alone.loss_after - alone.loss_before, abs=1e-5)
    assert models.sweep(engine("gpt2"), TEXT).passes == "resumed"


def test_a_fault_of_ones_own_is_not_taken_for_a_slow_model(monkeypatch: pytest.MonkeyPatch):
    def broken(*_: Any) -> Any:
        raise AttributeError("a fault")

    monkeypatch.setattr(resumed, "open_rows", lambda *_: broken)
    with pytest.raises(AttributeError, match="a fault"):
        models.sweep(engine("gpt2"), TEXT)
