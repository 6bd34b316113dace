"""Page Prune, views Importance and Doubts: every number is that of plain runs with heads switched off."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import models
from models.look.evaluation_texts import evaluation_text
from models.look.function_words import FunctionWordAttention
from models.measuring.measurement import Measurement, Repeats
from models.pruning.order import heads_of
from tests.app import visit
from tests.sentences import assert_sentence
from viz.services.doubts import FewHeads
from viz.services.importance import Evaluation, read_texts
from viz.services.pruning_saves import Saving
from viz.views.prune.doubts import few_heads as doubts_few
from viz.views.prune.doubts import inference_cost as doubts_cost
from viz.views.prune.doubts import stop_words as words
from viz.views.prune.importance import curve as importance_curve
from viz.views.prune.importance.downloads import curves_table
from viz.views.prune.importance.settings import readable

Loader = Callable[[str], models.AttentionModel]
PATIENCE_S = 120
OFF = ((0, 1), (2, 3), (2, 4))


def open_prune(view: str, **address: object) -> visit.AppTest:
    """The page opened at an address with these parameters, and its work done."""
    usual = {"text": "one two three four", "prune_view": view, "evaluated_tokens": 256}
    return settle(visit.opened("prune", **usual | address))


def jobs(app: visit.AppTest) -> list[Any]:
    names = ("importance", "importance-chance", "importance-greedy", "doubt-few", "doubt-cost", "doubt-words")
    slots = [f"_job-{name}" for name in names]
    return [app.session_state[slot][1] for slot in slots if slot in app.session_state]


def settle(app: visit.AppTest) -> visit.AppTest:
    return visit.settled(app, jobs)


def evaluation(folder: Path, stack: str = "decoder") -> Evaluation:
    return Evaluation(str(folder), "auto", "auto", stack, "", 256)


def mean_loss(model: models.AttentionModel, texts: tuple[str, ...], off: Any) -> float:
    losses = [models.token_loss(model, text, heads_off=off, max_tokens=256)[1:] for text in texts]
    return torch.cat(losses).mean().item()


@pytest.fixture(scope="module")
def app(tiny_llama: Path) -> visit.AppTest:
    """A visitor whom no test may lead elsewhere."""
    return open_prune("Importance", model=tiny_llama, off="0.1,2.3-4")


@pytest.fixture(scope="module")
def ranked(app: visit.AppTest, tiny_llama: Path) -> tuple[str, ...]:
    """What heads are ranked on: not the visitor's text."""
    return read_texts(evaluation(tiny_llama)).ranked


@pytest.fixture(scope="module")
def texts(app: visit.AppTest, tiny_llama: Path, ranked: tuple[str, ...]) -> tuple[str, ...]:
    """What sets of heads are measured on: the prose that follows."""
    found = read_texts(evaluation(tiny_llama))
    assert found.held_out
    assert 2 < found.ranked_tokens + found.measured_tokens <= 256
    assert evaluation_text().startswith(ranked[0])
    assert evaluation_text().index(found.measured[0]) >= len(ranked[0])
    return found.measured


def test_every_head_s_worth_is_that_of_a_run_without_it(
    app: visit.AppTest, ranked: tuple[str, ...], tiny_llama: Path, load_once: Loader
):
    (warning,) = visit.complaints(app)
    assert "can hardly read this text" in warning  # the model is random
    model = load_once(str(tiny_llama))
    full = mean_loss(model, ranked, ())
    wanted = [[mean_loss(model, ranked, [(layer, head)]) - full for head in range(6)] for layer in range(3)]
    shown = visit.figure(app, "importance-grid")["data"]
    told = np.array(visit.numbers(shown[2]["customdata"]))[:, 0]
    np.testing.assert_allclose(told, np.ravel(wanted), atol=2e-3 * np.abs(wanted).max())
    assert sorted(zip(visit.numbers(shown[1]["y"]), visit.numbers(shown[1]["x"]), strict=True)) == [
        (0, 1),
        (2, 3),
        (2, 4),
    ]


def test_what_stands_for_a_head_is_what_is_chosen_above(
    ranked: tuple[str, ...], texts: tuple[str, ...], tiny_llama: Path, load_once: Loader
):
    app = open_prune("Importance", model=tiny_llama, off="0.1", method="mean")
    model = load_once(str(tiny_llama))
    reference = models.cut_into_texts(model, max_tokens=1_024)
    mean = models.mean_outputs(model, reference, max_tokens=model.geometry.context)
    every = heads_of(model, "decoder")

    def loss(*heads: tuple[int, int], on: tuple[str, ...] = texts) -> float:
        return mean_loss(model, on, models.HeadsOff(heads, instead=mean))

    worth = [loss(head, on=ranked) - loss(on=ranked) for head in every]
    told = np.array(visit.numbers(visit.figure(app, "importance-grid")["data"][2]["customdata"]))[:, 0]
    np.testing.assert_allclose(told, worth, atol=2e-3 * np.abs(worth).max())
    traces = {trace["name"]: trace for trace in visit.figure(app, "importance-curve")["data"]}
    assert visit.numbers(traces["your 1 head"]["y"]) == pytest.approx([loss((0, 1))], abs=1e-5)
    least = sorted(every, key=dict(zip(every, worth, strict=True)).__getitem__)
    curve = traces["least important first"]
    assert visit.numbers(curve["x"])[4] == pytest.approx(100 * 4 / 18)
    assert visit.numbers(curve["y"])[4] == pytest.approx(loss(*least[:4]), abs=1e-5)
    assert any(
        "mean output over the evaluation text stands for the heads" in note for note in visit.notes(app)
    )


def test_the_visitor_s_own_choice_is_a_point_on_the_same_text(
    app: visit.AppTest, texts: tuple[str, ...], tiny_llama: Path, load_once: Loader
):
    traces = {trace["name"]: trace for trace in visit.figure(app, "importance-curve")["data"]}
    own = traces["your 3 heads"]
    wanted = mean_loss(load_once(str(tiny_llama)), texts, OFF)
    assert visit.numbers(own["x"]) == pytest.approx([100 * 3 / 18])
    assert visit.numbers(own["y"]) == pytest.approx([wanted], rel=1e-4)
    assert {"least important first", "by gradient", "random"} <= set(traces)
    assert "greedy, measured again" not in traces
    assert any("ranked on the text before the one they are measured on" in note for note in visit.notes(app))
    assert any("Spearman" in note for note in visit.notes(app))
    assert any("random" in note and "draws" in note for note in visit.notes(app))


def test_the_greedy_order_is_measured_when_it_is_asked_for(tiny_llama: Path):
    app = open_prune("Importance", model=tiny_llama)
    settle(visit.click(app, "go-importance-greedy"))
    names = [trace["name"] for trace in visit.figure(app, "importance-curve")["data"]]
    assert "greedy, measured again" in names
    assert "go-importance-greedy" not in {button.key for button in app.button}
    table = curves_table(evaluation(tiny_llama))
    assert set(table["order"]) == {"importance", "gradient", "random", "iterative"}
    assert set(table.loc[table["order"] == "random", "draw"]) == {0, 1, 2}


def test_the_least_important_go_to_the_wall(tiny_llama: Path, ranked: tuple[str, ...], load_once: Loader):
    app = open_prune("Importance", model=tiny_llama)
    visit.rerun(app, **{"importance-count": 4})
    settle(visit.click(app, "importance-least"))
    model = load_once(str(tiny_llama))
    full = mean_loss(model, ranked, ())
    cost = {head: mean_loss(model, ranked, [head]) - full for head in heads_of(model, "decoder")}
    wanted = sorted(cost, key=cost.__getitem__)[:4]
    crosses = visit.figure(app, "importance-grid")["data"][1]
    assert sorted(zip(visit.numbers(crosses["y"]), visit.numbers(crosses["x"]), strict=True)) == sorted(
        wanted
    )
    assert app.session_state["off"] != ""


def test_an_encoder_is_ranked_by_leave_one_out_alone(tiny_bert: Path):
    app = open_prune("Importance", model=tiny_bert, text="the cat sat on the mat")
    assert any("looks both ways" in info for info in visit.infos(app))
    names = [trace["name"] for trace in visit.figure(app, "importance-curve")["data"]]
    assert "by gradient" not in names
    assert visit.figure(app, "importance-curve")["layout"]["yaxis"]["title"]["text"].startswith("KL")


def test_a_class_without_gates_is_refused_in_its_sentence(tiny_falcon: Path):
    for view in ("Importance", "Doubts"):
        app = open_prune(view, model=tiny_falcon)
        assert any("cannot be switched off" in said for said in (*visit.infos(app), *visit.complaints(app)))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b" \n\t ", "is empty"),
        (b"t", "has one token"),
        ("déjà vu".encode("latin-1"), "byte 1 cannot be read"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "is no plain text in UTF-8"),
        (b"text \x00 with a zero in it, and then more words", "holds bytes that are no text"),
    ],
)
def test_files_that_cannot_be_measured_on(content: bytes, says: str, tiny_llama: Path, load_once: Loader):
    with pytest.raises(models.BadText) as error:
        readable("notes *.txt", content, load_once(str(tiny_llama)))
    assert_sentence(error.value)
    assert says in str(error.value)
    assert "notes *.txt" in str(error.value)


def test_a_file_in_any_language_is_read(tiny_llama: Path, load_once: Loader):
    text = "Всё смешалось в доме Облонских."
    assert readable("a.txt", b"\xef\xbb\xbf" + text.encode(), load_once(str(tiny_llama))) == text


def test_a_text_too_short_to_hold_a_part_out_is_said_to_be(tiny_llama: Path):
    short = Evaluation(str(tiny_llama), "auto", "auto", "decoder", "on", 256)
    read = read_texts(short)
    assert not read.held_out
    assert read.ranked == read.measured == ("on",)
    assert "which flatters" in importance_curve.ranked_on(short)


def test_few_heads_are_measured_on_a_click(
    tiny_llama: Path, ranked: tuple[str, ...], texts: tuple[str, ...], load_once: Loader
):
    app = open_prune("Doubts", model=tiny_llama, method="mean")
    assert not app.get("plotly_chart") or "doubt-few" not in str(
        [chart.proto.id for chart in app.get("plotly_chart")]
    )
    settle(visit.click(app, "go-doubt-few"))
    best = visit.figure(app, "doubt-few")["data"][2]
    assert visit.numbers(best["x"]) == [1, 2, 3, 4, 5, 6]
    model = load_once(str(tiny_llama))
    assert visit.numbers(best["y"])[-1] == pytest.approx(mean_loss(model, texts, ()), rel=1e-4)
    # A head that is taken out writes zeros, whatever stands for heads above.
    losses = {head: mean_loss(model, ranked, [head]) for head in heads_of(model, "decoder")}
    least = [min(((layer, head) for head in range(6)), key=losses.__getitem__) for layer in range(3)]
    assert visit.numbers(best["y"])[-2] == pytest.approx(mean_loss(model, texts, least), abs=1e-5)
    assert any("cannot be tried" in text.value for text in app.markdown)


def test_stop_words_are_measured_on_a_click(tiny_llama: Path):
    app = open_prune("Doubts", model=tiny_llama)
    settle(visit.click(app, "go-doubt-words"))
    assert visit.figure(app, "doubt-words-grid")["data"][0]["z"]
    assert any("of 18 heads give function words" in text.value for text in app.markdown)


def test_a_doubt_s_answer_follows_its_numbers():
    kept = tuple(range(1, 17))
    flat = FewHeads(kept, tuple(4.0 + 0.01 * (16 - count) for count in kept), ())
    assert "the claim **holds**" in doubts_few.finding(flat, "loss", 4.0)
    steep = FewHeads(kept, tuple(4.0 + 0.2 * (16 - count) for count in kept), ())
    answer = doubts_few.finding(steep, "loss", 4.0)
    assert "the claim **does not hold**" in answer
    assert "+20.0% loss" in answer
    assert "The best 15 to a layer" in answer
    few = FewHeads((1, 2), (5.0, 4.0), ())
    assert "**cannot be tried**" in doubts_few.finding(few, "loss", 4.0)


@pytest.mark.parametrize(("share", "verdict"), [(0.95, "**holds**"), (0.85, "**does not hold**")])
def test_stop_words_are_judged_by_their_share(share: float, verdict: str):
    found = FunctionWordAttention(
        torch.tensor([[0.5, share]]), torch.tensor([[0.55, 0.6]]), torch.tensor([[0.9, 0.5]]), (True, False)
    )
    answer = words.finding(found, ((0, 0), (0, 1)))
    assert verdict in answer
    assert "L0 H1 gives them most" in answer
    assert "1 heads give them less" in answer


def saving(removed: tuple[float, ...]) -> Saving:
    def one(name: str, times: tuple[float, ...]) -> Measurement:
        repeats = Repeats(times)
        return Measurement(
            name, 480, 32, 1, "auto", repeats, repeats, 1, 0, 0, 1, 1, "allocator", 1, "cpu", "float32", 2
        )  # fmt: skip

    full = (1.0, 1.01, 1.02)
    measured = (one("full", full), one("gated", full), one("removed", removed))
    return Saving(((0, 0), (0, 1)), 0.03, 0.8, 0.9, measured)


def test_what_pruning_saves_is_judged_by_its_times():
    assert "**holds** for reading" in doubts_cost.finding(saving((0.7, 0.71, 0.72)), 8)
    slower = doubts_cost.finding(saving((0.9, 0.91, 0.92)), 8)
    assert "**does not hold** for reading" in slower
    assert "2 of 8 heads (25%) are weak: without them the loss is +3.0%" in slower
    assert "cannot be told" in doubts_cost.finding(saving((0.6, 1.0, 1.1)), 8)
