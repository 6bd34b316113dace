"""The engine's levels: a folder imports its own level and those below, and features do not know each other."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

import models
from tests.test_layers import ROOT, imports, module_name

# From the bottom up. Files at the root of models are level 0, but for the public face and a command, which stand above all.
LEVELS = {
    "shape": 1,
    "run": 2,
    "look": 3,
    "loading": 4,
    "pruning": 5,
    "removal": 5,
    "costs": 5,
    "measuring": 5,
    "training": 5,
    "classic": 5,
    "why": 5,
    "conversion": 6,
}
ABOVE_ALL = ("models", "models.fetch")
FEATURES = {folder for folder, level in LEVELS.items() if level == 5}
KNOWN = {("measuring", "costs")}  # a measurement stands beside its formula
SOURCES = sorted(ROOT.glob("models/**/*.py"))
MODULES = {module_name(path) for path in SOURCES}


def folder(module: str) -> str:
    """The engine's folder that a module lies in; "" at the root."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in LEVELS else ""


def taken(tree: ast.AST) -> set[str]:
    """Modules of the engine that are imported, by their whole names; "models" for its public face."""
    found = set()
    for name in imports(tree):
        if name.split(".")[0] == "models":
            module = name if name in MODULES else name.rpartition(".")[0]
            found.add(module or name)
    return found


def broken_levels(name: str, tree: ast.AST) -> list[str]:
    own = folder(name)
    found = []
    for module in taken(tree):
        theirs = folder(module)
        if name in ABOVE_ALL:
            continue
        if module in ABOVE_ALL:
            found.append(f"{name} imports {module}, which stands above all")
        elif LEVELS.get(theirs, 0) > LEVELS.get(own, 0):
            found.append(f"{name} imports {module}, which lies above it")
        elif own != theirs and {own, theirs} <= FEATURES and (own, theirs) not in KNOWN:
            found.append(f"{name} imports {module}: features do not know each other")
    return found


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_a_folder_imports_its_own_level_and_those_below(path: Path):
    assert broken_levels(module_name(path), ast.parse(path.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("models.errors", "from models.shape.family import KINDS"),
        ("models.shape.family", "from models.run import tap"),
        ("models.run.tap", "def f():\n    from models.look.scores import Scores"),
        ("models.look.scores", "import models.loading.catalog"),
        ("models.loading.loader", "from models.costs.weights import skeleton"),
        ("models.pruning.curve", "from models.removal.remove import remove_heads"),
        ("models.costs.weights", "from models.measuring.roofline import device_peaks"),
        ("models.training.run", "from models.conversion.heal import heal"),
        ("models.look.scores", "from models import capture"),
        ("models.look.scores", "import models"),
        ("models.loading.loader", "from models.fetch import fetch"),
    ],
)
def test_the_rule_finds_what_it_is_for(name: str, line: str):
    assert broken_levels(name, ast.parse(line))


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("models.measuring.fit", "from models.costs.weights import skeleton"),
        ("models.conversion.heal", "from models.training.recipe import Recipe"),
        ("models.conversion.heal", "from models.errors import BadText"),
        ("models.fetch", "from models.loading import store"),
        ("models", "from models.conversion.convert import convert_to_mla"),
    ],
)
def test_what_lies_below_may_be_imported(name: str, line: str):
    assert broken_levels(name, ast.parse(line)) == []


def test_every_folder_has_its_level():
    folders = {path.parent.name for path in ROOT.glob("models/*/*.py")}
    assert folders == set(LEVELS)


def test_no_circle_of_folders():
    reached: dict[str, set[str]] = defaultdict(set)
    for path in SOURCES:
        name = module_name(path)
        if name not in ABOVE_ALL:
            reached[folder(name)] |= {folder(module) for module in taken(ast.parse(path.read_text("utf-8")))}
    left = {name: theirs - {name} for name, theirs in reached.items()}
    while free := [name for name, theirs in left.items() if not theirs & set(left)]:
        for name in free:
            del left[name]
    assert not left, f"these import each other in a circle: {', '.join(left)}"


def test_no_module_bears_the_name_of_an_exported_function():
    """Or `import models.geometry` gives a function."""
    names = {part for module in MODULES for part in module.split(".")[1:]}
    assert names & set(models.__all__) == set()
