"""The page Evolution: what stands there at once, one's own date and story, and what is refused."""

import pytest
from streamlit.testing.v1 import AppTest

import models
from models.classic.dates import LONGEST
from models.classic.timeline import TIMELINE
from tests.app import visit
from viz.samples import DATES, STORIES

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
