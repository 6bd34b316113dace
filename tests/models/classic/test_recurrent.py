"""Recurrent encoder-decoders: the papers' equations, batches against single texts, steps against the whole."""

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

import models
from models.classic.answering import answer_dates, reporting, written_dates
from models.classic.characters import START_ID, character_tokenizer
from models.classic.date_figures import date_figures
from models.classic.dates import DateExample
from models.classic.local import LocalAttention, LocalConfig, LocalModel
from models.classic.recurrent import Source
from models.classic.soft import SoftAttention, SoftConfig
from models.classic.transformer import CrossModel
from models.classic.transformer_layers import CrossConfig
from models.errors import BadSelection, BadText, UnsupportedModel
from models.loading.loader import load
from models.look.captured import Capture
from models.pruning.head_outputs import mean_outputs, other_outputs
from models.run.head_gates import HeadOutputs, HeadsOff
from tests.models.classic.recurrent_models import KINDS, as_written, tiny

SOURCE, TARGET = [9, 4, 33, 17, 4, 60, 21, 8, 2], [1, 6, 4, 5, 11, 7]
ATTENDING = [kind for kind in KINDS if kind != "none"]
SPELLED = "on 9 May 2018"


def run(model: Any, source: list[list[int]], target: list[list[int]], **how: Any) -> Any:
    longest = max(map(len, source))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in source])
    return model(
        input_ids=ids, attention_mask=(ids != 0).long(), decoder_input_ids=torch.tensor(target), **how
    )


def near(ours: Tensor, theirs: Tensor) -> None:
    assert ours.shape == theirs.shape
    scale = float(theirs.abs().max()) or 1.0
    assert float((ours - theirs).abs().max()) < 2e-5 * scale


@pytest.mark.parametrize("kind", KINDS)
def test_logits_and_weights_are_the_papers_equations(kind: str):
    model = tiny(kind)
    output = run(model, [SOURCE], [TARGET])
    logits, weights = as_written(model, kind, SOURCE, TARGET)
    near(output.logits[0], logits)
    if kind == "none":
        assert output.cross_attentions == ()
    else:
        near(output.cross_attentions[0][0, 0], weights)
        assert weights.max() > 2 / len(SOURCE), "attention is so even that mistakes would not show"


@pytest.mark.parametrize("kind", KINDS)
def test_padding_changes_nothing(kind: str):
    model = tiny(kind)
    alone = run(model, [SOURCE[:5]], [TARGET])
    beside = run(model, [SOURCE, SOURCE[:5], [*SOURCE, *SOURCE]], [TARGET, TARGET, TARGET])
    near(beside.logits[1], alone.logits[0])
    if kind != "none":
        padded = beside.cross_attentions[0][1, 0]
        near(padded[:, :5], alone.cross_attentions[0][0, 0])
        assert float(padded[:, 5:].abs().max()) == 0.0


@pytest.mark.parametrize("kind", KINDS)
def test_step_by_step_is_the_whole_at_once(kind: str):
    model = tiny(kind)
    whole = run(model, [SOURCE], [TARGET])
    past: Any = None
    read, steps = model.get_encoder()(input_ids=torch.tensor([SOURCE])), []
    for token in TARGET:
        step = model(
            encoder_outputs=read,
            attention_mask=torch.ones(1, len(SOURCE)),
            decoder_input_ids=torch.tensor([[token]]),
            past_key_values=past,
            use_cache=True,
        )
        past = step.past_key_values
        steps.append(step.logits[0, 0])
    near(torch.stack(steps), whole.logits[0])
    assert past.steps == len(TARGET)


def test_soft_weights_of_a_case_worked_by_hand():
    """Scores of 0 and of ln 3: weights of 1/4 and 3/4."""
    attention = SoftAttention(SoftConfig(hidden_size=2, attention_size=1)).requires_grad_(False)
    part = attention.additive
    part.query.weight.zero_()
    part.query.bias.zero_()
    part.key.weight.copy_(torch.tensor([[1.0, 0.0]]))
    part.score.weight.copy_(torch.tensor([[math.log(3) / math.tanh(1)]]))
    annotations = torch.tensor([[[0.0, 8.0], [1.0, 4.0], [9.0, 9.0]]])
    source = Source(annotations, torch.tensor([[True, True, False]]), attention.keys(annotations))
    look = attention(torch.zeros(1, 2), source)
    near(look.weights, torch.tensor([[0.25, 0.75, 0.0]]))
    near(look.context, torch.tensor([[0.75, 5.0]]))


def test_local_weights_of_a_case_worked_by_hand():
    """Even scores, the centre in the middle of five characters, one to either side: thirds, times 1 and exp(-2)."""
    attention = LocalAttention(LocalConfig(hidden_size=2, attention_size=1, window=1)).requires_grad_(False)
    for weight in attention.parameters():
        weight.zero_()
    annotations = torch.arange(10.0).view(1, 5, 2)
    source = Source(annotations, torch.ones(1, 5, dtype=torch.bool), attention.keys(annotations))
    edge = math.exp(-1 / (2 * 0.5**2)) / 3
    look = attention(torch.zeros(1, 2), source)
    near(look.weights, torch.tensor([[0.0, edge, 1 / 3, edge, 0.0]]))


@pytest.fixture(params=ATTENDING)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> SimpleNamespace:
    model = KINDS[request.param][1](KINDS[request.param][0]()).requires_grad_(False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        for weight in model.parameters():
            torch.nn.init.normal_(weight, std=0.4)
    model.save_pretrained(tmp_path)
    character_tokenizer().save_pretrained(tmp_path)
    return SimpleNamespace(kind=request.param, path=tmp_path)


def test_through_the_engine_as_by_itself(folder: SimpleNamespace, tmp_path: Path):
    model = load(folder.path)
    assert model.plan.route == "own"
    assert model.plan.stacks == ("cross",)
    assert model.geometry.form == {"soft": "additive"}.get(folder.kind, folder.kind)
    captured = models.capture(model, source=SPELLED, target="2018-05-09")
    inputs = character_tokenizer()(SPELLED, return_tensors="pt")
    target = torch.tensor([[START_ID, *character_tokenizer()("2018-05-09")["input_ids"][:-1]]])
    direct = model.module(
        **{name: inputs[name] for name in ("input_ids", "attention_mask")}, decoder_input_ids=target
    )
    near(captured.pattern(0, 0), direct.cross_attentions[0][0, 0])
    assert captured.source_tokens == (*SPELLED, "</s>")
    assert captured.target_tokens == ("<s>", *"2018-05-09")
    near(captured.predictions[0], torch.softmax(direct.logits[0, -1], dim=-1))
    captured.save(tmp_path / "run.npz")
    near(Capture.load(tmp_path / "run.npz").pattern(0, 0), captured.pattern(0, 0))
    copy = load(models.save(model, tmp_path / "copy"))
    near(models.capture(copy, source=SPELLED, target="2018-05-09").predictions, captured.predictions)


def test_switched_off_reads_nothing_and_means_are_means(
    folder: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
):
    """Off: as if all annotations that are read were zero. The states are still begun by the reader's ends."""
    model = load(folder.path)
    ask: dict[str, Any] = {"source": SPELLED, "target": "2018-05-09"}
    off = models.capture(model, heads_off=[(0, 0)], **ask)
    told = SPELLED_MEAN = mean_outputs(model, [SPELLED])
    mean = models.capture(model, heads_off=HeadsOff(((0, 0),), instead=told), **ask)
    assert off.heads_off == ((0, 0),)
    assert mean.switched_off.stood_in == "mean"
    kind: Any = type(model.module.attention)
    forward = kind.forward

    def replaced(value: Tensor) -> Any:
        def look(self: Any, state: Tensor, source: Source, **how: Any) -> Any:
            return forward(self, state, source, **how)._replace(context=value.expand(len(state), -1))

        return look

    for run_of, value in ((off, torch.zeros(1, 128)), (mean, SPELLED_MEAN.per_call[0][0])):
        with monkeypatch.context() as patched:
            patched.setattr(kind, "forward", replaced(value))
            near(run_of.predictions, models.capture(model, **ask).predictions)
    whole = models.capture(model, **ask)
    assert float((off.predictions - whole.predictions).abs().max()) > 1e-4


def test_outputs_of_another_text_stand_in_step_by_step(folder: SimpleNamespace):
    """Replaced by what the same text gives, a head is as if it were on."""
    model = load(folder.path)
    own = other_outputs(model, SPELLED)
    plain = models.capture(model, SPELLED)
    same = models.capture(model, SPELLED, heads_off=HeadsOff(((0, 0),), instead=own))
    near(same.predictions, plain.predictions)
    turned = HeadOutputs(tuple(part.flip(0) for part in own.per_call), "turned round")
    other = models.capture(model, SPELLED, heads_off=HeadsOff(((0, 0),), instead=turned))
    assert float((other.predictions - plain.predictions).abs().max()) > 1e-4


def test_answers_are_what_the_engine_writes(folder: SimpleNamespace):
    model = load(folder.path)
    (answer,) = answer_dates(model, SPELLED)
    streamed = "".join(models.stream(model, SPELLED, 12))
    assert answer.written.replace("·", "") == streamed[: len(answer.written)]
    captured = models.capture(model, SPELLED)
    rows = min(answer.patterns.shape[2], captured.pattern(0, 0).shape[0])
    near(answer.patterns[0, 0, :rows], captured.pattern(0, 0)[:rows])


def test_without_attention_there_is_nothing_to_look_at(tmp_path: Path):
    config, kind = KINDS["none"]
    kind(config()).save_pretrained(tmp_path)
    character_tokenizer().save_pretrained(tmp_path)
    model = load(tmp_path)
    assert model.plan.sites == ()
    assert model.geometry.form == "none"
    assert answer_dates(model, [SPELLED])[0].patterns.shape[0] == 0
    with pytest.raises(BadSelection, match="has no attention to look at"):
        models.capture(model, SPELLED)


def test_what_is_no_date_is_refused_wherever_it_comes_from(folder: SimpleNamespace):
    model = load(folder.path)
    for refused in (
        lambda: models.capture(model, "hello"),
        lambda: answer_dates(model, ["9 May 2018", "hello"]),
    ):
        with pytest.raises(BadText, match="names no month"):
            refused()


def test_only_models_of_dates_answer_them():
    with pytest.raises(BadSelection, match="not trained to read dates"):
        answer_dates(models.load("family-mha"), SPELLED)


def test_a_twin_reports_what_the_engine_captures(tmp_path: Path):
    torch.manual_seed(0)
    CrossModel(CrossConfig()).save_pretrained(tmp_path)
    character_tokenizer().save_pretrained(tmp_path)
    model = load(tmp_path)
    twin = reporting(model.module)
    assert twin is not model.module
    assert reporting(twin) is twin
    assert sum(weight.numel() for weight in twin.parameters()) == sum(
        weight.numel() for weight in model.module.parameters()
    )
    assert model.module.config._attn_implementation != "eager", "the shared model was changed"
    (answer,) = written_dates(twin, [SPELLED])
    captured = models.capture(model, SPELLED)
    rows = min(answer.patterns.shape[2], captured.pattern(1, 2, "cross").shape[0])
    near(answer.patterns[1, 2, :rows], captured.pattern(1, 2, "cross")[:rows])


def test_figures_of_answers_worked_by_hand(monkeypatch: pytest.MonkeyPatch):
    """Two texts of ten and twelve characters, one read right; looked at rightly three times of five."""
    examples = [
        DateExample(
            "1 May 2018", "2018-05-01", ((6, 7), None, None, None, None, (2, 5), None, None, (0, 1), None)
        ),
        DateExample(
            "12 June 1950", "1950-06-12", ((8, 9), None, None, None, None, None, None, None, None, (1, 2))
        ),
    ]
    looked = ([6, 0, 0, 0, 0, 4, 0, 0, 9, 0, 0], [8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    found = tuple(
        models.DateAnswer(
            one.text,
            written,
            torch.ones(11),
            torch.nn.functional.one_hot(torch.tensor(places), 13)[None, None].float(),
        )
        for one, written, places in zip(examples, ("2018-05-01", "1950-06-11"), looked, strict=True)
    )
    monkeypatch.setattr("models.classic.date_figures.written_dates", lambda *_, **__: found)
    figures = date_figures(tiny("soft"), examples)
    assert (figures.texts, figures.exact_match, figures.aligned) == (2, 0.5, 5)
    near(figures.alignment, torch.tensor([[3 / 5]]))
    assert [(band.texts, band.right) for band in figures.by_length[:3]] == [(1, 1), (1, 0), (0, 0)]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"is_encoder_decoder": False}, "encoder-decoder with one head"),
        ({"num_attention_heads": 4}, "encoder-decoder with one head"),
        ({"num_hidden_layers": 3}, "encoder-decoder with one head"),
        ({"hidden_size": 127}, "encoder-decoder with one head"),
        ({"window": 0}, "window should be 1 or more"),
    ],
)
def test_a_config_that_contradicts_its_class_is_refused(changed: dict[str, Any], words: str, tmp_path: Path):
    LocalModel(LocalConfig()).save_pretrained(tmp_path)
    character_tokenizer().save_pretrained(tmp_path)
    written = json.loads((tmp_path / "config.json").read_text("utf-8"))
    (tmp_path / "config.json").write_text(json.dumps(written | changed), "utf-8")
    with pytest.raises(UnsupportedModel, match=words):
        load(tmp_path)


def test_what_keeps_no_keys_and_values_has_no_cache_to_work_out():
    for name in ("classic-soft", "classic-memory"):
        with pytest.raises(BadSelection, match="keeps no keys and values"):
            models.cost(name, 128)


def test_rollout_says_whose_can_be_had():
    soft = models.capture(models.load("classic-soft"), SPELLED)
    with pytest.raises(BadSelection, match="classic-soft has no other attention"):
        soft.rollout()
    cross = models.capture(models.load("classic-cross"), SPELLED)
    with pytest.raises(BadSelection, match="choose encoder or decoder"):
        cross.rollout("cross")
