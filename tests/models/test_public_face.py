"""One spelling over all that `models` exports, and everything that its signatures speak of is exported too."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
import torch

import models
from models.progress import Progress, no_progress
from models.run.head_gates import Head, Heads
from tests.models.public_face import functions, spoken_of

FACE = {name: getattr(models, name) for name in models.__all__}
# What a parameter of that name takes, wherever one is.
TAKEN = {
    "dtype": str | torch.dtype,
    "device": str | torch.device,
    "heads": Heads,
    "heads_off": Heads,
    "progress": Progress,
    **dict.fromkeys(("folder", "path", "out", "name"), str | Path),
}
DEFAULTS = {"device": "auto", "heads_off": (), "progress": no_progress}
OPTIONS = {"progress", "heard", "heads_off", "latents_off", "max_tokens", "reference", "stack"}
WRITING = ("save", "export", "write", "dump", "store")
# How a model is to be called; how many heads there are.
OTHER_THINGS = {"anatomy.name", "random_shape.name", "wrap.name", "RemovedHeads.none.heads"}


def faults(face: dict[str, Any]) -> list[str]:
    """What is spelled otherwise."""
    found = [
        f"{name}: a verb of its own for writing"
        for name in face
        if name.startswith(WRITING) and name != "save"
    ]
    for name, function in functions(face):
        hints = get_type_hints(function)
        for parameter in inspect.signature(function).parameters.values():
            if parameter.name not in ("self", "cls"):
                found += [f"{name}: {fault}" for fault in _of(name, parameter, hints.get(parameter.name))]
    return found


def _of(name: str, given: inspect.Parameter, hint: Any) -> list[str]:
    said = []
    wanted = TAKEN.get(given.name)
    if wanted is not None and f"{name}.{given.name}" not in OTHER_THINGS and hint != wanted:
        said.append(f"{given.name} takes {hint}, not {wanted}")
    if (
        given.name in DEFAULTS
        and given.default is not DEFAULTS[given.name]
        and given.default != DEFAULTS[given.name]
    ):
        said.append(f"{given.name} is {given.default!r} where it is left out")
    method = "." in name
    if given.name in OPTIONS - ({"stack"} if method else set()) and given.kind is not given.KEYWORD_ONLY:
        said.append(f"{given.name} can be given by its place")
    kinds = _kinds(hint)
    if any(_several_texts(kind) for kind in kinds) and str not in kinds:
        said.append(f"{given.name} takes several texts, but not one")
    if any(kind in (Iterable[Head], Sequence[Head]) for kind in kinds) and hint != Heads:
        said.append(f"{given.name} takes heads in a way of its own")
    return said


def _kinds(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _several_texts(kind: Any) -> bool:
    origin, inside = get_origin(kind), get_args(kind)
    return origin in (Sequence, Iterable, list) and str in _kinds(inside[0])


def unexported(face: dict[str, Any]) -> set[str]:
    """Names that annotations speak of and that cannot be had from the face."""
    return {f"{where}: {name}" for where, name, value in spoken_of(face) if face.get(name) is not value}


def undocumented(face: dict[str, Any]) -> list[str]:
    classes = [(name, value) for name, value in face.items() if inspect.isclass(value)]
    # A dataclass without a docstring gets one from Python, its signature.
    return [
        name
        for name, value in (*functions(face), *classes)
        if not value.__doc__ or value.__doc__.startswith(f"{name}(")
    ]


def test_all_is_spelled_in_one_way():
    assert faults(FACE) == []


def test_what_a_signature_names_is_exported():
    assert unexported(FACE) == set()


def test_everything_says_what_it_is():
    assert undocumented(FACE) == []


class Record:
    """Is exported nowhere."""


class Result:
    """A result whose methods break the rules."""

    kept: Record

    def tiles(self, progress: Progress = no_progress) -> None:
        """Broken."""

    def undescribed(self) -> Record: ...


def by_place(progress: Progress = no_progress) -> None:
    """Broken."""


def in_silence(*, progress: Progress | None = None) -> None:
    """Broken."""


def of_torch_alone(dtype: torch.dtype = torch.float32) -> None:
    """Broken."""


def by_name_alone(device: str = "auto") -> None:
    """Broken."""


def on_the_processor(device: str | torch.device = "cpu") -> None:
    """Broken."""


def as_pairs(heads: Iterable[tuple[int, int]]) -> None:
    """Broken."""


def as_pairs_of_another_name(chosen: Iterable[tuple[int, int]]) -> None:
    """Broken."""


def with_nothing_off(*, heads_off: Heads | None = None) -> None:
    """Broken."""


def by_characters(texts: Sequence[str]) -> None:
    """Broken."""


def files_or_characters(valid: Sequence[str | Path]) -> None:
    """Broken."""


def in_a_folder(folder: Path) -> Record | None:
    """Broken."""


def save_otherwise() -> None:
    """Broken."""


BROKEN = (
    by_place, in_silence, of_torch_alone, by_name_alone, on_the_processor, as_pairs, as_pairs_of_another_name,
    with_nothing_off, by_characters, files_or_characters, in_a_folder, save_otherwise,
)  # fmt: skip


@pytest.mark.parametrize("function", BROKEN, ids=lambda function: function.__name__)
def test_a_broken_signature_is_found(function: Any):
    found = faults({function.__name__: function})
    assert found
    assert all(fault.startswith(f"{function.__name__}:") for fault in found)


def test_a_broken_class_is_found():
    broken = FACE | {"Result": Result, "in_a_folder": in_a_folder}
    assert faults({"Result": Result}) == ["Result.tiles: progress can be given by its place"]
    assert unexported(broken) == {"Result.kept: Record", "Result.undescribed: Record", "in_a_folder: Record"}
    assert undocumented(broken) == ["Result.undescribed"]


def test_a_name_that_is_not_exported_is_found():
    face = {name: value for name, value in FACE.items() if name != "SwitchedOff"}
    assert unexported(face) == {"Capture.switched_off: SwitchedOff"}
