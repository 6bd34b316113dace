"""What all charts share stands in one place, and Plotly, which does not check them on the page, takes every one of them."""

import ast
import importlib
import json
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import plotly.io
import pytest

import viz.figures
from tests.figures.charts import CHARTS
from viz import theme
from viz.figures.layout import chart as chart_module
from viz.figures.layout.axes import axis, domains, numbered
from viz.figures.layout.chart import chart, scatter
from viz.figures.layout.config import with_bar
from viz.figures.layout.ticks import byte_ticks

VIZ = Path(viz.figures.__file__).parent.parent
FIGURES, VIEWS = VIZ / "figures", VIZ / "views"
NO_TEMPLATE = {"data": {"scatter": [{"type": "scatter"}]}}  # as Plotly writes it
NAMES = [f"{number} {make.func.__name__}" for number, make in enumerate(CHARTS)]  # type: ignore[attr-defined]
every_chart = pytest.mark.parametrize("make", CHARTS, ids=NAMES)


def sent(figure: go.Figure) -> dict[str, Any]:
    """As Streamlit sends it."""
    return json.loads(str(plotly.io.to_json(figure.to_dict(), validate=False)))


@every_chart
def test_plotly_accepts_every_chart_and_would_send_the_same_had_it_checked(make: Any):
    for dark in (False, True):
        figure = make(dark=dark)
        made, checked = sent(figure), sent(go.Figure(figure, skip_invalid=False))
        assert made["layout"].pop("template") == {}
        assert checked["layout"].pop("template") == NO_TEMPLATE
        assert made == checked


@every_chart
def test_every_chart_has_the_look_of_its_theme(make: Any):
    for dark in (False, True):
        look = sent(make(dark=dark))["layout"]
        assert look["plot_bgcolor"] == theme.background(dark)
        assert look["font"]["color"] == theme.text(dark)
        assert look["hoverlabel"]["align"] == "left"


def drawing_functions() -> Iterator[str]:
    for module in pkgutil.walk_packages([str(FIGURES)], "viz.figures."):
        if ".vendor" in module.name or module.name == chart_module.__name__:
            continue
        found = importlib.import_module(module.name)
        for name, value in vars(found).items():
            made = getattr(value, "__annotations__", {}).get("return")
            if made == "go.Figure" and value.__module__ == module.name and not name.startswith("_"):
                yield name


def test_no_chart_is_forgotten_here():
    assert {make.func.__name__ for make in CHARTS} == set(drawing_functions())  # type: ignore[attr-defined]


def test_a_wrong_name_would_be_noticed():
    wrong = chart([scatter(x=[1], y=[2], colour="red")], axis("x", False), {}, dark=False, height=100)
    with pytest.raises(ValueError, match="colour"):
        go.Figure(wrong, skip_invalid=False)


CHANGES = (
    "update_",
    "add_trace",
    "add_annotation",
    "add_shape",
    "add_hline",
    "add_vline",
    "add_hrect",
    "add_vrect",
)


def broken_rules(tree: ast.AST) -> list[str]:
    """Changes of a figure that is there already, a choice between two themes' colours, and how the page shows a chart."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr.startswith(CHANGES):
            found.append(f"line {node.lineno}: {node.attr}")
        if (
            isinstance(node, ast.Name | ast.alias)
            and getattr(node, "id", getattr(node, "name", "")) == "make_subplots"
        ):
            found.append(f"line {node.lineno}: make_subplots")
        if isinstance(node, ast.IfExp) and ast.unparse(node.test) == "dark" and "theme." in ast.unparse(node):
            found.append(f"line {node.lineno}: a colour chosen by hand")
        if isinstance(node, ast.Constant) and node.value in ("displaylogo", "displayModeBar", theme.GRID):
            found.append(f"line {node.lineno}: {node.value}")
    return found


ELSEWHERE = [path for folder in (FIGURES, VIEWS) for path in sorted(folder.rglob("*.py"))]


@pytest.mark.parametrize("path", ELSEWHERE, ids=lambda path: str(path.relative_to(VIZ)))
def test_look_and_configuration_stand_in_the_layout_alone(path: Path):
    if path != FIGURES / "layout" / "config.py":
        assert broken_rules(ast.parse(path.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    "line",
    [
        "figure.update_xaxes(title='x')",
        "figure.add_vline(3)",
        "from plotly.subplots import make_subplots",
        "colour = theme.TEXT_DARK if dark else theme.TEXT",
        "muted, text = (theme.MUTED_DARK, 1) if dark else (theme.MUTED, 2)",
        "config = {'displaylogo': False}",
    ],
)
def test_the_rule_finds_what_it_is_for(line: str):
    assert len(broken_rules(ast.parse(line))) == 1


def test_plots_side_by_side_share_the_room_between_their_gaps():
    assert domains((1, 1), 0.1) == [pytest.approx([0, 0.45]), pytest.approx([0.55, 1])]
    assert domains((1, 3), 0.2) == [pytest.approx([0, 0.2]), pytest.approx([0.4, 1])]


@pytest.mark.parametrize(("count", "shown"), [(3, [0, 1, 2]), (9, [0, 3, 6]), (10, [0, 3, 6, 9])])
def test_heads_are_thinned_evenly(count: int, shown: list[int]):
    assert numbered("H", count, 4) == {"tickvals": shown, "ticktext": [f"H{head}" for head in shown]}


@pytest.mark.parametrize("most", [1, 7, 99, 130_000, 900_000, 999_999, 5 * 10**12])
def test_bytes_have_two_to_five_ticks_above_zero(most: int):
    ticks = byte_ticks(most)
    assert ticks["tickvals"][0] == 0
    assert 2 <= len(ticks["tickvals"]) - 1 <= 5
    assert ticks["tickvals"][-1] <= most


def test_a_picture_is_saved_under_a_name_that_is_one_file():
    assert with_bar("owner/model-L0H1")["toImageButtonOptions"]["filename"] == "owner-model-L0H1"
