"""What `models` exports, taken apart: its functions and public methods, and the names that their annotations speak of."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from functools import cache, cached_property
from types import FunctionType, ModuleType
from typing import Any


def functions(face: Mapping[str, Any]) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Functions, and public methods of classes, with those inherited from ours; each with its dotted name."""
    for name, value in face.items():
        if isinstance(value, FunctionType):
            yield name, inspect.unwrap(value)
        elif inspect.isclass(value):
            for owner in (each for each in value.__mro__ if _is_ours(each.__module__)):
                for own, member in vars(owner).items():
                    found = _function(member)
                    if found is not None and not own.startswith("_"):
                        yield f"{name}.{own}", found


def spoken_of(face: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Names of ours that stand in annotations: where, the name, and what it is."""
    for name, function in functions(face):
        tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
        assert isinstance(tree, ast.FunctionDef)
        given = (*tree.args.posonlyargs, *tree.args.args, *tree.args.kwonlyargs)
        for note in (*(one.annotation for one in given), tree.returns):
            yield from _ours_in(note, sys.modules[function.__module__], name)
    for name, value in face.items():
        if inspect.isclass(value):
            for owner in (each for each in value.__mro__ if _is_ours(each.__module__)):
                yield from _fields(owner, name)
        elif not callable(value):
            yield from _of_value(name)


def _function(member: Any) -> Callable[..., Any] | None:
    if isinstance(member, property):
        member = member.fget
    elif isinstance(member, cached_property):
        member = member.func
    elif isinstance(member, classmethod | staticmethod):
        member = member.__func__
    return inspect.unwrap(member) if isinstance(member, FunctionType) else None


def _fields(owner: type, name: str) -> Iterator[tuple[str, str, Any]]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(owner))).body[0]
    assert isinstance(tree, ast.ClassDef)
    for line in (line for line in tree.body if isinstance(line, ast.AnnAssign)):
        field = ast.unparse(line.target)
        if not field.startswith("_"):
            yield from _ours_in(line.annotation, sys.modules[owner.__module__], f"{name}.{field}")


def _of_value(name: str) -> Iterator[tuple[str, str, Any]]:
    """A value (CATALOG) is annotated where it is made."""
    for module in [found for path, found in sys.modules.items() if path.startswith("models.")]:
        for line in _tree(module).body:
            if (
                isinstance(line, ast.AnnAssign)
                and isinstance(line.target, ast.Name)
                and line.target.id == name
            ):
                yield from _ours_in(line.annotation, module, name)


def _ours_in(note: ast.expr | None, module: ModuleType, where: str) -> Iterator[tuple[str, str, Any]]:
    for part in ast.walk(note) if note is not None else ():
        if isinstance(part, ast.Name) and part.id in _own_names(module):
            yield where, part.id, getattr(module, part.id)


@cache
def _own_names(module: ModuleType) -> frozenset[str]:
    """Classes and aliases that a module makes, or imports from another of ours."""
    made: set[str] = set()
    for line in _tree(module).body:
        if isinstance(line, ast.ClassDef):
            made.add(line.name)
        elif isinstance(line, ast.Assign):
            made |= {target.id for target in line.targets if isinstance(target, ast.Name)}
        elif isinstance(line, ast.ImportFrom) and _is_ours(line.module or ""):
            made |= {alias.asname or alias.name for alias in line.names}
    return frozenset(made)


@cache
def _tree(module: ModuleType) -> ast.Module:
    return ast.parse(inspect.getsource(module))


def _is_ours(path: str) -> bool:
    return path.partition(".")[0] in ("models", "tests")
