"""Page Prune, view “Remove for real”: said before the click, measured after it, and a model like any other at the end."""

import io
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import models
from models.measuring.measurement import Repeats
from models.measuring.speedup import Speedup
from models.removal.sameness import Sameness
from models.shape.attention_geometry import Kind
from models.shape.family import family_name
from tests.app import visit
from tests.sentences import assert_sentence
from viz import services
from viz.figures.removal_speed import SpeedRow
from viz.services import Request, removal_race, removals, saved_models
from viz.services.removal_race import Race, Timed
from viz.services.removals import Removal
from viz.views.prune.removal.forecast import compact
from viz.views.prune.removal.results import speed_rows
from viz.views.prune.removal.use_elsewhere import code
from viz.views.prune.removal.verdict import verdict

GQA, MHA = family_name("gqa"), family_name("mha")
TEXT = "one two three four one two three four one two"
JOB = "_job-prune-removal"
PATIENCE_S = 200


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A few tokens and repeats will do, for no test asserts a time; and a cache of the test's own."""
    monkeypatch.setattr(removal_race, "PROMPT", 6)
    monkeypatch.setattr(removal_race, "NEW", 3)
    monkeypatch.setattr(removal_race, "REPEATS", 2)
    monkeypatch.setenv("HEADLIGHT_CACHE", str(tmp_path / "cache"))


def open_view(**address: object) -> visit.AppTest:
    return visit.opened("prune", **({"text": TEXT, "prune_view": "Remove for real"} | address))


def metric(app: visit.AppTest, name: str) -> tuple[str, str]:
    """What it says, and what it says it was before."""
    (found,) = [element for element in app.metric if element.label == name]
    return found.value, found.delta


def pressed(app: visit.AppTest) -> visit.AppTest:
    """The click, and all that follows."""
    visit.click(app, "go-prune-removal")
    app.session_state[JOB][1].wait(PATIENCE_S)
    return visit.rerun(app)


def texts(app: visit.AppTest) -> str:
    return visit._unescaped("\n".join(element.value for element in (*app.markdown, *app.caption)))


def errors(app: visit.AppTest) -> list[str]:
    """Without warnings of a busy machine, which a test may well run on."""
    return [visit._unescaped(element.value) for element in app.error]


def buttons(app: visit.AppTest) -> set[str | None]:
    return {button.key for button in app.button}


def test_what_removal_will_do_is_said_before_the_click():
    """8 heads of width 32 in 4 layers, groups of 4; d_model 256, float32."""
    app = open_view(model=GQA, off="1.0-2,2.4-7")
    gone = 7 * 2 * 256 * 32 + 2 * 256 * 32  # rows of q and columns of o; k and v of the one whole group
    assert metric(app, "Heads") == ("25", "−21.9% from 32")
    assert metric(app, "Key/value heads") == ("7", "−12.5% from 8")
    assert metric(app, "Parameters")[0] == compact(3_672_320 - gone)
    assert metric(app, "Cache, bytes a token") == ("1,792", "−12.5% from 2,048")
    assert "Only whole groups free cache: 3 of the 7 heads" in texts(app)
    assert "go-prune-removal" in buttons(app)
    assert "removal-explore" not in buttons(app)  # nothing was made yet
    chosen = ((1, 0), (1, 1), (1, 2), (2, 4), (2, 5), (2, 6), (2, 7))
    made = [key for key in services.model_store()._kept if isinstance(key, Removal)]
    assert not [key for key in made if key.model == GQA and key.off == chosen]


@pytest.mark.parametrize(
    ("name", "off", "says"),
    [
        ("mqa", "1.0-2", "cache shrinks only where a layer loses all its heads"),
        (
            "mla",
            "1.0-2",
            "read one latent per token, so the cache shrinks only where a layer loses all its heads",
        ),
        ("mha", "1.0-2", "each removed head frees its share of the cache"),
    ],
)
def test_each_kind_says_what_becomes_of_its_cache(name: Kind, off: str, says: str):
    app = open_view(model=family_name(name), off=off)
    assert says in texts(app)
    assert metric(app, "Cache, bytes a token")[1].startswith("unchanged") == (name != "mha")
    assert not {"removal-whole", "removal-equal"} & buttons(app)  # there are no groups to choose among


@pytest.mark.parametrize(
    ("chosen", "key", "off", "kv_heads"),
    [
        ("1.0-2,2.4-7", "removal-whole", "1.0-3,2.4-7", "6"),
        ("1.0-1,1.4,2.4-7", "removal-equal", "1.0,1.4,2.4-7", "7"),
    ],
)
def test_a_nearby_choice_is_one_click_away_and_can_be_undone(chosen: str, key: str, off: str, kv_heads: str):
    app = open_view(model=GQA, off=chosen)
    visit.click(app, key)
    assert app.session_state["off"] == off
    assert metric(app, "Key/value heads")[0] == kv_heads
    visit.click(app, "prune-undo")
    assert app.session_state["off"] == chosen


def test_removed_compared_measured_and_taken_along(load_once: Callable[[str], models.AttentionModel]):
    app = pressed(open_view(model=GQA, off="0.1,1.0-3"))
    (same,) = app.success
    assert "The smaller model computes what the gated one does" in same.value
    assert not app.error
    table = next(frame.value for frame in app.dataframe if "parameters" in frame.value)
    assert table["model"].tolist() == ["full", "gated", "removed"] * 2
    assert table["batch"].tolist() == [1] * 3 + [8] * 3
    whole = load_once(GQA)
    smaller = models.remove_heads(whole, [(0, 1), (1, 0), (1, 1), (1, 2), (1, 3)])
    sizes = [sum(weight.numel() for weight in each.module.parameters()) / 1e6 for each in (whole, smaller)]
    assert table["parameters"].tolist() == [sizes[0], sizes[0], sizes[1]] * 2
    assert table["cache"].tolist() == [2048, 2048, 1792] * 2  # a group of one layer is gone
    assert (table[["read", "write"]].to_numpy() > 0).all()
    chart = visit.figure(app, "removal-speed")
    assert {trace["name"] for trace in chart["data"]} == {
        "switched off", "removed, each repeat", "operations foretell", "removed, median",
    }  # fmt: skip

    visit.click(app, "removal-explore")
    assert "### Explore" in texts(app)
    folder = Path(app.session_state["model"])
    assert app.session_state["off"] == ""  # the smaller model counts its heads anew
    again = models.load(str(folder), device="cpu")
    assert again.removed is not None
    assert [len(kept) for kept in again.removed.kept] == [7, 4, 8, 8]


def test_a_second_visitor_finds_it_measured():
    address = {"model": GQA, "off": "3.1"}
    pressed(open_view(**address))
    other = open_view(**address)
    assert "go-prune-removal" not in buttons(other)
    assert "removal-explore" in buttons(other)
    assert JOB not in other.session_state


def test_measured_again_while_what_there_was_stays(tiny_llama: Path):
    app = pressed(open_view(model=tiny_llama, off="0.4"))
    wanted = Removal(str(app.session_state["model"]), "auto", "auto", "decoder", ((0, 4),))
    first = removal_race.race(wanted, 1)
    visit.click(app, "removal-again")
    app.session_state[JOB][1].wait(PATIENCE_S)
    visit.rerun(app)
    again = removal_race.latest(wanted, 1, 1)
    assert again is not None
    assert again.timed[0].read_s != first.timed[0].read_s
    table = next(frame.value for frame in app.dataframe if "parameters" in frame.value)
    assert table["read"].to_list()[0] == 1000 * again.timed[0].read_s.median


def test_the_zip_holds_a_model(tiny_llama: Path, tmp_path: Path):
    wanted = Removal(str(tiny_llama), "cpu", "auto", "decoder", ((0, 1), (2, 4)))
    with zipfile.ZipFile(io.BytesIO(removals.zipped(wanted))) as archive:
        archive.extractall(tmp_path / "unpacked")
    (folder,) = (tmp_path / "unpacked").iterdir()
    found = models.load(str(folder), device="cpu")
    assert found.removed is not None
    assert found.removed.gone == ((0, 1), (2, 4))


def test_a_cancel_in_the_middle_leaves_nothing_half_made(monkeypatch: pytest.MonkeyPatch, tiny_llama: Path):
    def work(*given: Any, progress: Any, **more: Any) -> models.AttentionModel:
        for step in range(10_000):
            progress("Removing heads of layer 0", step / 10_000)
            time.sleep(0.01)
        raise AssertionError("it was not cancelled")

    app = open_view(model=tiny_llama, off="0.1")
    monkeypatch.setattr(models, "remove_heads", work)
    visit.click(app, "go-prune-removal")
    job = app.session_state[JOB][1]
    job.cancel()
    visit.rerun(app)
    assert "Cancelled; what was measured stays." in texts(app)
    assert app.button(key="go-prune-removal").label == "Measure the rest"
    assert "removal-explore" not in buttons(app)
    monkeypatch.undo()
    monkeypatch.setattr(removal_race, "REPEATS", 1)
    assert "removal-explore" in buttons(pressed(app))


def test_no_heads_off_and_all_heads_off(tiny_llama: Path):
    app = open_view(model=tiny_llama, off="none")
    assert any("Switch some off on the wall" in told for told in visit.infos(app))
    assert "go-prune-removal" not in buttons(app)
    app = open_view(model=tiny_llama, off="0.0-5,1.0-5,2.0-5")
    (sentence,) = visit.complaints(app)
    assert_sentence(sentence)
    assert "All 18 heads" in sentence
    assert app.session_state["off"] == "0.0-5,1.0-5,2.0-5"  # nothing typed is lost
    assert "go-prune-removal" not in buttons(app)


def test_an_architecture_whose_matrices_are_not_known(tiny_t5: Path):
    app = open_view(model=tiny_t5, off="0.1")
    (sentence,) = visit.complaints(app)
    assert_sentence(sentence)
    assert "choose a decoder or an encoder of the classes" in sentence


def test_an_encoder_reads_and_writes_nothing(tiny_bert: Path):
    app = pressed(open_view(model=tiny_bert, off="0.1"))
    table = next(frame.value for frame in app.dataframe if "parameters" in frame.value)
    assert "write" not in table
    assert "cache" not in table
    assert "Cache, bytes a token" not in {element.label for element in app.metric}
    assert len(app.success) == 1


def test_no_room_on_the_disk(tiny_llama: Path, monkeypatch: pytest.MonkeyPatch):
    app = pressed(open_view(model=tiny_llama, off="0.2"))
    full = type("Usage", (), {"free": 1000})()
    monkeypatch.setattr(saved_models.shutil, "disk_usage", lambda _: full)
    visit.click(app, "removal-explore")
    (sentence,) = errors(app)
    assert_sentence(sentence)
    assert "free some space" in sentence
    assert app.session_state["model"] == str(tiny_llama)
    assert app.session_state["off"] == "0.2"
    request = Request(str(tiny_llama), "auto", TEXT)
    place = removals.folder_of(removals.removal_of(request, "decoder", ((0, 2),)))
    assert not place.exists()


def test_a_difference_beyond_rounding_is_a_red_warning(tiny_llama: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(removals, "compare_with_gated", lambda *_, **__: Sameness(3e-4, 2.0, 10, "logits"))
    app = pressed(open_view(model=tiny_llama, off="0.3"))
    (sentence,) = errors(app)
    assert "does not compute what the gated one does: largest difference 0.00015" in sentence
    assert not app.success


def test_another_replacement_than_zeros_is_said(tiny_llama: Path):
    app = open_view(model=tiny_llama, off="0.1", method="mean")
    assert "the numbers there are not those of the smaller model" in texts(app)


def test_times_become_speeds_beside_the_model_with_all_heads(tiny_llama: Path):
    wanted = Removal(str(tiny_llama), "cpu", "auto", "decoder", ((0, 1), (2, 4)))
    took = [("full", 2.0, 8.0), ("gated", 2.5, 8.0), ("removed", 1.0, 10.0)]
    timed = [Timed(name, 1, Repeats((read, read)), Repeats((step, step)), 1.0) for name, read, step in took]
    reading, writing = speed_rows(wanted, Race(8, 6, 3, "cpu", "float32", 1, tuple(timed)))
    assert (reading.name, writing.name) == ("reading, batch 8", "writing, batch 8")
    assert (reading.removed.each, reading.gated.each) == ((2.0, 2.0), (0.8, 0.8))
    assert (writing.removed.each, writing.gated.each) == ((0.8, 0.8), (1.0, 1.0))
    assert reading.predicted == pytest.approx(1 / removals.reading(wanted, 6).left)
    assert reading.predicted is not None
    assert reading.predicted > 1


def row(name: str, *each: float) -> SpeedRow:
    return SpeedRow(name, Speedup(each), Speedup((1.0,) * len(each)), None)


def test_the_verdict_follows_from_the_repeats():
    noise = row("reading, batch 1", 0.98, 1.04, 1.01)
    assert verdict([noise]) == (
        "Nothing got faster.",
        "No difference beyond that between repeats: reading, batch 1, 1.01 × (0.98 to 1.04).",
    )
    quick, slow = row("reading, batch 8", 1.2, 1.3, 1.1), row("writing, batch 1", 0.9, 0.8, 0.95)
    headline, said = verdict([noise, quick, slow])
    assert headline == "Faster than with all heads, in every repeat: reading, batch 8, 1.2 × (1.1 to 1.3)."
    assert "Slower in every repeat: writing, batch 1, 0.9 × (0.8 to 0.95)." in said
    assert Repeats((1.0, 2.0, 3.0)).median == 2


def test_the_notebook_code_makes_the_same_model(
    tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    wanted = Removal(str(tiny_llama), "cpu", "auto", "decoder", ((0, 1), (2, 4)))
    monkeypatch.chdir(tmp_path)
    made: dict[str, Any] = {}
    exec(code(wanted), made)
    assert made["small"].removed == removals.removed(wanted).removed
    assert (tmp_path / "small" / "config.json").is_file()
