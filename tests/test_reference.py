"""The API reference is built from what `models` exports, and what docstrings point to is there."""

import ast
import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from pdoc import doc, render

import models

ROOT = Path(__file__).parent.parent
SOURCES = sorted(ROOT.glob("models/**/*.py"))
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
DOTTED = re.compile(r"(?<![\w./])models(?:\.[A-Za-z_]\w*)+")
IN_BACKTICKS = re.compile(r"`([A-Za-z_]\w*(?:\.\w+)+)(?:\([^`]*\))?`")
ENDINGS = ("json", "jsonl", "npz", "md", "txt")


def dotted_names(source: str) -> Iterator[str]:
    """Names beginning with `models.` in the docstrings of a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, DOCUMENTED):
            yield from DOTTED.findall(ast.get_docstring(node) or "")


def pointed_at(source: str) -> Iterator[str]:
    """Dotted names of other beginnings that stand in backticks, as `Capture.dropped`; names of files are none."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, DOCUMENTED):
            for name in IN_BACKTICKS.findall(ast.get_docstring(node) or ""):
                if not name.startswith("models.") and name.rpartition(".")[2] not in ENDINGS:
                    yield name


def is_known(name: str, path: Path) -> bool:
    """Whether it can be had from the module that speaks of it, from `models`, or from a class of the engine."""
    module = importlib.import_module(
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    )
    root, *parts = name.split(".")
    found = next((getattr(each, root) for each in (module, models, *engine()) if hasattr(each, root)), None)
    for part in parts:
        fields = {
            name for each in getattr(found, "__mro__", ()) for name in getattr(each, "__annotations__", {})
        }
        if not hasattr(found, part) and part not in fields:
            return False
        found = getattr(found, part, None)
    return found is not None or bool(parts)


def engine() -> list[ModuleType]:
    return [module for name, module in sys.modules.items() if name.startswith("models.")]


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
    source = path.read_text("utf-8")
    lost = [name for name in dotted_names(source) if not resolves(name)]
    assert lost + [name for name in pointed_at(source) if not is_known(name, path)] == []


@pytest.mark.parametrize(
    "name", ["models.no_such_module", "models.load.nothing", "models.Capture.no_such_method"]
)
def test_a_name_that_points_nowhere_is_found(name: str):
    assert list(dotted_names(f'"""As in {name}."""')) == [name]
    assert not resolves(name)


@pytest.mark.parametrize("name", ["Capture.no_such_method", "NoSuchClass.method", "Scores.values.nothing"])
def test_a_name_in_backticks_that_points_nowhere_is_found(name: str):
    assert list(pointed_at(f'"""As `{name}` does."""')) == [name]
    assert not is_known(name, ROOT / "models" / "progress.py")
    assert is_known("Capture.dropped", ROOT / "models" / "progress.py")
