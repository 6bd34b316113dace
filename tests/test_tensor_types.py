"""Every tensor of the public face says its axes, and in tests one of another shape or number format is caught."""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import Any

import pytest
import torch
from jaxtyping import TypeCheckError

import models
from models.run.attention_call import AttentionCall
from tests.models.engine_models import TEXT, engine
from tests.models.public_face import functions

FACE = {name: getattr(models, name) for name in models.__all__}


def notes_of(face: dict[str, Any]) -> list[tuple[str, ast.expr]]:
    """All of functions, public methods and public fields, each with where it stands."""
    found: list[tuple[str, ast.expr]] = []
    for name, function in functions(face):
        tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
        assert isinstance(tree, ast.FunctionDef)
        given = (*tree.args.posonlyargs, *tree.args.args, *tree.args.kwonlyargs)
        found += [
            (name, note) for note in (*(one.annotation for one in given), tree.returns) if note is not None
        ]
    for name, kind in face.items():
        for owner in kind.__mro__ if inspect.isclass(kind) else ():
            if owner.__module__.startswith(("models.", "tests.")):
                tree = ast.parse(textwrap.dedent(inspect.getsource(owner))).body[0]
                assert isinstance(tree, ast.ClassDef)
                lines = (line for line in tree.body if isinstance(line, ast.AnnAssign))
                found += [(f"{name}.{ast.unparse(line.target)}", line.annotation) for line in lines]
    return found


def bare(face: dict[str, Any]) -> list[str]:
    """Where a tensor stands without its axes."""
    return [where for where, note in notes_of(face) if any(map(_is_bare, _outside_of_shapes(note)))]


def _outside_of_shapes(note: ast.expr) -> list[ast.AST]:
    if isinstance(note, ast.Subscript) and isinstance(note.slice, ast.Tuple):
        first, *rest = note.slice.elts
        if _is_bare(first) and isinstance(rest[0], ast.Constant) and isinstance(rest[0].value, str):
            return []
    inside = [part for child in ast.iter_child_nodes(note) for part in _outside_of_shapes(child)]  # type: ignore[arg-type]
    return [note, *inside]


def _is_bare(part: ast.AST) -> bool:
    return ast.unparse(part) in ("Tensor", "torch.Tensor")


def test_every_public_tensor_says_its_axes():
    assert bare(FACE) == []


def without_axes(change: torch.Tensor) -> dict[str, torch.Tensor]:
    """Broken."""
    return {"": change}


def test_a_tensor_without_axes_is_found():
    assert bare({"without_axes": without_axes}) == ["without_axes", "without_axes"]


def test_other_shapes_are_caught():
    with pytest.raises(TypeCheckError, match="layer head"):
        models.most_changed(torch.zeros(3))
    with pytest.raises(TypeCheckError, match="layer head"):
        models.most_changed(torch.zeros(3, 4, dtype=torch.long))
    assert models.most_changed(torch.zeros(3, 4), 1) == ((0, 0, 0.0),)


def test_fields_that_do_not_fit_each_other_are_caught():
    query, key = torch.zeros(4, 5, 3), torch.zeros(2, 7, 3)
    fitting = AttentionCall(query, key, torch.zeros(2, 7, 6), 1.0, False)
    assert fitting.weights().shape == (4, 5, 7)
    for value in (torch.zeros(2, 5, 6), torch.zeros(4, 7, 6), torch.zeros(7, 6)):
        with pytest.raises(TypeCheckError, match="kv_head key d_value"):
            AttentionCall(query, key, value, 1.0, False)


def test_what_is_returned_is_caught(monkeypatch: pytest.MonkeyPatch):
    run = models.capture(engine("gpt2"), TEXT)
    assert run.pattern(0, 1).ndim == 2
    monkeypatch.setattr(AttentionCall, "weights", lambda *_: torch.zeros(5))
    with pytest.raises(TypeCheckError, match="query key"):
        run.pattern(0, 1)
