"""How a kind of attention is drawn where several stand in one chart: never told by its colour alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from models.shape.attention_geometry import Kind


@dataclass(frozen=True, slots=True)
class KindStyle:
    """A colour for each theme (after Okabe & Ito, as the roles), plotly's marker symbol and dash."""

    light: str
    dark: str
    symbol: str
    dash: str

    def colour(self, dark: bool) -> str:
        return self.dark if dark else self.light


KIND_STYLES: Mapping[Kind, KindStyle] = MappingProxyType(
    {
        "mha": KindStyle("#5b6276", "#aab3c8", "circle", "solid"),
        "mqa": KindStyle("#007a5a", "#2fc79b", "square", "dot"),
        "gqa": KindStyle("#0072b2", "#56b4e9", "diamond", "dash"),
        "mla": KindStyle("#b0357f", "#e89ac7", "triangle-up", "longdash"),
    }
)
