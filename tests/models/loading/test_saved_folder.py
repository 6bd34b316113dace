"""A smaller model as a folder: what models.load and transformers make of it, and what a stranger's folder may hold."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from transformers import AutoModelForCausalLM, PreTrainedTokenizerBase

import models
from models.errors import BadSelection, BrokenWeights, HeadlightError
from models.loading.loader import wrap
from models.run.head_gates import Head, gates
from models.run.model import AttentionModel
from models.run.tap import Tap, tapped
from tests.models.engine_models import TEXT, assert_near, assert_same_weights, engine, fresh, tokenizer
from tests.models.removal_models import CASES, IDS, all_logits, step_logits, text_of
from tests.sentences import assert_sentence

pytestmark = pytest.mark.slow

EVEN = tuple((layer, head) for layer in range(3) for head in (0, 4))
# What transformers' own classes have room for: as many heads in every layer, as many in each group.
STOCK: list[tuple[str, tuple[Head, ...]]] = [
    ("llama mha", tuple((layer, head) for layer in range(3) for head in (layer, 4))),
    ("llama gqa", tuple((layer, head) for layer in range(3) for head in (1, 2, 4, 5))),
    ("llama gqa", tuple((layer, head) for layer in range(3) for head in (0, 1, 2))),  # one group of two
    ("llama mqa", EVEN),
    ("mistral", EVEN),
    ("qwen2", EVEN),
    ("qwen3", EVEN),
    ("deepseek_v3", ((0, 1), (1, 2), (2, 5))),
]


def transformers_alone(folder: Path, model: AttentionModel, attention: str = "sdpa") -> nn.Module:
    return AutoModelForCausalLM.from_pretrained(folder, attn_implementation=attention, dtype=model.dtype)


@pytest.mark.parametrize(
    ("name", "heads"), CASES + STOCK, ids=[*IDS, *(f"{name} stock" for name, _ in STOCK)]
)
def test_a_folder_opens_again_to_the_same_numbers(name: str, heads: tuple[Head, ...], tmp_path: Path):
    small = models.remove_heads(engine(name), heads)
    folder = models.save(small, tmp_path / "small")
    again = models.load(str(folder), device="cpu", dtype="float32")
    assert_same_weights(again, small)
    assert_near(all_logits(again, text_of(name)), all_logits(small, text_of(name)))
    assert type(again.module) is type(small.module)
    assert (again.removed, again.plan.sites) == (small.removed, small.plan.sites)
    assert replace(again.geometry, context=small.geometry.context) == small.geometry
    if small.geometry.role == "decoder":
        assert_near(step_logits(again), step_logits(small))
    assert sorted(path.suffix for path in folder.iterdir() if path.suffix not in (".json", ".jinja")) == [
        ".md",
        ".safetensors",
    ]
    twice = models.remove_heads(again, [(0, 0)])
    assert_near(
        all_logits(twice, text_of(name)), all_logits(models.remove_heads(small, [(0, 0)]), text_of(name))
    )


@pytest.mark.parametrize(("name", "heads"), STOCK, ids=[name for name, _ in STOCK])
def test_transformers_alone_opens_what_its_classes_can_express(
    name: str, heads: tuple[Head, ...], tmp_path: Path
):
    small = models.remove_heads(engine(name), heads)
    assert models.removal_cost(engine(name), heads).stock
    module: Any = transformers_alone(models.save(small, tmp_path / "small"), small)
    ids = torch.randint(5, small.geometry.vocab, (1, 13), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert_near(module(input_ids=ids).logits, small.module(input_ids=ids).logits)
    written = module.generate(ids, max_new_tokens=8, do_sample=False)
    ours: Any = small.module
    assert torch.equal(written, ours.generate(ids, max_new_tokens=8, do_sample=False))
    assert "from_pretrained" in (tmp_path / "small" / "README.md").read_text("utf-8")


@pytest.mark.parametrize(("name", "heads"), [case for case in CASES if "bert" not in case[0]])
def test_transformers_alone_never_opens_another_model_in_silence(
    name: str, heads: tuple[Head, ...], tmp_path: Path
):
    small = models.remove_heads(engine(name), heads)
    folder = models.save(small, tmp_path / "small")
    if models.removal_cost(engine(name), heads).stock:
        return
    assert "transformers alone cannot open it" in (folder / "README.md").read_text("utf-8")
    with pytest.raises(RuntimeError, match="size"):
        transformers_alone(folder, small)


def test_a_half_written_folder_never_appears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    small = models.remove_heads(engine("gpt2"), [(0, 0)])
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("kept")
    with pytest.raises(BadSelection) as caught:
        models.save(small, tmp_path / "full")
    assert_sentence(caught.value)

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(PreTrainedTokenizerBase, "save_pretrained", fail)
    with pytest.raises(BrokenWeights, match="No space") as caught:
        models.save(small, tmp_path / "new")
    assert_sentence(caught.value)
    assert [path.name for path in tmp_path.rglob("*")] == ["full", "mine.txt"]


def test_a_folder_without_a_tokenizer_is_written_too(tmp_path: Path):
    bare = wrap(fresh("gpt2").module)
    small = models.remove_heads(bare, [(0, 0)])
    assert (models.save(small, tmp_path / "small") / "model.safetensors").is_file()


RECORD = {"heads": 6, "kv_heads": 2, "kept": [[1, 2, 3], [0, 1, 2, 3, 4, 5], [5]]}


@pytest.mark.parametrize(
    "change",
    [
        "everything",
        [],
        {"kept": None},
        {"kept": []},
        {"kept": [[1], [1]]},
        {"kept": [[1], [1], [1], [1]]},
        {"kept": [[], [], []]},
        {"kept": [[2, 1], [1], [1]]},
        {"kept": [[1, 1], [1], [1]]},
        {"kept": [[6], [1], [1]]},
        {"kept": [[-1], [1], [1]]},
        {"kept": [["1"], [1], [1]]},
        {"kept": [[True], [1], [1]]},
        {"kept": [[1.0], [1], [1]]},
        {"kept": [1, 1, 1]},
        {"heads": 0},
        {"heads": 8},
        {"heads": 10**30},
        {"heads": "6"},
        {"kv_heads": 4},
        {"kv_heads": 3},
        {"kv_heads": None},
        {"more": 1},
    ],
    ids=str,
)
def test_a_record_that_is_not_sound_is_refused_in_a_sentence(change: Any, tmp_path: Path):
    small = models.remove_heads(
        engine("llama gqa"), [(0, 0), (0, 4), (0, 5), *((2, head) for head in range(5))]
    )
    folder = models.save(small, tmp_path / "small")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    assert config["headlight_removed"] == RECORD
    config["headlight_removed"] = RECORD | change if isinstance(change, dict) else change
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    with pytest.raises(HeadlightError) as caught:
        models.load(str(folder), device="cpu")
    assert_sentence(caught.value)
    assert "removed heads" in str(caught.value)


def test_another_number_of_heads_than_the_weights_have_is_refused(tmp_path: Path):
    folder = models.save(models.remove_heads(engine("gpt2"), [(0, 0)]), tmp_path / "small")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    config["headlight_removed"]["kept"][1] = [0]
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    with pytest.raises(BrokenWeights) as caught:
        models.load(str(folder), device="cpu")
    assert_sentence(caught.value)


def test_a_record_in_a_class_that_is_not_known_is_refused(tmp_path: Path):
    model = fresh("gemma2")
    model.module.config.headlight_removed = RECORD  # pyright: ignore[reportAttributeAccessIssue]
    model.module.save_pretrained(tmp_path / "gemma")
    tokenizer("causal").save_pretrained(tmp_path / "gemma")
    with pytest.raises(HeadlightError, match="heads can be removed from") as caught:
        models.load(str(tmp_path / "gemma"), device="cpu")
    assert_sentence(caught.value)


@pytest.mark.parametrize("heads", [EVEN, ((0, 0), (1, 4), (1, 5)), tuple((0, head) for head in range(6))])
def test_a_converted_model_loses_heads_too(heads: tuple[Head, ...], tmp_path: Path):
    converted = models.convert_to_mla(engine("llama gqa"), 24, " ".join([TEXT] * 40))
    small = models.remove_heads(converted, heads)
    with tapped(Tap(gates=gates(converted, heads))):
        wanted = all_logits(converted)
    assert_near(all_logits(small), wanted)
    assert_near(step_logits(small), wanted)
    assert not models.removal_cost(converted, heads).stock  # its class is Headlight's own
    again = models.load(str(models.save(small, tmp_path / "small")), device="cpu", dtype="float32")
    assert_same_weights(again, small)
    assert_near(all_logits(again), all_logits(small))


def test_text_is_written_by_a_model_from_a_folder(tmp_path: Path):
    heads = [(0, head) for head in range(6)]
    folder = models.save(models.remove_heads(engine("gpt2"), heads), tmp_path / "small")
    again = models.load(str(folder), device="cpu")
    gated = "".join(models.stream(engine("gpt2"), TEXT, 16, heads_off=heads))
    assert "".join(models.stream(again, TEXT, 16)) == gated
