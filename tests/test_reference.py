"""The API reference is built from what `models` exports, and what docstrings point to is there."""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pdoc import doc, render

import models

ROOT = Path(__file__).parent.parent
SOURCES = sorted(ROOT.glob("models/**/*.py"))
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
DOTTED = re.compile(r"(?<![\w./])models(?:\.[A-Za-z_]\w*)+")


def dotted_names(source: str) -> Iterator[str]:
    """Names beginning with `models.` in the docstrings of a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, DOCUMENTED):
            yield from DOTTED.findall(ast.get_docstring(node) or "")


def resolves(name: str) -> bool:
    """Whether it is a module, or can be had from one; where a function hides the module of its name, both count."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:count]))
        except ImportError:
            continue
        for part in parts[count:]:
            if not hasattr(found, part) and part not in getattr(found, "__annotations__", {}):
                break
            found = getattr(found, part, None)
        else:
            return True
    return False


def test_the_reference_is_built_and_has_all_that_is_exported():
    page = render.html_module(doc.Module(models), all_modules={})
    shown = set(re.findall(r'id="(\w+)"', page))
    assert set(models.__all__) - shown == set()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_docstring_points_to_is_there(path: Path):
    lost = [name for name in dotted_names(path.read_text("utf-8")) if not resolves(name)]
    assert lost == []


@pytest.mark.parametrize(
    "name", ["models.no_such_module", "models.load.nothing", "models.Capture.no_such_method"]
)
def test_a_name_that_points_nowhere_is_found(name: str):
    assert list(dotted_names(f'"""As in {name}."""')) == [name]
    assert not resolves(name)
