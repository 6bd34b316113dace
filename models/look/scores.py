"""One number for what a head does, per head and kind of behaviour, each beside what blind chance would score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float32
from torch import Tensor

NAMES = (
    "entropy",
    "mean_distance",
    "first_token",
    "previous_token",
    "duplicate",
    "induction",
    "self_attention",
)

# A head is named after a behaviour where it gives it at least this share of its attention, twice what chance gives,
# and the text offers at least MIN_SUPPORT queries to show it on. A convention, told on the page; the earlier name wins.
ROLES = (
    ("induction", "induction", 0.3),
    ("previous token", "previous_token", 0.4),
    ("duplicate token", "duplicate", 0.3),
    ("self", "self_attention", 0.4),
    ("first token", "first_token", 0.6),
)
MIN_SUPPORT = 3

TINY = torch.finfo(torch.float32).tiny  # keeps the logarithm of a weight of 0 finite


@dataclass(frozen=True, slots=True)
class Scores:
    """What each head of a stack does with one text.

    values[name] and chance[name]: float32 [layer, head]. support[name]: number of queries the mean is taken over.
    NaN where the text gives no query to tell by, or where a layer has fewer heads than the widest.
    entropy: nats. mean_distance: tokens. The others: share of a query's attention, averaged over the queries that
    could show the behaviour; names as in Elhage et al. 2021 and Olsson et al. 2022 (arXiv 2209.11895).
      first_token: to the text's first token; previous_token: to the token before; self_attention: to itself;
      duplicate: to earlier copies of the query's token (the first token, which draws attention anyway, left out);
      induction: to what followed the earlier copies of the query's token.
    chance: what a head scores that spreads its attention evenly over all keys it may see.
    """

    values: dict[str, Float32[Tensor, "layer head"]]
    chance: dict[str, Float32[Tensor, "layer head"]]
    support: dict[str, int]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the scores, as keys of `values`, `chance` and `support`."""
        return tuple(self.values)

    def role(self, layer: int, head: int) -> str:
        """The behaviour the head is named after on this text, or ""."""
        for role, name, least in ROLES:
            value, chance = self.values[name][layer, head].item(), self.chance[name][layer, head].item()
            if self.support[name] >= MIN_SUPPORT and value >= max(least, 2 * chance):
                return role
        return ""


class ScoreSums:
    """Running sums of the scores of one layer, fed with blocks of rows [head, row, key]."""

    def __init__(self, heads: int, pairs: TokenPairs, device: torch.device) -> None:
        self.pairs = pairs
        self.sums = {name: torch.zeros(heads, device=device, dtype=torch.float32) for name in NAMES}

    def add(self, weights: Tensor, rows: slice) -> None:
        """Take in the queries `rows` (start and stop given); keys may end early where none is visible."""
        count = weights.shape[1]
        query = torch.arange(rows.start, rows.start + count, device=weights.device)
        key = torch.arange(weights.shape[2], device=weights.device)
        # as torch.special.entr, which is not vectorised on the CPU and took a third of the walk
        self.sums["entropy"] -= (weights + TINY).log_().mul_(weights).sum((1, 2))
        self.sums["first_token"] += weights[:, :, 0].sum(1) - (weights[:, 0, 0] if rows.start == 0 else 0)
        if not self.pairs.same_text:
            return
        distance = (query[:, None] - key).abs().to(weights.dtype)
        self.sums["mean_distance"] += torch.matmul(weights.flatten(1), distance.flatten())
        self.sums["self_attention"] += weights.diagonal(rows.start, 1, 2).sum(1)
        self.sums["previous_token"] += weights.diagonal(rows.start - 1, 1, 2).sum(1)
        bounds = torch.tensor((rows.start, rows.start + count), device=weights.device)
        for name, (queries, keys) in self.pairs.listed.items():
            first, last = torch.searchsorted(queries, bounds).tolist()  # listed in the order of queries
            self.sums[name] += weights[:, queries[first:last] - rows.start, keys[first:last]].sum(1)

    def means(self) -> dict[str, Tensor]:
        """Per head [head]; NaN where no query could show the behaviour."""
        return {
            name: total / count if (count := self.pairs.support[name]) else torch.full_like(total, torch.nan)
            for name, total in self.sums.items()
        }


class TokenPairs:
    """Which (query, key) pairs of a text are earlier copies, and which follow one."""

    def __init__(self, ids: Sequence[int] | None, queries: int, device: torch.device) -> None:
        self.same_text = ids is not None
        later = max(queries - 1, 0)
        self.support = dict.fromkeys(NAMES, 0) | {"entropy": queries, "first_token": later}
        self.listed: dict[str, tuple[Tensor, Tensor]] = {}
        if ids is None:
            return
        self.support |= {"mean_distance": queries, "self_attention": queries, "previous_token": later}
        row = torch.tensor(ids, device=device)
        copies = (row[:, None] == row).tril(-1)
        self._list("induction", torch.nn.functional.pad(copies, (1, 0))[:, :-1].tril(-1))
        copies = copies.clone()
        copies[:, 0] = False
        self._list("duplicate", copies)

    def _list(self, name: str, marks: Tensor) -> None:
        queries, keys = marks.nonzero(as_tuple=True)
        self.listed[name] = (queries, keys)
        self.support[name] = int(queries.unique().numel())
