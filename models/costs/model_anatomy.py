"""What a config says that costs memory or time: which layers cache what, and how large the weights are."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from models.costs.weights import Weights
from models.errors import UnsupportedModel
from models.shape.attention_geometry import Geometry
from models.shape.cache_size import tokens_kept
from models.shape.layer_kinds import Keeps


@dataclass(frozen=True, slots=True)
class Layers:
    """Layers that cache alike. shape: their attention's, whose `layers` is how many they are; keeps: what of the past."""

    shape: Geometry
    keeps: Keeps

    @property
    def window(self) -> int | None:
        """Tokens that a layer with a window sees, itself among them."""
        return self.shape.sliding_window

    @property
    def index_dim(self) -> int:
        """Width of the key that a sparse attention's index caches beside the rest, 0 without one."""
        return (self.shape.index_head_dim or 0) if self.keeps == "everything and index" else 0

    @property
    def count(self) -> int:
        """How many layers these are."""
        return self.shape.layers

    @property
    def attends(self) -> bool:
        """Whether they look at other tokens, in a way that is known."""
        return self.keeps not in ("state", "no attention", "unknown")

    @property
    def caches(self) -> bool:
        """Whether keys and values of tokens are kept here."""
        return self.keeps.startswith(("everything", "window"))

    def seen(self, tokens: int) -> int:
        """Keys that the last of so many tokens looks at."""
        return tokens if self.window is None else min(tokens, self.window)

    def kept(self, tokens: int) -> int:
        """Tokens that are kept for the next one."""
        return tokens_kept(self.window, tokens)


@dataclass(frozen=True, slots=True)
class Anatomy:
    """A model as far as its cost goes. weights: None where only the attention is known. notes: sentences about what is
    not counted or was left out."""

    name: str
    shape: Geometry
    layers: tuple[Layers, ...]
    weights: Weights | None = None
    notes: tuple[str, ...] = ()


def demand_sound(shape: Geometry) -> None:
    """Raise UnsupportedModel where the numbers of a config contradict each other."""
    for one in dict.fromkeys(shape.each_layer):
        if one.heads % one.kv_heads:
            raise UnsupportedModel(
                f"The config has {one.heads} heads and {one.kv_heads} key/value heads, and each of those must serve equally "
                "many; change num_attention_heads or num_key_value_heads."
            )
        if one.d_head < 1:
            raise UnsupportedModel(
                f"The config has {one.heads} heads in a width of {one.d_model}, which leaves nothing for each; change "
                "num_attention_heads or hidden_size."
            )


def layers_of(shape: Geometry) -> tuple[Layers, ...]:
    """Layers in groups that cache alike, in the order in which each group first appears."""
    return tuple(
        Layers(replace(one, layers=count, keeps_per_layer=None), _keeps(one))
        for one, count in Counter(shape.each_layer).items()
    )


def _keeps(one: Geometry) -> Keeps:
    if one.keeps_per_layer is not None:
        return one.keeps_per_layer[0]
    return "everything" if one.sliding_window is None else "window"
