"""What nobody should type: one clear sentence, and what was shown before stays in view."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from transformers import MambaConfig, ViTConfig

from tests.app import visit
from tests.sentences import assert_sentence
from viz import services

GOOD = "The cat sat on the mat."


@pytest.fixture
def app(tiny_llama: Path) -> visit.AppTest:
    """A visitor who has a good result in view."""
    return visit.visit(model=tiny_llama, text=GOOD, layer=2, head=5)


def only_complaint(app: visit.AppTest) -> str:
    complaints = visit.complaints(app)
    assert len(complaints) == 1, complaints
    assert_sentence(complaints[0])
    return complaints[0]


def assert_refused(app: visit.AppTest, *said: str, **typed: str) -> None:
    """One sentence, the earlier picture still there, and all well again once the mistake is undone."""
    earlier, before = visit.cells(app), {name: app.session_state[name] for name in typed}
    visit.rerun(app, **typed)
    sentence = only_complaint(app)
    for part in said:
        assert part in sentence
    np.testing.assert_array_equal(visit.cells(app), earlier)
    assert visit.axes(app)[0][-1] == "."
    assert any(caption.value == "Below is what was shown before." for caption in app.caption)
    visit.rerun(app, **before)
    assert visit.complaints(app) == []


@pytest.mark.parametrize("text", ["", "   ", "\n\t \u3000"])
def test_text_with_nothing_in_it(app: visit.AppTest, text: str):
    assert_refused(app, "The text is empty", "type a word", text=text)


@pytest.mark.parametrize(
    "text",
    [
        "😀👩‍👩‍👧‍👦🏳️‍🌈 e\u0301",
        "كان هناك رجل عجوز \u202e",
        "\x00\x01\x07\x1b[31m\x7f",
        "<script>alert(1)</script><img src=x onerror=alert(2)>",
        "![x](http://example.invalid/x.png) $x^2$ :red[hi]",
        "<|end|>",
    ],
    ids=["emoji", "right to left", "control characters", "HTML", "Markdown", "special token"],
)
def test_text_that_only_looks_bad_is_shown(app: visit.AppTest, tiny_llama: Path, text: str):
    visit.rerun(app, text=text)
    assert visit.complaints(app) == []
    run = services.capture(services.Request(str(tiny_llama), "auto", text))
    assert visit.axes(app)[0] == visit.names(run.tokens)
    # Whatever is shown as Markdown or HTML must not carry the text.
    for element in (*app.markdown, *app.caption):
        assert text not in element.value
        assert not (element.allow_html and "script" in element.value)


def test_half_a_character_is_pointed_out(app: visit.AppTest):
    visit.rerun(app, text="half \ufffd emoji")
    assert "could not be read" in only_complaint(app)


@pytest.mark.parametrize(("text", "limit"), [("x " * 50_000, 128), ("one two three " * 100, 128)])
def test_a_long_text_is_cut_and_the_page_says_so(app: visit.AppTest, text: str, limit: int):
    visit.rerun(app, text=text, limit=limit)
    sentence = only_complaint(app)
    assert f"beyond the limit of {limit}" in sentence
    assert "Tokens at most" in sentence
    assert len(visit.axes(app)[0]) == limit


def test_a_text_beyond_the_context_is_cut_at_the_context(app: visit.AppTest):
    visit.rerun(app, text="x " * 400, limit=2048)
    sentence = only_complaint(app)
    assert "limit of 257" in sentence
    assert "this model reads no more" in sentence
    assert len(visit.axes(app)[0]) == 257


@pytest.mark.parametrize(
    "name",
    [
        "smollm3",
        "/no/such/folder",
        "../../etc",
        "<script>alert(1)</script>",
        "![x](http://a.invalid/x.png)",
        "\x00",
    ],
)
def test_unknown_models(app: visit.AppTest, name: str):
    assert_refused(app, model=name)


def test_a_message_is_shown_as_it_is_and_not_as_markdown(app: visit.AppTest):
    visit.rerun(app, model="![x](http://a.invalid/x.png)")
    assert "![" not in app.error[0].value
    assert "](" not in app.error[0].value


def without_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def corrupt(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])


def state_space(folder: Path) -> None:
    MambaConfig().save_pretrained(folder)


def vision(folder: Path) -> None:
    ViTConfig().save_pretrained(folder)


def contradictory(folder: Path) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"hidden_size": 36}))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (without_weights, "no weights"),
        (corrupt, "fetch it again"),
        (state_space, "no attention heads"),
        (vision, "images"),
        (contradictory, "do not fit"),
    ],
)
def test_models_that_cannot_be_shown(
    app: visit.AppTest, tiny_llama: Path, tmp_path: Path, spoil: Callable[[Path], None], said: str
):
    folder = shutil.copytree(tiny_llama, tmp_path / "spoilt")
    spoil(folder)
    assert_refused(app, said, model=str(folder))


def test_what_nobody_has_foreseen_is_a_sentence_too(app: visit.AppTest, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:117]\nDefaultCPUAllocator: not enough memory")

    monkeypatch.setattr("models.capture", fail)
    earlier = visit.cells(app)
    visit.rerun(app, text="never run before")
    assert "RuntimeError" in only_complaint(app)
    np.testing.assert_array_equal(visit.cells(app), earlier)


def test_a_first_visit_with_a_bad_address_can_be_mended(tiny_llama: Path):
    app = visit.visit(model="nothing like it", text=GOOD)
    only_complaint(app)
    visit.rerun(app, model=str(tiny_llama))
    assert visit.complaints(app) == []
    assert len(visit.axes(app)[0]) > 3


def test_an_encoder_refuses_to_continue(tiny_bert: Path):
    app = visit.visit(model=tiny_bert, text="the cat sat", view="Continue")
    assert any("cannot continue" in info.value for info in app.info)
    assert "continue-go" not in {button.key for button in app.button}
