"""What the timeline of attention is made of: milestones, and what each costs."""

from __future__ import annotations

from dataclasses import dataclass

from models.classic.papers import Paper
from models.shape.attention_geometry import Geometry
from models.shape.cache_size import cache_elements_per_token_and_layer


@dataclass(frozen=True, slots=True)
class MilestoneCost:
    """What attention costs, in LaTeX.

    time: to read one text and write the other, or of a text with itself. memory: what is held meanwhile, patterns written out.
    cache: numbers that a layer keeps of each token, by the formulas of DeepSeek-V2's Table 1 (arXiv 2405.04434); "" where what
    is kept is no cache of keys and values. symbols: what the letters mean, a sentence with LaTeX between dollar signs.
    """

    time: str
    memory: str
    cache: str
    symbols: str


@dataclass(frozen=True, slots=True)
class Milestone:
    """One kind of attention.

    papers: none where no paper stands behind it. formula: LaTeX in the papers' own symbols, narrow enough for a card. mended:
    what it fixed in what came before it. used_by: where it lives today. model: of the catalogue, what opens. warning: it is not
    what it is called. layer: one layer of it, as wide as the attention family; None where it keeps no keys and values.
    """

    key: str
    title: str
    papers: tuple[Paper, ...]
    formula: str
    mended: str
    cost: MilestoneCost
    used_by: str
    model: str
    warning: bool = False
    layer: Geometry | None = None

    @property
    def year(self) -> int | None:
        """Of its first paper."""
        return self.papers[0].year if self.papers else None

    @property
    def cached_numbers(self) -> int | None:
        """Numbers that `layer` keeps of each token, worked out by models.shape.cache_size."""
        return None if self.layer is None else cache_elements_per_token_and_layer(self.layer)
