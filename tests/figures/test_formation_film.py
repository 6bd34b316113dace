"""What the browser is given to play: that its pictures and numbers are those of the record."""

import io

import numpy as np
import pytest
from PIL import Image

from models.look.formation import Formation
from models.look.scores import NAMES
from tests.formations import HEADS, LAYERS, SIZE, formation
from viz.figures.formation_film import FOLLOWED, make_curve, make_film, nearest_record


@pytest.fixture(scope="module")
def record() -> Formation:
    return formation()


def test_each_tile_of_each_record_lies_where_the_browser_looks_for_it(record: Formation):
    film = make_film(record)
    picture = np.asarray(Image.open(io.BytesIO(film.atlas.png)))
    for at in range(len(record)):
        for layer in range(LAYERS):
            for head in range(HEADS):
                row, column = divmod((at * LAYERS + layer) * HEADS + head, film.atlas.columns)
                drawn = picture[row * SIZE : (row + 1) * SIZE, column * SIZE : (column + 1) * SIZE]
                weights = record.weights(at)[layer, head]
                assert np.abs(drawn - 255 * np.sqrt(weights / weights.max())).max() <= 0.51


def test_the_film_holds_every_heads_scores_and_roles(record: Formation):
    film = make_film(record)
    assert (film.layers, film.heads) == (LAYERS, HEADS)
    for at in range(len(record)):
        scores = record.scores_at(at)
        roles = [scores.role(layer, head) for layer in range(LAYERS) for head in range(HEADS)]
        assert film.roles[at] == roles
        for name in NAMES:
            np.testing.assert_allclose(film.scores[name][at], record.scores[name][at].ravel(), rtol=1e-3)  # pyright: ignore
            np.testing.assert_allclose(film.chance[name], 0.25)  # pyright: ignore
    assert len({role for roles in film.roles for role in roles}) > 2


def test_curves_follow_the_strongest_head(record: Formation):
    curve = make_curve(record)
    assert (curve.kind, curve.steps, curve.tokens) == ("gqa", [1, 3, 9, 27], [100, 300, 900, 2700])
    assert curve.loss == [8, 7, 6, 5]
    for name in FOLLOWED:
        for at, (layer, head) in enumerate(curve.whose[name]):
            assert curve.best[name][at] == pytest.approx(record.scores[name][at].max(), rel=1e-3)
            assert record.scores[name][at, layer, head] == record.scores[name][at].max()
        assert len(set(curve.whose[name])) > 1
        assert curve.chance[name] == pytest.approx(0.25)


def test_what_was_not_measured_is_left_out():
    bare = formation(counted=False).with_last_loss(float("nan"))
    bare.scores["induction"][2, 1, 3] = np.nan
    curve, film = make_curve(bare), make_film(bare)
    assert curve.tokens == []
    assert curve.loss == [8, 7, 6, None]
    assert film.scores["induction"][2][1 * HEADS + 3] is None
    assert curve.whose["induction"][2] != (1, 3)


def test_nothing_recorded_cannot_be_drawn():
    for make in (make_film, make_curve):
        with pytest.raises(ValueError, match="got none"):
            make(formation(records=0))


@pytest.mark.parametrize(("step", "record"), [(None, 3), (0, 0), (1, 0), (8, 1), (9, 2), (26, 2), (99, 3)])
def test_a_step_is_shown_by_the_last_record_made_by_then(step: int | None, record: int):
    assert nearest_record([1, 3, 9, 27], step) == record
