"""What a run will keep, said before it starts, beside what it keeps: models whose layers differ, too."""

import pytest

import models
from tests.models.engine_models import TEXT, engine
from viz.services.forecast import forecast


def kept_bytes(model: models.AttentionModel) -> int:
    """Of the queries, keys and values of all heads on the text, as they are captured."""
    run = models.capture(model, TEXT)
    numbers = 0
    for layer in range(run.layers()):
        numbers += sum(run.query(layer, head).numel() for head in range(run.heads(layer)))
        numbers += run.cached(layer).numel()
    return numbers * model.dtype.itemsize


@pytest.mark.parametrize(
    ("name", "off"),
    [
        ("llama gqa", ()),
        ("llama gqa", [(1, 0), (1, 1), (1, 2), (2, 5)]),  # layer 1 keeps one of its two key/value heads
        ("llama mha", [(0, head) for head in range(6)] + [(2, 1)]),  # the first layer has none left
        ("inkling_text", ()),  # three key/value heads in its first layer, two in the others
        ("jamba", ()),  # every other layer is no attention
    ],
)
def test_what_is_kept_is_foretold_layer_by_layer(name: str, off: list[tuple[int, int]]):
    model = models.remove_heads(engine(name), off) if off else engine(name)
    tokens = models.count_tokens(model, TEXT)
    assert forecast(model, tokens, 1e9).nbytes == kept_bytes(model)


def test_a_layer_without_heads_takes_no_time_to_compare_tokens():
    whole = engine("llama mha")
    less = models.remove_heads(whole, [(0, head) for head in range(6)])

    def comparing(model: models.AttentionModel) -> float:
        """What is not linear in tokens, at an operation a second."""
        return forecast(model, 1000, 1.0).seconds - 1000 * forecast(model, 1, 1.0).seconds

    assert comparing(less) == pytest.approx(comparing(whole) * 2 / 3)
