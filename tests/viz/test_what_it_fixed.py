"""What the demonstrations say is what was measured, and nothing is claimed that the numbers do not carry."""

from dataclasses import replace

import pytest
import torch

from models.classic.answering import DateAnswer
from models.classic.cache_of_text import CacheOfText
from models.classic.date_figures import LengthBand
from models.classic.lengthening import ReadByLength
from models.classic.many_heads import PlacesAtOnce, WithoutHeads
from models.classic.reading_cost import ReadingTime
from models.classic.window_use import WindowUse
from models.shape.attention_geometry import geometry
from models.shape.family import KINDS, family_config
from viz.views.evolution.mended.caches import kept_reading
from viz.views.evolution.mended.heads import at_once_reading, far_reading
from viz.views.evolution.mended.length import NONE, SOFT, length_reading
from viz.views.evolution.mended.one_place import reading_reading
from viz.views.evolution.mended.window import window_reading


def by_length(alone: int, last: int, draws: int = 30) -> ReadByLength:
    wrong = DateAnswer("", "", torch.zeros(0), torch.zeros(0, 1, 0, 0))
    return ReadByLength((LengthBand(30, 30, 1, alone), LengthBand(126, 128, draws, last)), wrong)


@pytest.mark.parametrize(
    ("none", "soft", "seen", "words"),
    [
        ((1, 23), (1, 30), True, "reads 23 right, soft attention 30"),
        ((1, 29), (1, 30), False, "could be chance"),
        ((1, 30), (1, 30), False, "No gain"),
        ((1, 30), (1, 12), False, "No gain"),
        ((0, 2), (1, 30), False, "fails on the date alone"),
    ],
)
def test_length_breaks_the_bottleneck_or_does_not(
    none: tuple[int, int], soft: tuple[int, int], seen: bool, words: str
):
    found, told = length_reading({NONE: by_length(*none), SOFT: by_length(*soft)})
    assert found == seen
    assert words in told


def test_reading_one_place_saves_or_does_not():
    short, long = ReadingTime(31, 2e-5, 1e-5, 1e-4, 1.69), ReadingTime(4_096, 1e-3, 1e-5, 1e-2, 52.04)
    seen, told = reading_reading([short, long], 128)
    assert seen
    assert "128 numbers where soft attention reads 3,968 of this text’s 31 places" in told
    assert "1.69 times as long as reading one, and 52 times with 4,096 places" in told
    assert not reading_reading([replace(short, ratio=0.9), long], 128)[0]


def test_a_window_saves_where_the_text_is_longer_and_is_read_right():
    use = WindowUse(31, torch.tensor([11, 21]), torch.tensor([0.1, 0.3]), (0.0, None))
    assert window_reading(use, 10, True)[0]
    assert (
        "16 of 31 places on average and at 21 at most. 20.0% of its weight"
        in window_reading(use, 10, True)[1]
    )
    assert not window_reading(use, 10, False)[0]
    whole = WindowUse(7, torch.tensor([7, 7]), torch.tensor([0.1, 0.3]), (None, None))
    seen, told = window_reading(whole, 10, True)
    assert not seen
    assert "nothing is saved" in told


def test_heads_are_needed_by_a_model_that_reads_the_date():
    places = PlacesAtOnce(torch.tensor([[1, 2, 2]]), torch.tensor([1, 2, 4]))
    reads = WithoutHeads(torch.tensor([0.9, 1.0]), torch.tensor([[[0.9, 1.0], [0.5, 0.5]]]))
    seen, told = at_once_reading(places, reads)
    assert seen
    assert "In 2 of 3 steps" in told
    assert "probability 0.9, and 0.25 without L0 H1; 1 of 2 heads" in told
    cannot = WithoutHeads(torch.tensor([0.1, 1.0]), torch.tensor([[[0.1, 1.0], [0.1, 0.5]]]))
    for seen, told in (at_once_reading(places, cannot), far_reading([5.0, 7.0], cannot)):
        assert not seen
        assert "does not read this date" in told


def test_caches_are_compared_with_mhas_and_with_their_formula():
    sizes = {"mha": 512, "mqa": 64, "gqa": 128, "mla": 144}
    caches = {
        kind: CacheOfText(geometry(family_config(kind)), 16, 4, 256 * sizes[kind], 256 * sizes[kind])
        for kind in KINDS
    }
    seen, told = kept_reading(caches, "mqa")
    assert seen
    assert "Of these 16 tokens MQA keeps 16.4 kB, MHA 131 kB: 8 times as much. All four agree" in told
    assert "GQA keeps 32.8 kB, 0.889 of it" in kept_reading(caches, "mla")[1]
    seen, told = kept_reading(caches | {"mqa": replace(caches["mqa"], formula=1)}, "gqa")
    assert not seen
    assert "says otherwise of MQA" in told
