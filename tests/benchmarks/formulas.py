"""What looking at a model should cost by arithmetic alone, worked out before anything is measured."""

from dataclasses import asdict, dataclass
from typing import Any

from torch import nn
from transformers import PreTrainedModel

from models.shape.attention_geometry import Geometry

FLOAT_BYTES = 4


@dataclass(frozen=True, slots=True)
class Cost:
    """Costs of one model at one length, in float32, a multiplication and an addition counted as two operations.

    forward_flop: matrices of the blocks, attention over the visible half, logits of one position.
    kept_bytes: queries, keys and values of all layers. patterns_bytes: all patterns.
    replay_flop: one head's scores (the whole square). wall_flop: every head's scores and its pooling to tiles, over the
    visible half.
    """

    tokens: int
    forward_flop: float
    kept_bytes: int
    patterns_bytes: int
    replay_flop: float
    wall_flop: float


def cost(module: PreTrainedModel, shape: Geometry, tokens: int, tile: int = 32) -> Cost:
    """The cost of a causal decoder."""
    heads = shape.layers * shape.heads
    attention = heads * 2 * tokens**2 * shape.d_head  # two products over the visible half of the square
    logits = 2 * shape.vocab * shape.d_model
    per_token = shape.heads + 2 * shape.kv_heads
    return Cost(
        tokens=tokens,
        forward_flop=2 * block_parameters(module) * tokens + attention + logits,
        kept_bytes=shape.layers * tokens * per_token * shape.d_head * FLOAT_BYTES,
        patterns_bytes=heads * tokens**2 * FLOAT_BYTES,
        replay_flop=2 * tokens**2 * shape.d_head,
        wall_flop=heads * tokens**2 * (shape.d_head + tile),
    )


def block_parameters(module: PreTrainedModel) -> int:
    """Parameters of the matrices that every token is multiplied with: neither embeddings nor the logits' matrix."""
    tables = {id(part.weight) for part in module.modules() if isinstance(part, nn.Embedding)}
    head = module.get_output_embeddings()
    if head is not None:
        tables.add(id(head.weight))
    return sum(p.numel() for p in module.parameters() if p.ndim == 2 and id(p) not in tables)


def show(name: str, shape: Geometry, costs: list[Cost]) -> None:
    """Print the cost card of one model."""
    print(
        f"{name}: {shape.kind.upper()}, {shape.layers} layers x {shape.heads} heads ({shape.kv_heads} key/value heads) "
        f"of width {shape.d_head}"
    )
    print("  tokens  forward GFLOP  q, k, v kept MB  all patterns MB  one head / forward  wall / forward")
    for item in costs:
        print(
            f"  {item.tokens:>6}  {item.forward_flop / 1e9:>13.3g}  {item.kept_bytes / 1e6:>15.3g}  "
            f"{item.patterns_bytes / 1e6:>15.3g}  {item.replay_flop / item.forward_flop:>18.3g}  "
            f"{item.wall_flop / item.forward_flop:>14.3g}"
        )


def as_json(name: str, item: Cost) -> dict[str, Any]:
    return {"model": name, **asdict(item)}
