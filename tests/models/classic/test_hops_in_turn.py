"""Each hop's worth beside the same network's own answers with the hop off."""

import pytest

import models
from models.classic.hops_in_turn import hops_in_turn
from models.errors import BadSelection
from tests.models.classic.test_memory import STORY, network
from tests.models.engine_models import engine


def test_the_right_word_is_followed_from_hop_to_hop():
    model = network()
    found, reading = hops_in_turn(model, STORY), models.read_memories(model, STORY)
    assert found.right == found.word == "bathroom"
    place = reading.vocabulary.index("bathroom")
    assert list(found.after) == pytest.approx(reading.answers[:, place].tolist())
    for hop, (chance, answer) in enumerate(zip(found.without, found.answers, strict=True)):
        candidates = models.capture(model, STORY, hops_off=[hop]).predictions[0]
        assert chance == pytest.approx(candidates[place].item())
        assert answer == reading.vocabulary[int(candidates.argmax())]
    # the last hop adds nothing that is read before it
    assert found.without[-1] == pytest.approx(found.after[-2], rel=1e-4)
    assert found.is_right == (reading.answer == "bathroom")


def test_where_nothing_follows_its_own_answer_is_followed():
    found = hops_in_turn(network(), "Mary got the milk. Where is the milk?")
    assert found.right is None
    assert found.word == found.reading.answer
    assert not found.is_right


def test_another_kind_of_model_is_refused():
    with pytest.raises(BadSelection):
        hops_in_turn(engine("gpt2"), STORY)
