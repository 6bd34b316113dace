"""Roles for a card: the probe is what it says, and heads made to do one thing are found doing it."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from models import capture
from models.look.capturing import capture_inputs
from models.look.scores import ROLES
from models.probe import PROBE
from models.run.model import AttentionModel, demand_tokenizer
from models.training import head_roles as card_roles
from models.training.head_roles import find_roles, repeated_random

Load = Callable[[str], AttentionModel]


def test_random_tokens_come_twice_and_each_once(load_once: Load):
    model = load_once("family-mha")
    ids = repeated_random(model).ids["text"]
    assert len(ids) == 128
    assert ids[:64] == ids[64:]
    assert len(set(ids)) == 64
    assert not set(ids) & set(demand_tokenizer(model).all_special_ids)
    assert repeated_random(model).ids == repeated_random(model).ids != repeated_random(model, seed=1).ids
    # Whoever looks evenly hits the one right token of 64 to 127 (positions 64 to 127 see 65 to 128 tokens).
    scores = capture_inputs(model, repeated_random(model)).scores()
    assert scores.support["induction"] == 64
    expected = sum(1 / seen for seen in range(65, 129)) / 64
    assert scores.chance["induction"][2, 3].item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.real
def test_a_model_with_induction_heads(smollm2: AttentionModel):
    rows = find_roles(smollm2)
    order = [role for role, _, _ in ROLES]
    assert [row["role"] for row in rows] == sorted((row["role"] for row in rows), key=order.index)
    best = rows[0]
    assert (best["role"], best["probe"]) == ("induction", "repeated random tokens")
    assert best["score"] > 0.5 > 10 * best["chance"]
    assert any(row["role"] == "previous token" for row in rows)
    assert len({(row["layer"], row["head"], row["role"]) for row in rows}) == len(rows)
    run = capture(smollm2, PROBE)
    for row in rows:
        at = row["layer"], row["head"]
        if row["probe"] == "probe text":
            name = next(score for role, score, _ in ROLES if role == row["role"])
            assert run.scores().role(*at) == row["role"]
            assert row["score"] == pytest.approx(run.scores().values[name][at].item(), abs=1e-4)
            # the definition of the score, worked out from the pattern itself
            if name == "previous_token":
                assert row["score"] == pytest.approx(run.pattern(*at).diagonal(-1).mean().item(), abs=1e-3)
    assert find_roles(smollm2) == rows


def test_heads_that_look_nowhere_in_particular_have_no_role(load_once: Load, tiny_llama: Path):
    model = load_once(str(tiny_llama))
    with torch.no_grad():
        scores = capture_inputs(model, repeated_random(model, span=32)).scores()
    assert max(scores.values["induction"].flatten().tolist()) < 0.3
    assert find_roles(model) == []


def test_the_probe_text_fits_the_family(load_once: Load):
    model = load_once("family-mla")
    run = capture(model, PROBE)
    assert "".join(run.tokens) == PROBE
    assert 64 < len(run.tokens) < 256  # words, not bytes
    assert str(card_roles.SPAN) in card_roles.PROBES
