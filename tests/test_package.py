"""`pip install .` brings all that lies in the packages: modules, and the weights, tokenizers, texts and scripts beside them."""

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DATA = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["package-data"]
FILES = [
    path
    for package in ("models", "viz")
    for path in (ROOT / package).rglob("*")
    if path.is_file() and "__pycache__" not in path.parts
]


def is_brought(path: Path) -> bool:
    """Whether setuptools takes it along: modules of a package, and data that a pattern of its package or of all names."""
    if path.suffix == ".py":
        return all((folder / "__init__.py").is_file() for folder in folders_of(path))
    return any(
        path in folder.glob(pattern)
        for folder in folders_of(path)
        if (folder / "__init__.py").is_file()
        for pattern in (*DATA["*"], *DATA.get(".".join(folder.relative_to(ROOT).parts), ()))
    )


def folders_of(path: Path) -> list[Path]:
    return [folder for folder in path.parents if folder.is_relative_to(ROOT) and folder != ROOT]


def test_everything_in_the_packages_is_installed():
    assert [str(path.relative_to(ROOT)) for path in FILES if not is_brought(path)] == []


@pytest.mark.parametrize(
    "lost", ["models/run/table.bin", "models/weights_of_others/model.safetensors", "viz/figures/new/page.js"]
)
def test_what_no_pattern_names_is_found(lost: str):
    assert not is_brought(ROOT / lost)
