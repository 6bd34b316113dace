"""A trained model's card: what it is, what it saw, how well it reads, which heads it grew, and how to make it again."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from transformers import PreTrainedConfig

from models.errors import BadCard
from models.loading.card_checks import CHECKS, check_fields, check_role, is_number, short
from models.loading.card_readme import readme
from models.shape.attention_geometry import Geometry, Kind, geometry
from models.shape.cache_size import cache_bytes_per_token

FILE = "card.json"
LEAST_TOKENS = 10_000_000  # a model that saw fewer is undertrained, whatever was planned
_DERIVED = ("undertrained", "validation_perplexity", "cache_bytes_per_token")


@dataclass(frozen=True, slots=True)
class Card:
    """What is known of one trained model. Every number is measured, but `cache_bytes_per_token`, which is a formula.

    config: the fields of its Geometry that are set, and intermediate_size; see `essential_shape`. parameters: weights,
    tied ones counted once. train_seconds: wall time on `device` with `threads` CPU threads. date: ISO, when training
    ended. validation_loss: nats per token, mean over validation_tokens of books that it was not trained on.
    roles: rows of models.training.head_roles.find_roles; probe: what they were found on. repeats: how many training sequences
    repeat a span of themselves. curve: (tokens seen, validation loss in nats per token) in training, where it was kept.
    Raises BadCard, one sentence that names the field.
    """

    name: str
    kind: Kind
    config: Mapping[str, Any]
    parameters: int
    tokens_seen: int
    planned_tokens: int
    train_seconds: float
    device: str
    threads: int
    torch: str
    transformers: str
    date: str
    seed: int
    validation_loss: float
    validation_tokens: int
    roles: Sequence[Mapping[str, Any]]
    probe: str
    licence: str
    corpus: str
    repeats: str
    command: str
    curve: Sequence[Sequence[float]] = ()

    def __post_init__(self) -> None:
        check_fields({name: getattr(self, name) for name in CHECKS})
        if self.geometry.kind != self.kind:
            raise BadCard(f"The card's kind is {self.kind}, but its config is that of {self.geometry.kind}.")
        for row in self.roles:
            check_role(row, self.geometry)

    @property
    def geometry(self) -> Geometry:
        """The shape of its attention."""
        known = {field.name for field in fields(Geometry)}
        try:
            return Geometry(**{name: value for name, value in self.config.items() if name in known})
        except (TypeError, ValueError):
            raise BadCard(
                "The card's config does not say what shape the model has: a size is missing, or a list is not of its layers."
            ) from None

    @property
    def undertrained(self) -> bool:
        """Whether it saw fewer tokens than were planned, or than LEAST_TOKENS."""
        return self.tokens_seen < max(self.planned_tokens, LEAST_TOKENS)

    @property
    def shortfall(self) -> str:
        """Why it is undertrained, as a clause; "" where it is not."""
        if self.tokens_seen < self.planned_tokens:
            return f"it saw {self.tokens_seen:,} of {self.planned_tokens:,} planned tokens"
        return f"it saw {self.tokens_seen:,} tokens, fewer than {LEAST_TOKENS:,}" if self.undertrained else ""

    @property
    def validation_perplexity(self) -> float:
        """exp(validation_loss), per token of its own vocabulary."""
        return math.exp(self.validation_loss)

    @property
    def cache_bytes_per_token(self) -> int:
        """Bytes of key/value cache a token in bf16, by formula; see models.shape.cache_size."""
        return cache_bytes_per_token(self.geometry)

    def strongest(self, role: str) -> Mapping[str, Any] | None:
        """The row of the head with the highest score in that role, or None where no head has it."""
        return max(
            (row for row in self.roles if row["role"] == role), key=lambda row: row["score"], default=None
        )

    def write(self, folder: str | Path) -> None:
        """Write card.json and a README.md in the Hub's form for model cards into `folder`."""
        place = Path(folder)
        derived = {name: getattr(self, name) for name in _DERIVED}
        text = json.dumps(asdict(self) | derived, indent=1, ensure_ascii=False, allow_nan=False)
        (place / FILE).write_text(text + "\n", "utf-8")
        (place / "README.md").write_text(readme(self), "utf-8")

    @classmethod
    def read(cls, folder: str | Path) -> Card:
        """The card in `folder`. Raises BadCard where there is none, or it is not sound."""
        path = Path(folder) / FILE
        try:
            held = json.loads(path.read_text("utf-8"))
        except OSError as error:
            raise BadCard(
                f"{path} cannot be read ({error.strerror}): train the model again, or do without."
            ) from None
        except ValueError as error:
            raise BadCard(f"{path} is not valid JSON ({error}): fetch it again.") from None
        if not isinstance(held, dict):
            raise BadCard(
                f"{path} should hold a JSON object, but holds a {type(held).__name__}: fetch it again."
            )
        derived = {name: held.pop(name, None) for name in _DERIVED}
        _check_names(path, held)
        try:
            card = cls(**held)
        except BadCard as error:
            raise BadCard(f"{path} is not a card that can be shown. {error}") from None
        _check_derived(path, card, derived)
        return card


def essential_shape(config: PreTrainedConfig) -> dict[str, Any]:
    """What a card says of a config: the fields of its Geometry that are set, and the feed-forward width."""
    shape = {name: value for name, value in asdict(geometry(config)).items() if value is not None}
    return shape | {"intermediate_size": config.intermediate_size}


def _check_names(path: Path, held: Mapping[str, Any]) -> None:
    known = {field.name for field in fields(Card)}
    missing = known - {"curve"} - held.keys()
    if missing:
        raise BadCard(
            f"{path} lacks {', '.join(sorted(missing))}: it was written by another version; fetch it again."
        )
    unknown = held.keys() - known
    if unknown:
        names = ", ".join(sorted(map(short, unknown)))
        raise BadCard(f"{path} has fields that this version does not know ({names}): fetch it again.")


def _check_derived(path: Path, card: Card, derived: Mapping[str, Any]) -> None:
    """What follows from the other numbers stands in the file for other readers, and must agree with them."""
    for name, held in derived.items():
        follows = getattr(card, name)
        if held is not None and not (is_number(held) or isinstance(held, bool)):
            raise BadCard(f"The {name} in {path} should be {follows}, but is {short(held)}: fetch it again.")
        if held is not None and not math.isclose(held, follows, rel_tol=1e-6):
            raise BadCard(
                f"The {name} in {path} is {held}, but its other numbers give {follows}: was it changed by hand?"
            )
