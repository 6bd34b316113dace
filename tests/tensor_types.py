"""Shapes and number formats of the engine's tensors, held in every test: jaxtyping's annotations, checked by beartype.

Only annotations of tensors are checked, and only what has such annotations is wrapped: what a person may get wrong the engine
refuses itself, in a sentence, and tests give it wrong things on purpose.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType, NoneType, UnionType
from typing import Any, Union, get_args, get_origin

import jaxtyping
from beartype import beartype

PACKAGE = "models"
_SHAPED = re.compile(r"\b(Bool|Float|Float32|Float64|Int|Int64|Shaped)\[")
_MARK = "__import__('tests.tensor_types', fromlist=['checked']).checked"


def checked(given: Any) -> Any:
    """A function, or a dataclass, whose tensors are compared with their annotations at each call."""
    return jaxtyping.jaxtyped(given, typechecker=_of_tensors)


def _of_tensors(function: Callable[..., Any]) -> Callable[..., Any]:
    notes = function.__annotations__
    function.__annotations__ = {name: note if _shaped(note) else Any for name, note in notes.items()}
    return beartype(function)


def _shaped(note: Any) -> bool:
    if isinstance(note, type) and issubclass(note, jaxtyping.AbstractArray):
        return True
    if get_origin(note) in (
        Union,
        UnionType,
    ):  # lists that may come in a tensor's place are refused in a sentence
        return all(part is NoneType or _shaped(part) for part in get_args(note))
    return any(map(_shaped, get_args(note)))


class _Marking(ast.NodeTransformer):
    """Decorates what has shapes in its annotations."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        if _SHAPED.search(f"{ast.unparse(node.args)} {node.returns and ast.unparse(node.returns)}"):
            node.decorator_list.append(self._mark(node))
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        self.generic_visit(node)
        if any(isinstance(line, ast.AnnAssign) and _SHAPED.search(ast.unparse(line)) for line in node.body):
            node.decorator_list.insert(0, self._mark(node))  # around what @dataclass makes
        return node

    def _mark(self, node: ast.AST) -> ast.expr:
        return ast.copy_location(ast.parse(_MARK, mode="eval").body, node)


class _Loader(SourceFileLoader):
    """Compiles anew what it loads, so that no bytecode with checks in it is ever left for others."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        tree = _Marking().visit(ast.parse(self.get_data(path), path))
        return compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True)


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] != PACKAGE:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


def install() -> None:
    """Check whatever of the engine is imported from now on; nothing of it may be there already."""
    assert PACKAGE not in sys.modules, "the engine was imported before its tensors could be checked"
    sys.meta_path.insert(0, _Finder())
