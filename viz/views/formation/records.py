"""What was recorded while the family was trained, read from where its weights lie."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from models.errors import HeadlightError
from models.loading.catalog import WEIGHTS
from models.look.formation import Formation
from models.shape import family
from models.shape.attention_geometry import Kind
from viz.figures.formation_film import Curve, Film, make_curve, make_film

FILE = "formation.npz"


@dataclass(frozen=True, slots=True)
class Record:
    """One training, ready to be drawn. probe: the text that all was measured on, one string a token."""

    film: Film
    curve: Curve
    probe: tuple[str, ...]


def read_records(weights: Path | None = None) -> tuple[dict[Kind, Record], list[str]]:
    """The records by kind, and a sentence about each that is missing or cannot be read."""
    found: dict[Kind, Record] = {}
    complaints: list[str] = []
    for kind in family.KINDS:
        path = (weights or WEIGHTS) / family.family_name(kind) / FILE
        try:
            found[kind] = _record(kind, path)
        except HeadlightError as error:
            complaints.append(f"{kind.upper()} is left out: {error}")
    return found, complaints


def _record(kind: Kind, path: Path) -> Record:
    if not path.is_file():
        raise HeadlightError(
            f"{family.family_name(kind)} has no record of its training ({path} is not there)."
        )
    return _drawn(kind, path, path.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _drawn(kind: Kind, path: Path, changed: int) -> Record:
    """Kept for all visitors, about half a megabyte each; `changed` lets a newer file be read."""
    formation = replace(Formation.load(path), kind=kind)
    if not len(formation):
        raise HeadlightError(f"{path} holds no record yet.")
    return Record(make_film(formation), make_curve(formation), formation.token_strings)
