"""Heads that transformers itself took out: its version 4 wrote `pruned_heads` into a config, which version 5 does not read."""

from __future__ import annotations

from typing import Any

from transformers import PreTrainedConfig

from models.errors import BrokenWeights, UnsupportedModel
from models.run.head_matrices import FORMS
from models.shape.removed_heads import FIELD, RemovedHeads


def take_over_pruned_heads(name: str, config: PreTrainedConfig, written: dict[str, Any]) -> str:
    """Put transformers' own record of pruned heads into `config` as ours, by which the smaller layers are made.

    written: the config.json as it is. Returns a sentence that names the heads, "" where none are pruned. Raises
    UnsupportedModel where the class's layers cannot be made smaller, BrokenWeights where the record is not sound.
    """
    pruned = written.get("pruned_heads")
    if not pruned:
        return ""
    if config.model_type not in FORMS or getattr(config, "add_cross_attention", False):
        raise UnsupportedModel(
            f"Heads of “{name}” were pruned (pruned_heads in its config.json), and for the type “{config.model_type}” "
            "layers of different numbers of heads cannot be opened: choose the model as it was before."
        )
    layers, heads = config.num_hidden_layers, config.num_attention_heads
    gone = _gone(name, pruned, layers, heads)
    kept = tuple(tuple(head for head in range(heads) if (layer, head) not in gone) for layer in range(layers))
    kv_heads = getattr(config, "num_key_value_heads", None) or heads
    setattr(config, FIELD, RemovedHeads(heads, kv_heads, kept).as_json())
    listed = ", ".join(f"L{layer} H{head}" for layer, head in sorted(gone)[:8])
    more = f" and {len(gone) - 8} more" if len(gone) > 8 else ""
    return (
        f"Heads were pruned from it before ({listed}{more}, by pruned_heads in its config): those left are shown, counted "
        "anew in each layer."
    )


def _gone(name: str, pruned: Any, layers: int, heads: int) -> set[tuple[int, int]]:
    try:
        gone = {(int(layer), int(head)) for layer, row in pruned.items() for head in row}
    except (AttributeError, TypeError, ValueError):
        gone = {(-1, -1)}
    if any(not (0 <= layer < layers and 0 <= head < heads) for layer, head in gone):
        raise BrokenWeights(
            f"The pruned_heads in the config of “{name}” should name heads 0 to {heads - 1} of layers 0 to {layers - 1}, "
            "but something else stands there: fetch the model again."
        )
    return gone
