"""The page Evolution: what stands there at once, one's own date and story, and what is refused."""

import base64
import re
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from streamlit.testing.v1 import AppTest

import models
from models.classic.answering import written_dates
from models.classic.dates import LONGEST
from models.classic.timeline import TIMELINE
from tests.app import visit
from viz.samples import DATES, STORIES
from viz.services import ancestors

READERS = ("none", "soft", "hard", "local", "cross")


def opened(**address: object) -> AppTest:
    return visit.opened("evolution", **address)


def told(app: AppTest) -> str:
    return "\n".join(block.value for block in app.markdown)


def test_a_written_date_stands_there_without_a_press():
    app = opened()
    assert visit.complaints(app) == []
    steps = visit.part(app, "evolution-timeline")
    assert [step["key"] for step in steps["steps"]] == [milestone.key for milestone in TIMELINE]
    assert steps["selection"]["value"] == "soft"
    part = visit.part(app, "alignment-classic-soft")
    assert "".join(part["source"][:-1]) == DATES[0]
    (answer,) = models.answer_dates(models.load("classic-soft"), DATES[0])
    assert "".join(one["character"] for one in part["written"][:-1]) == answer.written == "2018-05-09"
    assert [one["probability"] for one in part["written"]] == pytest.approx(
        answer.probabilities.tolist(), abs=1e-5
    )
    assert all(one["right"] for one in part["written"])
    # "2018" of the text says the year's four digits, "May" both of the month
    spelled = [
        "".join(part["source"][slice(*one["origin"])]) if one["origin"] else "" for one in part["written"]
    ]
    assert spelled == ["2", "0", "1", "8", "", "May", "May", "", "9", "9", ""]
    assert f"**{answer.written}** is what the text says" in told(app)


def test_nothing_is_offered_that_changes_nothing_here():
    """Its models run where and in the numbers that they run best in, whatever is chosen for those of the other pages."""
    assert [box.label for box in opened(dtype="float16").selectbox] == []


@pytest.mark.parametrize("key", READERS)
def test_each_reader_shows_where_it_looks(key: str):
    app = opened(ancestor=key, date="5/9/2018")
    part = visit.part(app, f"alignment-classic-{key}")
    assert len(part["written"]) >= 8
    assert (part["weights"] is None) == (key == "none")
    assert (part["window"] is not None) == (key == "local")
    assert (part["faint"] is not None) == (key == "hard")
    assert all((one["centre"] is not None) == (key == "local") for one in part["written"])


def test_self_attention_shows_the_readers_own_heads():
    app = opened(ancestor="self", date="5/9/2018")
    assert visit.complaints(app) == []
    assert len(visit.part(app, "evolution-wall-classic-cross")["atlas"]["heads"]) == 2
    assert visit.cells(app, "evolution-head").shape == (9, 9)


def test_a_head_of_the_transformer_is_chosen_and_kept_in_the_address():
    mean = visit.part(opened(ancestor="cross"), "alignment-classic-cross")["weights"]
    app = opened(ancestor="cross", cross_head="L1 H2")
    assert visit.part(app, "alignment-classic-cross")["weights"] != mean
    assert dict(app.query_params) == {"ancestor": "cross", "cross_head": "L1 H2"}


def test_an_address_that_asks_for_what_is_not_there_shows_what_is():
    app = opened(ancestor="nothing", cross_head="L9 H9", evolution_view="none")
    assert visit.part(app, "evolution-timeline")["selection"]["value"] == "soft"
    assert visit.complaints(app) == []


@pytest.mark.parametrize(
    ("date", "words"),
    [("hello", "names no month"), ("31 Feb 2020", "has no day 31"), ("Fünf", "“ü”"), ("", "is empty")],
)
def test_what_is_no_date_is_said_and_kept(date: str, words: str):
    app = visit.rerun(opened(), date=date)
    assert any(words in complaint for complaint in visit.complaints(app))
    assert app.session_state["date"] == date


def test_the_date_field_takes_no_more_than_is_read():
    (field,) = opened().text_input
    assert field.proto.max_chars == LONGEST


def test_a_hundred_draws_of_hard_attention_are_told():
    app = opened(ancestor="hard")
    (table,) = [frame.value for frame in app.dataframe]
    assert table["how places are chosen"].tolist()[:2] == [
        "likeliest place each time",
        "expected: the mean over all places",
    ]
    assert visit.figure(app, "draws-differ")["data"][0]["type"] == "bar"


def test_a_story_is_answered_and_each_hop_is_shown():
    app = opened(ancestor="memory")
    assert visit.complaints(app) == []
    reading = models.read_memories(models.load("classic-memory"), STORIES[0])
    assert reading.answer == "bathroom"
    assert "It answers **bathroom**" in told(app)
    table = next(block.proto.body for block in app.get("html") if "hop-table" in block.proto.body)
    assert table.count("<tr>") == len(reading.sentences) + 1
    for sentence in reading.sentences:
        assert sentence in table


@pytest.mark.parametrize(
    ("story", "words"),
    [
        ("", "story"),
        ("Where is Mary?", "story"),
        ("Mary ate the kitchen. Where is Mary?", "ate"),
        ("John went to the garden. Where is Sandra?", "Sandra"),
    ],
)
def test_what_is_no_story_is_said_and_kept(story: str, words: str):
    app = visit.rerun(opened(ancestor="memory"), story=story)
    assert any(words in complaint for complaint in visit.complaints(app))
    assert app.session_state["story"] == story


def test_all_readers_stand_side_by_side_with_their_cards():
    app = opened(evolution_view="Side by side")
    (table,) = [frame.value for frame in app.dataframe]
    assert len(table) == len(READERS)
    assert table["dates right"].tolist() == [
        models.task_card(f"classic-{key}").figures["exact_match"] for key in READERS
    ]
    assert min(table["ms"].tolist()) > 0
    assert len(app.get("plotly_chart")) == len(READERS) - 1


def test_the_trainings_are_shown_with_the_papers_numbers():
    app = opened(evolution_view="Training")
    lines = visit.figure(app, "ancestors-length")["data"]
    assert len(lines) == len(READERS)
    card = models.task_card("classic-hard")
    variance = visit.figure(app, "reinforce-variance")["data"]
    assert len(variance) == 2
    assert len(card.variance) == len(variance[0]["x"])
    error = models.task_card("classic-memory").figures["error_on_task_2"]
    assert f"| {error:.1%} | 11.4% |" in told(app)


@pytest.mark.parametrize("milestone", TIMELINE, ids=lambda one: one.key)
def test_every_step_of_the_timeline_opens(milestone: models.Milestone):
    app = opened(ancestor=milestone.key)
    assert visit.complaints(app) == []
    assert f"#### {milestone.title}" in told(app)
    assert len(app.latex) == 1


def test_explore_takes_a_text_of_the_models_own_kind_and_gives_the_other_back():
    app = visit.visit()
    text = app.session_state["text"]
    app = visit.rerun(app, model="classic-soft")
    assert app.session_state["text"] == DATES[0]
    assert visit.complaints(app) == []
    app = visit.rerun(app, text="31.12.1999")
    app = visit.rerun(app, model="classic-memory")
    assert app.session_state["text"] == STORIES[0]
    assert visit.complaints(app) == []
    app = visit.rerun(app, model="family-mha")
    assert app.session_state["text"] == text
    app = visit.rerun(app, model="classic-local")
    assert app.session_state["text"] == "31.12.1999"


def test_a_link_with_a_date_is_opened_as_it_was_sent():
    app = visit.visit(model="classic-soft", text="31.12.1999")
    assert app.session_state["text"] == "31.12.1999"
    assert visit.complaints(app) == []


def unpacked(packed: str, shape: tuple[int, int]) -> NDArray[Any]:
    """Weights as the browser reads them."""
    return (np.frombuffer(base64.b64decode(packed), np.uint8).reshape(shape) / 255) ** 2


def test_weights_dots_and_centres_are_the_models_own():
    text = "7 June 1950"
    hard, local = (models.load(f"classic-{name}") for name in ("hard", "local"))
    part = visit.part(opened(ancestor="hard", date=text), "alignment-classic-hard")
    reading = models.read_hard(hard, text)
    shape = (len(part["written"]), len(part["source"]))
    assert unpacked(part["weights"], shape) == pytest.approx(
        reading.likeliest.patterns[0, 0].numpy(), abs=0.01
    )
    assert unpacked(part["faint"], shape) == pytest.approx(reading.probabilities.numpy(), abs=0.01)
    part = visit.part(opened(ancestor="local", date=text), "alignment-classic-local")
    windows = models.read_local(local, text)
    assert [one["centre"] for one in part["written"]] == pytest.approx(windows.centres.tolist(), abs=1e-4)
    assert part["window"] == windows.window


def test_draws_are_told_as_they_came():
    text = "8 June 1951"
    app, reading = opened(ancestor="hard", date=text), models.read_hard(models.load("classic-hard"), text)
    bars = visit.figure(app, "draws-differ")["data"][0]["y"]
    assert bars == pytest.approx(reading.differs.tolist()[: len(bars)], abs=1e-6)
    tally = Counter(answer.written for answer in reading.drawn)
    (table,) = [frame.value for frame in app.dataframe]
    assert table["answer"].tolist()[:2] == [reading.likeliest.written, reading.expected.written]
    told = dict(zip(table["answer"].tolist()[2:], table["how places are chosen"].tolist()[2:], strict=True))
    assert told == {answer: f"{times} of 100 draws" for answer, times in tally.most_common(4)}


def test_a_wrong_answer_is_told_and_marked_wherever_it_stands(monkeypatch: pytest.MonkeyPatch):
    """The models are too good to rely on: each writes 8 where the text says 9."""

    def wrong(module: Any, texts: list[str], **how: Any) -> tuple[models.DateAnswer, ...]:
        return tuple(
            replace(answer, written=answer.written[:-1] + "8")
            for answer in written_dates(module, texts, **how)
        )

    monkeypatch.setattr(ancestors, "written_dates", wrong)
    text = "9 June 1953"
    app = opened(date=text)
    assert "It writes **1953-06-08**, but the text says **1953-06-09**" in told(app)
    marks = [one["right"] for one in visit.part(app, "alignment-classic-soft")["written"]]
    assert marks == [*[True] * 9, False, True]
    (table,) = [frame.value for frame in opened(date=text, evolution_view="Side by side").dataframe]
    assert table["answer"].tolist() == ["1953-06-08"] * len(READERS)
    assert table["right"].tolist() == [False] * len(READERS)


def test_side_by_side_each_has_its_own_card_and_time():
    text = "10 June 1954"
    (table,) = [frame.value for frame in opened(date=text, evolution_view="Side by side").dataframe]
    cards = [models.task_card(f"classic-{key}") for key in READERS]
    assert table["looks right"].tolist()[1:] == [card.figures["alignment"] for card in cards[1:]]
    assert table["weights"].tolist() == [card.parameters for card in cards]
    timed = ancestors.timed_answers(text)
    assert table["ms"].tolist() == pytest.approx([1_000 * timed[f"classic-{key}"].seconds for key in READERS])


def test_a_story_is_told_in_the_networks_own_numbers():
    app, network = opened(ancestor="memory"), models.load("classic-memory")
    reading = models.read_memories(network, STORIES[0])
    without = models.without_each_sentence(network, STORIES[0])
    table = next(block.proto.body for block in app.get("html") if "hop-table" in block.proto.body)
    rows = [re.findall("<td.*?>(.*?)</td>", row) for row in re.findall("<tr>.*?</tr>", table)[1:]]
    adds = reading.adds(reading.answer).sum(0).tolist()
    for place, cells in enumerate(rows):
        weights = [f"{weight:.2f}" for weight in reading.weights[:, place].tolist()]
        assert cells == [reading.sentences[place], *weights, f"{adds[place]:+.1f}", without.answers[place]]
    asked = re.findall("<td.*?>(.*?)</td>", table[table.index('class="asked"') :])
    best = [answers.max(0) for answers in reading.answers[1:]]
    assert asked[1:4] == [
        f"{reading.vocabulary[int(one.indices)]} {100 * float(one.values):.3g}%" for one in best
    ]
    memories = next(frame.value for frame in app.dataframe)
    assert memories["input memory · question"].tolist() == pytest.approx(reading.scores[-1].tolist())
    assert memories["weight"].tolist() == pytest.approx(reading.weights[-1].tolist())


def test_the_trainings_are_drawn_from_the_cards():
    app = opened(evolution_view="Training")
    cards = {key: models.task_card(f"classic-{key}") for key in READERS}
    for line, card in zip(visit.figure(app, "ancestors-length")["data"], cards.values(), strict=True):
        assert line["y"] == pytest.approx([right / texts for _, _, texts, right in card.by_length if texts])
    curves = visit.figure(app, "ancestors-curves")["data"]
    for line, key in zip(curves, [key for key in READERS if key != "hard"], strict=True):
        assert (line["x"], line["y"]) == tuple(map(list, zip(*cards[key].curve, strict=True)))
    drawn = [line["y"] for line in visit.figure(app, "reinforce-variance")["data"]]
    _, without, with_one, _ = zip(*cards["hard"].variance, strict=True)
    assert drawn == [list(without), list(with_one)]
    errors = models.task_card("classic-memory").figures
    for task, published in ((1, 0.0), (2, 11.4), (3, 21.9), (15, 0.0)):
        assert f"| {errors[f'error_on_task_{task}']:.1%} | {published:.1f}% |" in told(app)


def test_what_a_kind_keeps_is_said_in_numbers():
    assert "= 144 at the family’s width" in told(opened(ancestor="mla"))  # latent of 128 and rotary key of 16
    assert "= 512 at the family’s width" in told(opened(ancestor="nominal-latent"))  # 2 x 8 heads x 32
