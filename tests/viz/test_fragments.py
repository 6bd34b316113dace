"""How a page is drawn anew, so that a busy server never leaves anybody before a white page.

A fragment inside another one is what Streamlit loses track of: what the inner one drew and has not been sent yet outlives what
the outer one drew before, and meets a page that it does not fit.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "viz").rglob("*.py"))


def fragments(tree: ast.AST) -> list[int]:
    """Lines that speak of Streamlit's fragments."""
    return [
        node.lineno for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "fragment"
    ]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_fragments_are_of_pages_alone_and_run_by_no_timer(path: Path):
    tree = ast.parse(path.read_text("utf-8"))
    timers = [
        node.lineno for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "run_every"
    ]
    assert timers == []
    if path.parent.name != "pages":
        assert fragments(tree) == []
    else:
        assert len(fragments(tree)) <= 1
