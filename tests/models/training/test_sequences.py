"""Training sequences, the optimizer and the validation loss, against what others computed or worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from transformers import AutoModelForCausalLM

from models.shape.family import CONTEXT, family_config
from models.training.optimizer import MuonAdamW, orthogonal
from models.training.recipe import Recipe, Stage
from models.training.sequences import UNFORESEEN, Sequences, collate, repeat_a_span
from models.training.validation import validation_loss, windows
from models.training.vocabulary import END, encode, train_tokenizer

RECIPE = Recipe(tokens=40 * CONTEXT, tokens_per_step=2 * CONTEXT, warmup_steps=4)
CORPUS = np.arange(9 * CONTEXT + 37, dtype=np.uint16)  # every token tells its place


def staged(*stages: Stage, recipe: Recipe = RECIPE, **changes: Any) -> Recipe:
    """A recipe of these stages; the last goes on while the rate falls."""
    return replace(recipe, stages=stages, last_stage=stages[-1], **changes)


def plain(recipe: Recipe = RECIPE) -> Recipe:
    return staged(Stage(float("inf"), CONTEXT, 0.0), recipe=recipe)


def test_an_epoch_reads_every_row_once_in_an_order_of_its_own():
    rows = Sequences(CORPUS, plain())
    epochs = [[int(rows[8 * epoch + i].ids[0, 0]) for i in range(8)] for epoch in (0, 1)]
    for starts in epochs:
        offset = min(starts)
        assert sorted(start - offset for start in starts) == [CONTEXT * i for i in range(8)]
    assert epochs[0] != epochs[1]
    for index in (0, 5, 11):  # every row is one piece of the corpus
        assert torch.equal(rows[index].ids[0].diff(), torch.ones(CONTEXT - 1, dtype=torch.long))


def test_any_row_can_be_made_without_the_ones_before():
    recipe = staged(Stage(float("inf"), 128, 0.5))
    one, other = Sequences(CORPUS, recipe), Sequences(CORPUS, recipe)
    expected = [one[index] for index in range(20)]
    assert all(torch.equal(other[index].ids, expected[index].ids) for index in (17, 3, 19, 8))
    seeded = Sequences(CORPUS, replace(recipe, seed=1))
    assert not torch.equal(seeded[0].ids, expected[0].ids)


def test_early_stages_are_cut_shorter_at_equal_tokens():
    recipe = staged(Stage(2, 128, 0.0), Stage(float("inf"), CONTEXT, 0.0))
    rows = Sequences(CORPUS, recipe)
    assert [tuple(rows[index].ids.shape) for index in (0, 3, 4)] == [(4, 128), (4, 128), (1, 512)]
    batch = collate([rows[0], rows[1]])
    assert batch["input_ids"].shape == (8, 128)
    assert torch.equal(batch["labels"], batch["input_ids"])
    assert len(rows) * CONTEXT == recipe.tokens


def test_a_repeated_span_stands_before():
    rng = np.random.default_rng(0)
    for _ in range(200):
        row = np.arange(128)
        repeat_a_span(row, rng)
        changed = np.flatnonzero(row != np.arange(128))
        assert len(changed) >= 8
        first, last = int(changed[0]), int(changed[-1])
        assert last - first + 1 == len(changed)
        source = int(row[first])
        assert source + len(changed) <= first  # all of it, and without an overlap
        np.testing.assert_array_equal(row[first : last + 1], np.arange(source, source + len(changed)))


@pytest.mark.parametrize("kind", [{}, {"random": 1.0}, {"looped": 1.0}, {"random": 0.4, "looped": 0.3}])
def test_nothing_is_asked_that_nothing_can_foresee(kind: dict[str, float]):
    """A token can be foreseen where the text goes on, and where it followed the same token before."""
    rows = Sequences(CORPUS, staged(Stage(float("inf"), 64, 0.8, **kind)))
    drawn = [rows[index] for index in range(40)]
    for ids, labels in zip(
        torch.cat([row.ids for row in drawn]), torch.cat([row.labels for row in drawn]), strict=True
    ):
        asked = labels != UNFORESEEN
        assert torch.equal(labels[asked], ids[asked])
        pairs = list(zip(ids.tolist(), ids[1:].tolist(), strict=False))
        for place, (before, token) in enumerate(pairs, start=1):
            if asked[place]:
                assert token == before + 1 or (before, token) in pairs[: place - 1]


def test_all_that_can_be_foreseen_is_asked():
    for kind, most in (({}, 2), ({"random": 1.0}, 33), ({"looped": 1.0}, 1)):
        rows = Sequences(CORPUS, staged(Stage(float("inf"), 64, 1.0, **kind)))
        left_out = torch.cat([(rows[index].labels == UNFORESEEN).sum(1) for index in range(40)])
        assert 1 <= left_out.min() <= left_out.max() <= most
    untouched = Sequences(CORPUS, plain())[3]
    assert torch.equal(untouched.ids, untouched.labels)


def test_a_corpus_is_read_to_its_end_before_any_text_comes_twice():
    tokens = np.arange(30 * CONTEXT, dtype=np.uint16)
    rows = Sequences(tokens, replace(plain(), tokens=29 * CONTEXT, tokens_per_step=CONTEXT))
    read = torch.cat([rows[index].ids.flatten() for index in range(len(rows))])
    assert len(read.unique()) == len(read) == 29 * CONTEXT


def test_random_blocks_are_repeated_to_the_end():
    rows = Sequences(CORPUS, staged(Stage(float("inf"), 64, 1.0, random=1.0)))
    for row in torch.cat([rows[index].ids for index in range(20)]):
        first = int(row[0])
        period = next(step for step in range(4, 33) if torch.equal(row[step:], row[:-step]))
        assert period <= 32
        assert first > 0


def test_a_beginning_is_repeated_to_the_end_and_is_the_corpus_own():
    rows = Sequences(CORPUS, staged(Stage(float("inf"), 64, 1.0, looped=1.0)))
    for index in range(20):
        for row, own in zip(rows[index].ids, rows.row(index).astype(np.int64).reshape(-1, 64), strict=True):
            period = next(step for step in range(8, 33) if torch.equal(row[step:], row[:-step]))
            np.testing.assert_array_equal(row[:period], own[:period])


def test_the_sequences_are_long_while_the_rate_falls():
    recipe = Recipe(tokens=100 * 2048, tokens_per_step=2048, cooldown=0.25)
    assert recipe.stage_at(74).context < 512
    assert recipe.stage_at(75).context == 512


def test_the_share_of_repeats_is_what_the_recipe_says():
    rows = Sequences(CORPUS, staged(Stage(float("inf"), 64, 0.05), tokens=400 * CONTEXT))
    pieces = torch.cat([rows[index].ids for index in range(400)])
    repeated = (pieces.diff(dim=1) != 1).any(1).float().mean().item()
    assert repeated == pytest.approx(0.05, abs=3 * (0.05 * 0.95 / len(pieces)) ** 0.5)


def test_the_rate_rises_stays_and_falls_to_nothing():
    recipe = Recipe(tokens=100 * 4096, tokens_per_step=4096, warmup_steps=10, cooldown=0.25)
    rates = [recipe.rate_at(step) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9] == rates[75] == 1.0
    assert rates[88] == pytest.approx(12 / 25)
    assert rates[100] == 0.0


def test_muon_makes_updates_orthogonal():
    torch.manual_seed(0)
    for shape in ((3, 7, 5), (2, 5, 7)):
        updates = torch.randn(shape, dtype=torch.float64).float()
        made = orthogonal(updates)
        left, _, right = torch.linalg.svd(updates, full_matrices=False)
        along = (left.mT @ made @ right.mT).diagonal(dim1=1, dim2=2)  # the exact answer would give ones
        assert along.min() > 0.6
        assert along.max() < 1.3
        across = left.mT @ made @ right.mT - torch.diag_embed(along)
        assert across.abs().max() < 1e-4


def test_muon_equals_torchs_up_to_bfloat16():
    torch.manual_seed(0)
    matrix = nn.Parameter(torch.randn(48, 32))
    theirs = nn.Parameter(matrix.detach().clone())
    model = nn.Module()
    model.matrix, model.norm = matrix, nn.Parameter(torch.ones(3))
    recipe = replace(RECIPE, matrix_rate=0.02, weight_decay=0.1)
    ours = MuonAdamW(model, recipe)
    reference = torch.optim.Muon([theirs], lr=0.02, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    start = matrix.detach().clone()
    for step in range(5):
        gradient = torch.randn(48, 32, generator=torch.Generator().manual_seed(step))
        matrix.grad, theirs.grad = gradient.clone(), gradient.clone()
        ours.step()
        reference.step()
    moved = (theirs - start).norm()
    assert (matrix - theirs).norm() < 0.02 * moved


def test_the_optimizer_divides_the_parameters_and_shares_its_rates():
    model = AutoModelForCausalLM.from_config(family_config("mla"))
    optimizer = MuonAdamW(model, RECIPE)
    listed = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    assert {id(p) for p in listed} == {id(p) for p in model.parameters()}
    matrices = optimizer.param_groups[0]["params"]
    assert id(model.get_input_embeddings().weight) not in {id(p) for p in matrices}
    assert all(p.ndim == 2 for p in matrices)
    for group in optimizer.param_groups:
        group["lr"] = 0.125
    assert [part.param_groups[0]["lr"] for part in optimizer.parts] == [0.125, 0.125]
    optimizer.load_state_dict(optimizer.state_dict())
    optimizer.param_groups[1]["lr"] = 0.5
    assert optimizer.parts[1].param_groups[0]["lr"] == 0.5


def test_validation_loss_is_transformers_own():
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(family_config("gqa")).train()
    rows = windows(np.random.default_rng(0).integers(0, 4096, 3 * CONTEXT + 5).astype(np.uint16))
    assert rows.shape == (3, CONTEXT)
    ours = validation_loss(model, rows, batch=2)
    assert model.training
    model.eval()
    with torch.no_grad():
        theirs = model(input_ids=rows, labels=rows).loss.item()
    assert ours == pytest.approx(theirs, rel=1e-5)


def test_tokens_read_back_as_the_text(tmp_path: Path):
    text = "Clara met Marlow.\n“Ça va?” he said — naïvely 😀.\n" * 40
    tokenizer = train_tokenizer([text])
    assert tokenizer.convert_tokens_to_ids(END) == 0
    ids = encode(tokenizer, [text, text])
    assert (ids == 0).sum() == 1
    assert tokenizer.decode(ids[: len(ids) // 2], clean_up_tokenization_spaces=False) == text


def test_what_cannot_be_foreseen_bears_the_label_that_the_loss_passes_over():
    assert torch.nn.CrossEntropyLoss().ignore_index == UNFORESEEN
