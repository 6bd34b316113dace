"""Imports point downwards, and the engine keeps quiet."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# From the bottom up; a module belongs to the longest prefix that fits it, and imports its own level or lower ones.
LEVELS = {
    "models": 0,
    "viz.theme": 0,
    "viz.figures": 1,
    "viz": 2,  # services, state, components and what they are made of
    "viz.views": 3,
    "viz.pages": 4,
    "viz.shell": 5,
    "app": 6,
}
COMMANDS = (
    "models.classic.train",
    "models.fetch",
    "models.training.__main__",
    "models.training.evaluate",
    "models.training.together.__main__",
    "models.conversion.__main__",
)
# Need the packages of requirements-train.txt, which the app does without.
TRAINING = ("models.training", "models.conversion.healing.heal", "models.conversion.__main__")
SOURCES = sorted([*ROOT.glob("models/**/*.py"), *ROOT.glob("viz/**/*.py"), ROOT / "app.py"])


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def level(module: str) -> int | None:
    fitting = [prefix for prefix in LEVELS if module == prefix or module.startswith(f"{prefix}.")]
    return LEVELS[max(fitting, key=len)] if fitting else None


def trains(module: str) -> bool:
    return any(module == prefix or module.startswith(f"{prefix}.") for prefix in TRAINING)


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written in full"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def broken_rules(name: str, tree: ast.AST) -> list[str]:
    """What this module imports although it lies higher, or may not be known there."""
    own = level(name)
    assert own is not None
    found = []
    for imported in imports(tree):
        theirs = level(imported)
        if theirs is not None and theirs > own:
            found.append(f"{name} imports {imported}, which lies above it")
        if trains(imported) and not trains(name):
            found.append(f"{name} imports {imported}, which needs packages that the app does without")
        package = imported.split(".")[0]
        if package == "streamlit" and name.startswith(("models", "viz.figures", "viz.theme")):
            found.append(f"{name} imports Streamlit")
        if package in ("plotly", "bertviz", "viz") and name.startswith("models"):
            found.append(f"{name} imports {package}")
    return found


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_imports_point_downwards(path: Path):
    assert broken_rules(module_name(path), ast.parse(path.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("models.look.captured", "import streamlit as st"),
        ("models.look.captured", "from viz import theme"),
        ("models.look.captured", "from models.training import HeadMetrics"),
        ("models.conversion.convert", "from models.conversion.healing.heal import heal"),
        ("models.look.captured", "from plotly import graph_objects"),
        ("viz.figures.heatmap", "from streamlit import session_state"),
        ("viz.figures.heatmap", "from viz import services"),
        ("viz.services", "from viz.pages import explore"),
        ("viz.views.explore.wall", "def f():\n    import viz.pages.explore"),
    ],
)
def test_the_check_finds_what_it_is_for(name: str, line: str):
    assert broken_rules(name, ast.parse(line))


def test_the_engine_prints_only_on_the_command_line():
    for path in ROOT.glob("models/**/*.py"):
        if module_name(path) in COMMANDS:
            continue
        calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
        printed = [
            call.lineno for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"
        ]
        assert printed == [], f"{module_name(path)} prints in line {printed}"
