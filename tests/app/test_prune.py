"""The page Prune: its numbers held against transformers' own eager model with a hook, and what a visitor's choice becomes."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

import models
from models.loading.catalog import WEIGHTS
from models.run.model import demand_tokenizer
from tests.app import visit
from tests.sentences import assert_sentence
from viz import heads_off
from viz.figures.token_text import label
from viz.state import choices, keys
from viz.views import working
from viz.views.prune import effect

TEXT = "one two three four one two three four one two three"
NAME = "family-mha"
OFF = ((1, 2), (1, 3), (2, 0))
WIDTH = 32  # of a head's output
JOBS = ("prune-effect", "prune-chance", "prune-least")
Loader = Callable[[str], models.AttentionModel]


def open_prune(model: str | Path = NAME, text: str = TEXT, **address: object) -> visit.AppTest:
    return settle(visit.opened("prune", **{"model": model, "text": text, **address}))


def settle(app: visit.AppTest) -> visit.AppTest:
    """Wait for what runs in the background, then look again."""
    for name in JOBS:
        if f"_job-{name}" in app.session_state:
            app.session_state[f"_job-{name}"][1].wait(visit.TIMEOUT_S)
    return visit.rerun(app)


def off(app: visit.AppTest, stack: str = "decoder") -> list[list[int]]:
    """The heads that the wall strikes out."""
    return visit.part(app, f"prune-wall-{stack}")["off"]["value"]


def exact(app: visit.AppTest, name: str) -> list[float]:
    """The numbers in the help of one of the large numbers."""
    (metric,) = [metric for metric in app.metric if metric.label == name]
    return [float(found) for found in re.findall(r"(?<![\w.])\d+\.\d+(?:e-\d+)?", metric.proto.help)]


def stock(text_ids: Tensor, instead: dict[tuple[int, int], Tensor | float]) -> Any:
    """Transformers' own eager model, the outputs of these heads replaced on their way into the output projection."""
    module = AutoModelForCausalLM.from_pretrained(
        WEIGHTS / NAME, attn_implementation="eager", dtype=torch.float32
    ).eval()
    for layer in {layer for layer, _ in instead}:

        def replace(_: Any, args: tuple[Tensor], layer: int = layer) -> tuple[Tensor]:
            read = args[0].clone()
            for (place, head), value in instead.items():
                if place == layer:
                    read[..., head * WIDTH : (head + 1) * WIDTH] = value
            return (read,)

        module.model.layers[layer].self_attn.o_proj.register_forward_pre_hook(replace)
    with torch.no_grad():
        return module(input_ids=text_ids, output_attentions=True)


def losses(output: Any, ids: Tensor) -> Tensor:
    return -output.logits[0, :-1].log_softmax(-1).gather(1, ids[0, 1:, None])[:, 0]


@pytest.fixture(scope="module")
def run(load_once: Loader) -> models.Capture:
    return models.capture(load_once(NAME), TEXT)


def test_the_numbers_are_those_of_a_hooked_eager_model(run: models.Capture, load_once: Loader):
    app = open_prune(off=heads_off.write(OFF))
    ids = torch.tensor([run.ids["text"]])
    whole, without = stock(ids, {}), stock(ids, dict.fromkeys(OFF, 0.0))
    before, after = losses(whole, ids), losses(without, ids)
    assert abs(after.mean() - before.mean()) > 0.02  # the heads do something
    assert exact(app, "Loss, nats per token") == pytest.approx(
        [before.mean().item(), after.mean().item()], rel=1e-4
    )
    assert exact(app, "Perplexity") == pytest.approx(
        [before.mean().exp().item(), after.mean().exp().item()], rel=1e-4
    )
    one, other = (output.logits[0].log_softmax(-1) for output in (whole, without))
    kl = (one.exp() * (one - other)).sum(-1)
    assert exact(app, "KL, nats") == pytest.approx([kl.mean().item(), kl[-1].item()], rel=1e-3)

    moved = torch.stack(
        [
            0.5 * (one[0] - other[0]).abs().sum(-1).mean(-1)
            for one, other in zip(whole.attentions, without.attentions, strict=True)
        ]
    )
    sent = visit.part(app, "prune-wall-decoder")
    np.testing.assert_allclose(sent["moved"], moved.flatten(), rtol=6e-3, atol=1e-6)
    ablation = models.ablate(load_once(NAME), TEXT, OFF)
    np.testing.assert_allclose(ablation.pattern_shift, moved, atol=1e-5)
    standing = [moved[head].item() for head in np.ndindex(4, 8) if head not in OFF]
    assert exact(app, "Attention moved") == pytest.approx([np.mean(standing), max(standing)], rel=1e-3)

    (table,) = [item.value for item in app.dataframe if "before" in item.value]
    best = without.logits[0, -1].softmax(-1).topk(3)
    assert list(table["token"])[:3] == [label(token, 24) for token in run.vocabulary(best.indices.tolist())]
    np.testing.assert_allclose(table["after"][:3], best.values, rtol=1e-3)
    probabilities = whole.logits[0, -1].softmax(-1)
    np.testing.assert_allclose(table["before"][:3], probabilities[best.indices], rtol=1e-3)


def test_the_strip_tells_every_tokens_change(run: models.Capture):
    app = open_prune(off=heads_off.write(OFF))
    ids = torch.tensor([run.ids["text"]])
    change = losses(stock(ids, dict.fromkeys(OFF, 0.0)), ids) - losses(stock(ids, {}), ids)
    (strip,) = [item.proto.body for item in app.get("html") if "→" in item.proto.body]
    told = re.findall(r'title="[^"]*→ [^"]* nats, ([+-][\d.e-]+)"', strip)
    np.testing.assert_allclose([float(one) for one in told], change, atol=2e-4)
    assert "nothing stands before it" in strip  # the first token


def test_it_opens_on_an_example_that_is_called_one(run: models.Capture):
    app = open_prune()
    strongest = run.scores().values["previous_token"].flatten().argmax().item()
    assert off(app) == [list(divmod(strongest, 8))]
    assert any("An example" in note for note in visit.notes(app))
    assert "off" not in app.query_params
    assert app.metric
    assert visit.complaints(app) == []


def test_random_heads_of_the_same_layers_stand_beside_the_choice(load_once: Loader):
    app = open_prune(off=heads_off.write(OFF))
    draws, chosen = visit.figure(app, "prune-chance-dots")["data"]
    baseline = models.baseline(load_once(NAME), TEXT)
    ablation = models.ablate(load_once(NAME), baseline, OFF)
    assert chosen["x"] == pytest.approx([ablation.loss_after - ablation.loss_before], abs=1e-5)
    assert len(draws["x"]) == 5
    for rise, told in zip(draws["x"], draws["customdata"], strict=True):
        heads = [(int(layer), int(head)) for layer, head in re.findall(r"L(\d+) H(\d+)", told)]
        assert sorted(layer for layer, _ in heads) == [1, 1, 2]
        assert not set(heads) & set(OFF)
        drawn = models.ablate(load_once(NAME), baseline, heads)
        assert rise == pytest.approx(drawn.loss_after - drawn.loss_before, abs=1e-5)


def test_means_stand_for_heads(run: models.Capture, load_once: Loader):
    app = open_prune(off="1.2", method="mean")
    from models.look.evaluation_texts import cut_into_texts

    model, seen = load_once(NAME), []
    module = AutoModelForCausalLM.from_pretrained(WEIGHTS / NAME, attn_implementation="eager").eval()
    hook = module.model.layers[1].self_attn.o_proj.register_forward_pre_hook(
        lambda _, args: seen.append(args[0][0, :, 2 * WIDTH : 3 * WIDTH])
    )
    with torch.no_grad():
        for text in cut_into_texts(model, max_tokens=1024):
            module(**demand_tokenizer(model)(text, return_tensors="pt"))
    hook.remove()
    ids = torch.tensor([run.ids["text"]])
    after = losses(stock(ids, {(1, 2): torch.cat(seen).mean(0)}), ids).mean().item()
    assert exact(app, "Loss, nats per token")[1] == pytest.approx(after, rel=1e-4)
    assert exact(app, "Loss, nats per token") != exact(open_prune(off="1.2"), "Loss, nats per token")
    assert any("evaluation text" in note for note in visit.notes(app))


def test_another_text_stands_for_heads(load_once: Loader):
    app = open_prune(off="1.2", method="resample", other="Coreference")
    from viz.samples import SAMPLES

    (other,) = [sample.text for sample in SAMPLES if sample.title == "Coreference"]
    expected = models.ablate(load_once(NAME), TEXT, [(1, 2)], "resample", reference=other)
    assert exact(app, "Loss, nats per token")[1] == pytest.approx(expected.loss_after, rel=1e-5)
    assert any("sample “Coreference”" in note for note in visit.notes(app))


def test_undo_redo_all_on_and_invert():
    app = open_prune(off="1.2-3")
    assert app.button(key="prune-undo").disabled
    settle(visit.click(app, "prune-invert"))
    assert len(off(app)) == 30
    settle(visit.click(app, "prune-reset"))
    assert off(app) == []
    assert app.query_params["off"] in ("none", ["none"])
    assert not app.metric
    settle(visit.click(app, "prune-undo"))
    assert len(off(app)) == 30
    settle(visit.click(app, "prune-undo"))
    assert off(app) == [[1, 2], [1, 3]]
    assert app.button(key="prune-undo").disabled
    settle(visit.click(app, "prune-redo"))
    assert len(off(app)) == 30
    settle(visit.click(app, "prune-preset-whole-layer"))  # a new choice ends what could be redone
    assert off(app) == [[0, head] for head in range(8)]
    assert app.button(key="prune-redo").disabled


def test_presets(run: models.Capture, load_once: Loader):
    app = open_prune(off="none")
    scores = run.scores()
    wanted = [list(head) for head in np.ndindex(4, 8) if scores.role(*head) == "previous token"]
    settle(visit.click(app, "prune-role-previous token"))
    assert off(app) == wanted
    settle(visit.click(app, "prune-preset-random"))
    first = off(app)
    assert len(first) == 5
    visit.click(app, "prune-preset-least")
    settle(settle(app))
    values = models.gradient_importance(load_once(NAME), TEXT).normalized.flatten()
    least = sorted(values.argsort()[:5].tolist())
    assert off(app) == [list(divmod(place, 8)) for place in least]
    settle(visit.click(app, "prune-undo"))
    assert off(app) == first


def test_a_shift_is_told_by_the_head_that_moved_most(load_once: Loader):
    app = open_prune(off=heads_off.write(OFF))
    ablation = models.ablate(load_once(NAME), TEXT, OFF)
    shift = ablation.pattern_shift
    layer, head = divmod(int(shift.argmax()), 8)
    (title,) = [text.value for text in app.markdown if text.value.startswith("#### ")]
    told = visit.number_in(title, rf"^#### ([\d.]+)% of the attention of L{layer} H{head}\b")
    assert told == pytest.approx(100 * shift.max().item(), rel=visit.THREE_DIGITS)
    drawn = visit.cells(app, "prune-moved-1")
    np.testing.assert_allclose(drawn, ablation.after.pattern(layer, head), atol=1e-6)


def test_heads_that_the_model_does_not_have_are_named_and_left_out():
    app = open_prune(off="1.2,9.0,1.77")
    assert off(app) == [[1, 2]]
    (sentence,) = visit.infos(app)
    assert_sentence(sentence)
    assert "L1 H77" in sentence
    assert "L9 H0" in sentence
    app = open_prune(off="<script>,1.x,,")
    assert off(app) == []
    assert visit.complaints(app) == []


def test_all_heads_off_still_answers():
    app = open_prune(off="0.0-7,1.0-7,2.0-7,3.0-7")
    (sentence,) = visit.infos(app)
    assert_sentence(sentence)
    assert "Every head is off" in sentence
    assert exact(app, "Loss, nats per token")[1] > exact(app, "Loss, nats per token")[0]
    assert visit.complaints(app) == []


@pytest.mark.parametrize("text", ["a", "word " * 3000])
def test_texts_of_one_token_and_of_too_many(text: str):
    app = open_prune(text=text, off="1.2", limit=256)
    assert [told for told in visit.complaints(app) if "The text is cut" not in told] == []
    assert off(app) == [[1, 2]]


def test_work_that_ends_while_the_page_is_drawn_is_shown(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(effect, "AT_ONCE_S", 0.0)
    monkeypatch.setattr(working, "FIRST_LOOK_S", visit.TIMEOUT_S)
    app = visit.opened("prune", model=NAME, text=TEXT, off="0.5,3.6")
    assert not any("Cancelled" in told for told in visit.infos(app))
    assert len(exact(app, "Loss, nats per token")) == 2


def test_a_choice_is_each_visitors_own():
    first, second = open_prune(off="1.2"), open_prune(off="2.5")
    settle(visit.click(first, "prune-reset"))
    assert off(visit.rerun(second)) == [[2, 5]]


def test_an_encoder_has_kl_and_patterns_and_says_why(tiny_bert: Path):
    app = open_prune(tiny_bert, "the cat [MASK] on the mat", off="0.1")
    assert [metric.label for metric in app.metric] == ["KL, nats", "Attention moved"]
    assert any("no loss per token" in sentence for sentence in visit.infos(app))
    ablation = models.ablate(models.load(str(tiny_bert)), "the cat [MASK] on the mat", [(0, 1)])
    assert exact(app, "KL, nats")[0] == pytest.approx(ablation.kl.mean().item(), rel=1e-3)
    assert any("cannot continue" in sentence for sentence in visit.infos(app))


@pytest.mark.parametrize("stack", ["encoder", "decoder", "cross"])
def test_each_stack_of_an_encoder_decoder(tiny_t5: Path, stack: str):
    source, target = "the cat sat on the mat", "the dog sat on"
    app = open_prune(tiny_t5, source, second=target, off_stack=stack, off="1.3")
    assert off(app, stack) == [[1, 3]]
    model = models.load(str(tiny_t5))
    given = models.baseline(model, source=source, target=target)
    ablation = models.ablate(model, given, models.HeadsOff(((1, 3),), stack))
    assert exact(app, "Loss, nats per token") == pytest.approx(
        [ablation.loss_before, ablation.loss_after], rel=1e-4
    )
    assert visit.complaints(app) == []


def test_heads_that_are_off_stay_those_of_their_stack_whatever_explore_shows(tiny_t5: Path):
    app = open_prune(tiny_t5, "the cat sat", second="the dog", off_stack="cross", off="1.3", stack="encoder")
    assert off(app, "cross") == [[1, 3]]


def test_a_model_whose_heads_cannot_be_gated_keeps_its_wall(tiny_falcon: Path):
    app = open_prune(tiny_falcon, "the cat sat", off="1.2")
    assert_sentence(visit.infos(app)[0])
    assert "cannot be switched off" in visit.infos(app)[0]
    wall = visit.part(app, "prune-wall-decoder")
    assert wall["frozen"]
    assert wall["off"]["value"] == []
    assert visit.complaints(app) == []


def test_both_write_on_and_the_parting_is_marked(load_once: Loader):
    app = open_prune(off=heads_off.write(OFF))
    visit.rerun(app, **{"prune-count": 12})
    visit.click(app, "prune-write")
    _, duet = app.session_state["_prune_written"]
    writings = [lane.writing for lane in duet.strip.lanes]
    for writing in writings:
        writing.wait(visit.TIMEOUT_S)
    visit.rerun(app)
    model = load_once(NAME)
    whole = list(models.stream(model, TEXT, 12))
    without = list(models.stream(model, TEXT, 12, heads_off=OFF))
    assert [list(writing.pieces) for writing in writings] == [whole, without]
    assert whole != without
    parting = next(
        place for place, (one, other) in enumerate(zip(whole, without, strict=False)) if one != other
    )
    marked = [item.proto.body for item in app.get("html") if "<mark" in item.proto.body]
    assert [re.findall(r"<mark[^>]*>([^<]*)</mark>", text) for text in marked] == [
        [whole[parting]],
        [without[parting]],
    ]
    visit.rerun(app, off="3.1")
    assert any("Written before" in note for note in visit.notes(app))


def test_every_choice_of_method_is_known_to_the_address():
    assert [choices.CHOSEN[keys.METHOD].read(name) for name in ("zero", "mean", "resample")] == [
        "zero",
        "mean",
        "resample",
    ]
