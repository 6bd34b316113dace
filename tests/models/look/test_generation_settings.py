"""A model's generation settings: what is written is what generate writes greedily with the same settings."""

from functools import cache
from typing import Any

import pytest
import torch

from models import BadSelection, capture
from models.look.generation import Manner, stream, token_ids, write_target
from models.look.generation_settings import next_token, settings_followed, settings_passed_over
from models.run.inputs import decoder_start, encode
from models.run.model import AttentionModel, demand_tokenizer
from tests.models.engine_models import TEXT, fresh
from tests.sentences import assert_sentence

COUNT = 14


def set_to(name: str, settings: dict[str, Any]) -> AttentionModel:
    """A model of its own, whose folder asks for these settings."""
    model = fresh(name)
    for key, value in settings.items():
        setattr(model.module.generation_config, key, value)
    return model


def generated(model: AttentionModel, count: int = COUNT) -> list[int]:
    """All that generate gives, by the settings alone: greedy is all that is asked for."""
    given = {
        name: demand_tokenizer(model)(TEXT, return_tensors="pt")[name]
        for name in ("input_ids", "attention_mask")
    }
    generator: Any = model.module
    ids = generator.generate(**given, do_sample=False, num_beams=1, max_new_tokens=count, use_cache=False)
    return ids[0].tolist()


def written(model: AttentionModel, count: int = COUNT) -> list[int]:
    given = encode(model, TEXT)
    if model.geometry.role == "encoder-decoder":
        return write_target(model, given, count)
    return [*given.ids["text"], *token_ids(model, given, count)]


def without_end(model: AttentionModel, ids: list[int]) -> list[int]:
    ends = model.module.generation_config.eos_token_id
    listed = ends if isinstance(ends, list) else [ends]
    return ids[:-1] if len(ids) > 1 and ids[-1] in listed else ids


@cache
def plain(name: str) -> list[int]:
    """What is written where the settings ask for nothing."""
    return written(fresh(name))


SETTINGS = {
    "forced beginning": {"forced_bos_token_id": 9},
    "forced end": {"forced_eos_token_id": 7, "eos_token_id": 7},
    "forced end of several": {"forced_eos_token_id": [7, 8], "eos_token_id": [7, 8]},
    "start": {"decoder_start_token_id": 11},
    "start and forced beginning": {
        "decoder_start_token_id": 11,
        "forced_bos_token_id": 9,
        "begin_suppress_tokens": [8],
    },
    "penalty": {"repetition_penalty": 1.7},
    "penalty for the source": {"encoder_repetition_penalty": 1.6},
    "no pair twice": {"no_repeat_ngram_size": 2},
    "no triple of the source": {"encoder_no_repeat_ngram_size": 1},
    "least length": {"min_length": 60},
    "least new tokens": {"min_new_tokens": 9},
    "bias": {"sequence_bias": [[[23], 9.0], [[24, 25], -5.0]]},
    "decay": {"exponential_decay_length_penalty": (3, 1.9)},
    "beams and sampling": {"num_beams": 3, "do_sample": True, "temperature": 3.0, "top_k": 4},
    "length that new tokens overrule": {"max_length": 5},
}


@pytest.mark.parametrize("name", ["bart", "gpt2", "t5"])
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS.keys())
def test_as_generate_with_the_folders_settings(name, settings):
    model = set_to(name, settings)
    assert written(model) == without_end(model, generated(model))


@pytest.mark.parametrize("name", ["bart", "gpt2"])
@pytest.mark.parametrize(
    "asked", ["suppress_tokens", "begin_suppress_tokens", "bad_words_ids", "eos_token_id", "end"]
)
def test_tokens_that_would_come_are_ruled_out_or_end_the_text(name, asked):
    ids = plain(name)
    new = ids[1:] if name == "bart" else ids[len(demand_tokenizer(fresh(name))(TEXT)["input_ids"]) :]
    value = {
        "suppress_tokens": [new[0], new[2]],
        "begin_suppress_tokens": [new[0]],
        "bad_words_ids": [[new[0], new[1]], [new[3]]],
        "eos_token_id": [new[4], 100],
        "end": new[3],
    }[asked]
    model = set_to(name, {"eos_token_id" if asked == "end" else asked: value})
    found = written(model)
    assert found == without_end(model, generated(model))
    assert found != ids


def test_an_end_mark_of_the_tokenizer_alone_ends_nothing():
    """generate knows the settings' end marks only."""
    model = set_to("gpt2", {"eos_token_id": None, "sequence_bias": [[[0], 100.0]]})
    assert written(model) == generated(model)
    assert written(model)[-1] == 0


DRAWN = {
    "nothing": {},
    "temperature": {"temperature": 0.6},
    "top k": {"top_k": 3},
    "top p": {"top_p": 0.4, "top_k": 0},
    "all of them": {"temperature": 1.4, "top_k": 9, "top_p": 0.8, "min_p": 0.01, "repetition_penalty": 1.5},
    "typical": {"typical_p": 0.5},
    "cutoffs": {"epsilon_cutoff": 0.004, "eta_cutoff": 0.005},
}


@pytest.mark.parametrize("name", ["bart", "gpt2"])
@pytest.mark.parametrize("settings", DRAWN.values(), ids=DRAWN.keys())
@pytest.mark.parametrize("asked", [None, 0.7, 1, 3], ids=str)
def test_drawn_from_what_generate_draws_from(name: str, settings: dict[str, Any], asked: float | None):
    """Step by step the same scores, whether the temperature is the folder's or was given."""
    model = set_to(name, settings | {"do_sample": asked is None})
    given = encode(model, TEXT)
    generator: Any = model.module
    told = {} if asked is None else {"do_sample": True, "temperature": float(asked)}
    torch.manual_seed(0)
    made = generator.generate(
        **{key: given.inputs[key] for key in ("input_ids", "attention_mask")}, **told, max_new_tokens=4,
        output_scores=True, output_logits=True, return_dict_in_generate=True,
    )  # fmt: skip
    rule = next_token(model, given, 4, asked)
    assert rule.drawn
    begun = made.sequences.shape[1] - len(made.scores)
    for step, (scores, logits) in enumerate(zip(made.scores, made.logits, strict=True)):
        found = rule.scores(made.sequences[:, : begun + step], logits[0])
        assert torch.equal(found, scores[0])
        assert found.isfinite().any()


def test_only_what_is_left_is_drawn():
    model = set_to("gpt2", {"top_k": 2})
    given = encode(model, TEXT)
    best = capture(model, TEXT).predictions[0].topk(2).indices.tolist()
    drawn = {next(token_ids(model, given, 1, Manner(90.0, seed))) for seed in range(12)}
    assert drawn == set(best)


def test_whether_to_draw_is_left_to_the_settings():
    likeliest = "".join(stream(fresh("gpt2"), TEXT, 6))
    assert "".join(stream(set_to("gpt2", {"temperature": 9.0}), TEXT, 6, None)) == likeliest
    drawing = set_to("gpt2", {"do_sample": True, "temperature": 9.0})
    assert len({"".join(stream(drawing, TEXT, 6, None, seed)) for seed in range(3)}) == 3
    assert "".join(stream(drawing, TEXT, 6)) == likeliest


def test_settings_that_transformers_refuses():
    model = set_to("gpt2", {"bad_words_ids": [["x"]]})
    with pytest.raises(BadSelection, match="generation settings") as error:
        written(model)
    assert_sentence(error.value)


def test_the_models_own_settings_stay_as_they_were():
    model = set_to("bart", {"num_beams": 3})
    before = model.module.generation_config.to_dict()
    written(model)
    assert model.module.generation_config.to_dict() == before


def test_what_is_followed_is_told():
    model = set_to(
        "bart", SETTINGS["penalty"] | {"forced_bos_token_id": 9, "num_beams": 4, "no_repeat_ngram_size": 0}
    )
    assert settings_followed(model) == {
        "forced_bos_token_id": "9",
        "forced_eos_token_id": "2",
        "repetition_penalty": "1.7",
    }
    assert settings_passed_over(model) == ("num_beams 4",)
    assert settings_followed(fresh("gpt2")) == {}


def test_probabilities_stay_the_models_own():
    model = set_to("gpt2", {"suppress_tokens": [plain("gpt2")[-1]], "repetition_penalty": 3.0})
    run = capture(model, TEXT)
    with torch.no_grad():
        logits = model.module(**demand_tokenizer(model)(TEXT, return_tensors="pt")).logits[0, -1]
    assert torch.allclose(run.predictions[0], logits.softmax(-1), atol=1e-6)


def test_a_body_knows_where_its_targets_begin():
    """One without a language head has no generation settings."""
    model = fresh("bart")
    del model.module.generation_config
    assert decoder_start(model) == 0
