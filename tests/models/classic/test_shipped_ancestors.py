"""The ancestors as they are shipped: what their cards say is what they do, and together they are small."""

from pathlib import Path

import pytest
import torch

import models
from models.classic.answering import reporting
from models.classic.date_figures import date_figures
from models.classic.date_models import DATE_MODELS
from models.classic.dates import unseen_examples
from models.errors import BadCard
from models.loading.catalog import ANCESTORS, CATALOG, Shipped

ROWS = [row for row in CATALOG.values() if row.group == ANCESTORS]
DATES = [row.name for row in ROWS if row.task == "dates"]
ASKED = {"classic-soft": 0.99, "classic-local": 0.99, "classic-cross": 0.99, "classic-hard": 0.97}
SHARE = 20  # one in so many of the test set is read here


def folder(name: str) -> Path:
    source = CATALOG[name].source
    assert isinstance(source, Shipped)
    return source.folder


def test_every_model_that_is_trained_is_in_the_catalogue():
    assert set(DATES) == set(DATE_MODELS)


def test_all_weights_together_are_small():
    files = [file for row in ROWS for file in folder(row.name).rglob("*.safetensors")]
    assert len(files) == len(ROWS)
    assert sum(file.stat().st_size for file in files) < 6_000_000


@pytest.mark.parametrize("name", [row.name for row in ROWS])
def test_catalogue_card_and_weights_are_of_one_model(name: str, load_once):
    model, row, card = load_once(name), CATALOG[name], models.task_card(name)
    weights = sum(weight.numel() for weight in model.module.parameters())
    assert (card.name, card.task, card.parameters) == (name, row.task, weights)
    assert row.parameters == weights
    assert (model.geometry.form, model.geometry.role) == (row.form, row.role)
    assert card.command == f"python -m models.classic.train {name} --seed {card.recipe['seed']}"
    assert (folder(name) / "README.md").read_text("utf-8").count(name) >= 2


@pytest.mark.parametrize("name", DATES)
def test_the_card_says_what_the_model_does(name: str, load_once):
    """On one in twenty dates of the test set, so that no more of them are wrong than the card's share explains."""
    card, sample = models.task_card(name), unseen_examples()[::SHARE]
    found = date_figures(reporting(load_once(name).module), sample)
    wrong = round((1 - found.exact_match) * len(sample))
    expected = (1 - card.figures["exact_match"]) * len(sample)
    assert wrong <= expected + 4 * max(expected, 1) ** 0.5
    assert card.figures["exact_match"] >= ASKED.get(name, 0.0)
    assert sum(texts for _, _, texts, _ in card.by_length) == len(unseen_examples())
    right = sum(right for _, _, _, right in card.by_length)
    assert right / len(unseen_examples()) == pytest.approx(card.figures["exact_match"])
    if name == "classic-none":
        assert "alignment" not in card.figures
    else:
        assert float(found.alignment.max()) == pytest.approx(card.figures["alignment"], abs=0.08)


def test_the_bottleneck_is_felt_where_texts_are_long():
    """What attention removed: of the longest texts, the model without it reads fewer right than the one with soft attention."""
    longest = {name: models.task_card(name).by_length[-1] for name in ("classic-none", "classic-soft")}
    shares = {name: right / texts for name, (_, _, texts, right) in longest.items()}
    assert shares["classic-none"] < shares["classic-soft"]


def test_the_baseline_calms_reinforce_as_it_was_recorded():
    recorded = models.task_card("classic-hard").variance
    assert len(recorded) >= 10
    assert all(with_baseline > 0 and without > 0 for _, without, with_baseline, _ in recorded)
    early = [(without, with_one) for step, without, with_one, _ in recorded if step <= recorded[-1][0] / 2]
    assert sum(with_one < without for without, with_one in early) > len(early) / 2


def test_drawn_likeliest_and_expected_places_are_measured_apart():
    figures = models.task_card("classic-hard").figures
    assert {"exact_match", "exact_match_drawn", "exact_match_expected"} <= figures.keys()


def test_a_card_is_found_by_name_or_folder_and_missing_ones_are_told(tmp_path: Path):
    assert models.task_card(folder("classic-soft")) == models.task_card("classic-soft")
    with pytest.raises(BadCard, match="not trained for one task"):
        models.task_card("family-mha")
    with pytest.raises(BadCard, match="cannot be read"):
        models.task_card(tmp_path)
    (tmp_path / "task_card.json").write_text('{"name": "x"}', "utf-8")
    with pytest.raises(BadCard, match="not a card of this version"):
        models.task_card(tmp_path)
    assert models.card_of("classic-soft") is None


def test_the_default_date_of_the_page_is_read_by_all_that_attend(load_once):
    for name in ("classic-soft", "classic-hard", "classic-local", "classic-cross"):
        (answer,) = models.answer_dates(load_once(name), "Wednesday, the 9th of May 2018")
        assert answer.written == "2018-05-09", name
        assert float(answer.probabilities.min()) > 0.5
        assert torch.isfinite(answer.patterns).all()
