"""One visitor of the app, without a browser: open it at an address, look at what is shown."""

import base64
import html
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Selectbox

from viz.figures.heatmap import LABEL_WIDTH
from viz.figures.token_text import label

APP = Path(__file__).resolve().parents[2] / "viz" / "shell" / "shell.py"  # what app.py serves
REAL = "smollm2-135m"
TIMEOUT_S = 180
THREE_DIGITS = 0.0051  # relative: what rounding to three significant digits may take from 1.005


def visit(**address: object) -> AppTest:
    """The app opened at an address with these parameters, its first run done. No exception may be on the page."""
    return _addressed(AppTest.from_file(str(APP), default_timeout=TIMEOUT_S), address)


def opened(page: str, /, **address: object) -> AppTest:
    """The same of another page, which is given by its name."""
    app = AppTest.from_file(str(APP), default_timeout=TIMEOUT_S)
    return _addressed(turn_to(app, page), address)


def turn_to(app: AppTest, page: str) -> AppTest:
    """Have the next run be of another page."""
    return app.switch_page(f"../pages/{page}.py")


def _addressed(app: AppTest, address: dict[str, object]) -> AppTest:
    for name, value in address.items():
        app.query_params[name] = str(value)
    return rerun(app)


def rerun(app: AppTest, **session: Any) -> AppTest:
    """Run again after the visitor has changed these widgets, which are known by their state's name."""
    for name, value in session.items():
        if name in {box.key for box in app.selectbox}:
            _type_into(app.selectbox(key=name), value)
        else:
            app.session_state[name] = value
    app.run()
    assert [error.value for error in app.exception] == []
    return app


def _type_into(box: Selectbox, value: str) -> None:
    """Choose an option, or type a new one, which AppTest does not know of by itself."""
    shown = box.format_func(value)
    if shown not in box.options:
        box.options.append(shown)
    box.set_value(value)


def figure(app: AppTest, key: str = "heatmap") -> dict[str, Any]:
    """The plotly figure with this key, as the browser gets it."""
    specs = [chart.proto.spec for chart in app.get("plotly_chart") if chart.proto.id.endswith(f"-{key}")]
    assert len(specs) == 1, f"{len(specs)} charts with the key {key}"
    return json.loads(specs[0])


def cells(app: AppTest, key: str = "heatmap") -> NDArray[Any]:
    """The weights that the figure holds."""
    return decoded(figure(app, key)["data"][0]["z"])


def decoded(sent: dict[str, Any]) -> NDArray[Any]:
    """An array as plotly sends it."""
    shape = [int(side) for side in sent["shape"].split(",")] if "shape" in sent else [-1]
    return np.frombuffer(base64.b64decode(sent["bdata"]), sent["dtype"]).reshape(shape)


def axes(app: AppTest, key: str = "heatmap") -> tuple[list[str], list[str]]:
    """Names of the rows (queries) and of the columns (keys), without the number in front."""
    trace = figure(app, key)["data"][0]
    rows, columns = ([html.unescape(name.split(" ", 1)[1]) for name in trace[axis]] for axis in ("y", "x"))
    return rows, columns


def part(app: AppTest, key: str) -> dict[str, Any]:
    """What one of the page's own browser parts (wall, token strip, ...) is given."""
    found = [item.proto for item in app.get("bidi_component") if item.proto.id.endswith(f"-{key}")]
    assert len(found) == 1, f"{len(found)} parts with the key {key}"
    return json.loads(found[0].json)


def complaints(app: AppTest) -> list[str]:
    """What the page says went wrong, as a person reads it."""
    return [_unescaped(element.value) for element in (*app.error, *app.warning)]


def infos(app: AppTest) -> list[str]:
    """What it says where a view has nothing to show."""
    return [_unescaped(element.value) for element in app.info]


def notes(app: AppTest) -> list[str]:
    """What it says in small print."""
    return [_unescaped(element.value) for element in app.caption]


def _unescaped(markdown: str) -> str:
    return re.sub(r"\\(.)", r"\1", markdown)


def chosen_head(app: AppTest) -> tuple[int, int]:
    """Layer and head of the title."""
    titles = [found for text in app.markdown if (found := re.match(r"#### L(\d+) H(\d+)", text.value))]
    assert len(titles) == 1, [text.value for text in app.markdown]
    return int(titles[0][1]), int(titles[0][2])


def click(app: AppTest, key: str) -> AppTest:
    """Press the button with this key."""
    app.button(key=key).click()
    return rerun(app)


def settled(app: AppTest, work: Callable[[AppTest], list[Any]]) -> AppTest:
    """Run again, as the page itself does, until nothing works in the background and nothing new is begun.

    work: what the visitor has begun so far, each with a `wait`.
    """
    for _ in range(6):
        done = work(app)
        for begun in done:
            begun.wait(TIMEOUT_S)
        rerun(app)
        if all(any(begun is known for known in done) for begun in work(app)):
            return app
    raise AssertionError("the page's work does not come to an end")


def number_in(text: str, pattern: str) -> float:
    """The number that a text shows, the only group of `pattern`.

    It is rounded, and at an edge either way: compare it with THREE_DIGITS of tolerance, never as text.
    """
    found = re.search(pattern, text)
    assert found, f"nothing like {pattern!r} in {text!r}"
    return float(found[1].replace(",", "").replace("−", "-"))


def numbers(sent: Any) -> list[float]:
    """What a figure was sent, as a list."""
    return (decoded(sent) if isinstance(sent, dict) else np.array(sent, dtype=float)).tolist()


def names(tokens: Sequence[str]) -> list[str]:
    """Tokens as the heatmap's axes name them."""
    return [label(token, LABEL_WIDTH) for token in tokens]
