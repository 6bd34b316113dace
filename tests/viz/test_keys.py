"""Keys of a visitor's session: all that are shared are declared in one place, and no two widgets claim one."""

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import viz
from viz.state import keys

ROOT = Path(viz.__file__).parent
SOURCES = sorted(ROOT.rglob("*.py"))
# The session itself, and what each part in the browser remembers of its own selection.
TOUCH_THE_SESSION = {"state/session.py", "components/selection.py"}
NAMED_WORK = {"begin", "job_of", "forget", "hold", "still_running", "is_begun", "is_done", "measuring"}


@dataclass(frozen=True)
class Claim:
    """A widget's key: the whole of it, or what it begins with where the rest is worked out."""

    start: str
    whole: bool
    where: str

    def may_be(self, other: "Claim") -> bool:
        if self.whole and other.whole:
            return self.start == other.start
        if self.whole or other.whole:
            whole, part = (self, other) if self.whole else (other, self)
            return whole.start.startswith(part.start)
        return self.start.startswith(other.start) or other.start.startswith(self.start)


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def is_of(node: ast.expr, module: str) -> bool:
    """Whether this is an attribute of the module."""
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == module


def made_keys() -> dict[str, str]:
    """What the functions of viz/state/keys.py begin their keys with."""
    tree = ast.parse((ROOT / "state" / "keys.py").read_text("utf-8"))
    made = {}
    for function in (node for node in tree.body if isinstance(node, ast.FunctionDef)):
        (given,) = (node.value for node in ast.walk(function) if isinstance(node, ast.Return))
        made[function.name] = beginning(given)
    return made


def beginning(node: ast.expr | None) -> str:
    """Of an f-string, up to its first hole."""
    assert isinstance(node, ast.JoinedStr)
    first = node.values[0]
    return str(first.value) if isinstance(first, ast.Constant) else ""


def claims(tree: ast.AST, where: str) -> Iterator[Claim]:
    """The keys that widgets, and functions that hand a key on to one, are given under the name `key`."""
    given = [node.value for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "key"]
    for node in (node for node in ast.walk(tree) if isinstance(node, ast.Dict)):
        given += [
            value
            for key, value in zip(node.keys, node.values, strict=True)
            if isinstance(key, ast.Constant) and key.value == "key"
        ]
    for value in given:
        place = f"{where}:{value.lineno}"
        if isinstance(value, ast.Constant):
            yield Claim(str(value.value), True, place)
        elif isinstance(value, ast.JoinedStr):
            yield Claim(beginning(value), False, place)
        elif is_of(value, "keys"):
            assert isinstance(value, ast.Attribute)
            yield Claim(getattr(keys, value.attr), True, place)
        elif isinstance(value, ast.Call) and is_of(value.func, "keys"):
            assert isinstance(value.func, ast.Attribute)
            yield Claim(made_keys()[value.func.attr], False, place)


def clashes(found: list[Claim]) -> list[str]:
    return [
        f"{one.where} and {other.where} may both claim {max(one.start, other.start, key=len)!r}"
        for place, one in enumerate(found)
        for other in found[:place]
        if one.may_be(other)
    ]


def strange_keys(tree: ast.Module) -> list[int]:
    """Lines where the session, or work in the background, is asked under a name that viz/state/keys.py does not declare."""
    own = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in ast.walk(node)
        if isinstance(target, ast.Name)
    }
    asked: list[ast.expr] = []
    for node in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        if is_of(node.func, "session"):
            assert isinstance(node.func, ast.Attribute)
            for one in node.args if node.func.attr == "keep" else node.args[:1]:
                asked += filter(None, one.keys) if isinstance(one, ast.Dict) else [one]
        elif isinstance(node.func, ast.Name) and node.func.id in NAMED_WORK:
            asked += node.args[:1]
    return [
        one.lineno
        for one in asked
        if isinstance(one, (ast.Constant, ast.JoinedStr)) or (isinstance(one, ast.Name) and one.id in own)
    ]


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_what_is_shared_is_declared_in_one_place(path: Path):
    tree = ast.parse(path.read_text("utf-8"))
    touched = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "session_state"
    ]
    assert touched == [] or name(path) in TOUCH_THE_SESSION
    if name(path).startswith(("views/", "pages/", "shell/")):
        assert strange_keys(tree) == []


def test_no_two_widgets_claim_one_key():
    found = [claim for path in SOURCES for claim in claims(ast.parse(path.read_text("utf-8")), name(path))]
    assert len(found) > 100
    assert clashes(found) == []


def test_no_two_names_are_one_key():
    """Jobs are looked up under keys of their own, and may be called as a widget is."""
    names = {name: value for name, value in vars(keys).items() if name.isupper() and isinstance(value, str)}
    jobs = {name for name in names if name.endswith("_JOB")}
    for group in (jobs, names.keys() - jobs):
        assert [key for key, count in Counter(names[name] for name in group).items() if count > 1] == []


@pytest.mark.parametrize(
    "line",
    [
        'session.get("layer")',
        'session.put({"layer": 1})',
        '_LAST = "last"\nsession.find(_LAST, None)',
        'session.forget(f"job-{name}")',
        'job_of("plan", key)',
    ],
)
def test_the_check_finds_a_key_that_is_declared_elsewhere(line: str):
    assert strange_keys(ast.parse(line)) != []


@pytest.mark.parametrize(
    "lines",
    [
        'button(key="run")\nslider(key="run")',
        'button(key=f"run-{name}")\nslider(key="run-all")',
        'button(key=f"run-{name}")\nslider(key=f"run-all-{place}")',
        'button(key=f"{name}-go")\nslider(key="run")',
        'button(key=keys.MODEL)\nslider(key="model")',
        'button(key=keys.tokens_shown(7))\nslider(key="window-7")',
        'options = {"key": "run"}\nslider(key="run")',
    ],
)
def test_the_check_finds_two_widgets_with_one_key(lines: str):
    assert clashes(list(claims(ast.parse(lines), "page"))) != []
