"""The Transformer encoder-decoder against PyTorch's own layers, the paper's formulas and transformers' eager attention."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import AutoModelForSeq2SeqLM

import models
from models.classic.characters import character_tokenizer
from models.classic.transformer import CrossModel
from models.classic.transformer_layers import (
    CrossAttention,
    CrossConfig,
    CrossDecoderLayer,
    CrossEncoderLayer,
    sinusoidal_positions,
)
from models.errors import BadText, UnsupportedModel
from models.loading.loader import load, wrap
from models.look.capturing import capture, capture_inputs
from models.look.generation import stream
from models.run.inputs import Encoded
from models.run.model import AttentionModel
from tests import tiny_models
from tests.sentences import assert_sentence

# Sizes that differ wherever they can, so that swapped axes cannot pass.
SIZES: dict[str, Any] = {
    "vocab_size": 73,
    "hidden_size": 30,
    "intermediate_size": 37,
    "encoder_layers": 2,
    "decoder_layers": 3,
    "encoder_attention_heads": 3,
    "decoder_attention_heads": 5,
    "max_position_embeddings": 41,
}
SOURCE, TARGET, PADDED = 13, 7, 9
SPELLED = "on 9 May 2018"


def config(**changed: Any) -> CrossConfig:
    return CrossConfig(**SIZES | changed)


def tiny(implementation: str = "eager") -> CrossModel:
    torch.manual_seed(0)
    model = CrossModel(config()).eval()
    for name, weight in model.named_parameters():  # norms and biases that do nothing hide mistakes
        if "norm" in name or "bias" in name:
            nn.init.normal_(weight, mean=1.0 if name.endswith("norm.weight") else 0.0, std=0.3)
    model.set_attn_implementation(implementation)
    return model


def texts() -> tuple[Tensor, Tensor, Tensor]:
    """Ids and mask of two sources, of which the second is padded, and ids of two targets."""
    generator = torch.Generator().manual_seed(1)
    source = torch.randint(4, SIZES["vocab_size"], (2, SOURCE), generator=generator)
    target = torch.randint(4, SIZES["vocab_size"], (2, TARGET), generator=generator)
    mask = torch.ones_like(source)
    mask[1, PADDED:] = 0
    return source, mask, target


def test_positions_are_the_papers():
    found = sinusoidal_positions(torch.arange(23), 10)
    for place in range(23):
        for i in range(5):
            angle = place / 10_000 ** (2 * i / 10)
            expected = torch.tensor([math.sin(angle), math.cos(angle)], dtype=torch.float32)
            torch.testing.assert_close(found[place, 2 * i : 2 * i + 2], expected, atol=1e-5, rtol=0)


def filled(theirs: nn.MultiheadAttention, ours: CrossAttention) -> None:
    """PyTorch's attention with our matrices; it has biases where the paper has none."""
    joined = torch.cat([ours.q_proj.weight, ours.k_proj.weight, ours.v_proj.weight])
    theirs.load_state_dict(
        {
            "in_proj_weight": joined,
            "in_proj_bias": torch.zeros(len(joined), dtype=torch.float32),
            "out_proj.weight": ours.o_proj.weight,
            "out_proj.bias": torch.zeros(len(ours.o_proj.weight), dtype=torch.float32),
        }
    )


def pytorchs(ours: CrossEncoderLayer | CrossDecoderLayer, heads: int) -> nn.Module:
    """PyTorch's layer with the weights of ours."""
    writes = isinstance(ours, CrossDecoderLayer)
    made = nn.TransformerDecoderLayer if writes else nn.TransformerEncoderLayer
    layer: Any = made(SIZES["hidden_size"], heads, SIZES["intermediate_size"], 0.0, batch_first=True)
    norms: list[nn.Module] = [ours.self_attn_norm, ours.feed_forward_norm]
    if isinstance(ours, CrossDecoderLayer):
        norms.insert(1, ours.cross_attn_norm)
        filled(layer.multihead_attn, ours.cross_attn)
    filled(layer.self_attn, ours.self_attn)
    layer.linear1.load_state_dict(ours.feed_forward.up.state_dict())
    layer.linear2.load_state_dict(ours.feed_forward.down.state_dict())
    for number, norm in enumerate(norms, start=1):
        getattr(layer, f"norm{number}").load_state_dict(norm.state_dict())
    return layer.train()  # there is no dropout, and its quick path in evaluation mode drops padding


def expected_logits(model: CrossModel, source: Tensor, mask: Tensor, target: Tensor) -> Tensor:
    """By PyTorch's layers."""
    table, width = model.encoder.embed_tokens.weight, SIZES["hidden_size"]

    def embedded(ids: Tensor) -> Tensor:
        return table[ids] * math.sqrt(width) + sinusoidal_positions(torch.arange(ids.shape[1]), width)

    read, written, hidden = embedded(source), embedded(target), mask == 0
    layer: Any
    for layer in model.encoder.layers:
        read = pytorchs(layer, SIZES["encoder_attention_heads"])(read, src_key_padding_mask=hidden)
    later = torch.ones(target.shape[1], target.shape[1], dtype=torch.bool).triu(1)
    for layer in model.decoder.layers:
        run = pytorchs(layer, SIZES["decoder_attention_heads"])
        written = run(written, read, tgt_mask=later, memory_key_padding_mask=hidden)
    return written @ table.T


@pytest.mark.parametrize("implementation", ["eager", "sdpa", "headlight"])
@torch.no_grad()
def test_the_same_numbers_as_pytorchs_layers(implementation: str):
    model, (source, mask, target) = tiny(implementation), texts()
    found = model(source, mask, target).logits
    expected = expected_logits(model, source, mask, target)
    torch.testing.assert_close(found, expected, atol=1e-5 * expected.abs().max().item(), rtol=0)


@torch.no_grad()
def test_with_and_without_a_cache_the_same():
    model, (source, mask, target) = tiny("headlight"), texts()
    whole = model(source, mask, target).logits
    read = model.get_encoder()(source, mask)
    cache: Any = None
    steps: list[Tensor] = []
    for part in target.split([1, 2, 1, 3], dim=1):
        output = model(
            attention_mask=mask,
            decoder_input_ids=part,
            encoder_outputs=read,
            past_key_values=cache,
            use_cache=True,
        )
        cache = output.past_key_values
        steps.append(output.logits)
    scale = whole.abs().max().item()
    torch.testing.assert_close(torch.cat(steps, dim=1), whole, atol=1e-5 * scale, rtol=0)
    assert cache.self_attention_cache.layers[0].keys.shape == (2, 5, TARGET, 6)
    assert cache.cross_attention_cache.layers[0].keys.shape == (2, 5, SOURCE, 6)


def test_the_source_is_projected_once_for_all_steps():
    source, mask, _ = texts()
    model: Any = tiny()
    projected: list[int] = []
    model.decoder.layers[1].cross_attn.k_proj.register_forward_hook(lambda *_: projected.append(1))
    model.generate(source, attention_mask=mask, max_new_tokens=5, min_new_tokens=5, do_sample=False)
    assert len(projected) == 1


def test_the_loss_is_of_the_target_shifted_right():
    model, (source, mask, target) = tiny(), texts()
    labels = target.clone()
    labels[1, 5:] = -100
    start = torch.full((2, 1), 1, dtype=torch.long)
    logits = model(source, mask, torch.cat([start, target[:, :-1]], dim=1)).logits
    logs = torch.log_softmax(logits, dim=-1)
    kept = [(row, step) for row in range(2) for step in range(TARGET) if labels[row, step] != -100]
    expected = -sum(logs[row, step, labels[row, step]] for row, step in kept) / len(kept)
    torch.testing.assert_close(model(source, mask, labels=labels).loss, expected, atol=1e-5, rtol=0)


@torch.no_grad()
def test_captured_patterns_are_those_of_the_eager_pass():
    source, _, target = (text[:1] for text in texts())
    eager = tiny()(source, torch.ones_like(source), target, output_attentions=True)
    given = {"input_ids": source, "attention_mask": torch.ones_like(source), "decoder_input_ids": target}
    names = {"source": ("s",) * SOURCE, "target": ("t",) * TARGET}
    ids = {"source": tuple(source[0].tolist()), "target": tuple(target[0].tolist())}
    run = capture_inputs(wrap(tiny(), None, "tiny"), Encoded(given, ids, names))
    for stack, patterns in (
        ("encoder", eager.encoder_attentions),
        ("decoder", eager.decoder_attentions),
        ("cross", eager.cross_attentions),
    ):
        assert len(patterns) == SIZES["encoder_layers" if stack == "encoder" else "decoder_layers"]
        for layer, pattern in enumerate(patterns):
            for head in range(pattern.shape[1]):
                found = run.pattern(layer, head, stack=stack)
                torch.testing.assert_close(found, pattern[0, head], atol=1e-5, rtol=0)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cross") / "tiny-cross"
    return tiny_models.save(tiny(), character_tokenizer(), folder)


@pytest.fixture(scope="module")
def loaded(saved: Path) -> AttentionModel:
    return load(saved, device="cpu")


def test_a_saved_folder_loads_with_its_weights(loaded: AttentionModel, saved: Path):
    assert loaded.plan.route == "registry"
    assert loaded.plan.stacks == ("encoder", "decoder", "cross")
    assert (loaded.geometry.encoder_layers, loaded.geometry.encoder_heads) == (2, 3)
    assert (loaded.geometry.layers, loaded.geometry.heads, loaded.geometry.context) == (3, 5, 41)
    source, mask, target = texts()
    with torch.no_grad():
        found = loaded.module(source, mask, target).logits
        expected = tiny()(source, mask, target).logits
    torch.testing.assert_close(found, expected, atol=1e-5 * expected.abs().max().item(), rtol=0)
    again = AutoModelForSeq2SeqLM.from_pretrained(saved)
    assert again.lm_head.weight is again.encoder.embed_tokens.weight is again.decoder.embed_tokens.weight


def test_written_on_as_transformers_generate_does(loaded: AttentionModel):
    text = SPELLED
    module: Any = loaded.module
    tokenizer: Any = loaded.tokenizer
    whole = module.generate(**tokenizer(text, return_tensors="pt"), max_new_tokens=8, do_sample=False)
    expected = tokenizer.decode(whole[0], skip_special_tokens=True)
    assert "".join(stream(loaded, text, 8)) == expected


@pytest.mark.parametrize("stack", ["encoder", "decoder", "cross"])
def test_a_head_switched_off_is_one_whose_output_is_nought(loaded: AttentionModel, stack: str):
    """As if its columns of the output projection were."""
    given: dict[str, Any] = {"source": SPELLED, "target": "2018-05"}
    plain = capture(loaded, **given)
    off = capture(loaded, **given, heads_off=models.HeadsOff(((1, 2),), stack))
    copy = tiny("headlight")
    side: Any = copy.encoder if stack == "encoder" else copy.decoder
    attention = side.layers[1].cross_attn if stack == "cross" else side.layers[1].self_attn
    with torch.no_grad():
        attention.o_proj.weight[:, 2 * attention.head_dim : 3 * attention.head_dim] = 0
    expected = capture(wrap(copy, loaded.tokenizer, "copy"), **given)
    torch.testing.assert_close(off.predictions, expected.predictions, atol=1e-6, rtol=0)
    assert (off.predictions - plain.predictions).abs().max() > 1e-4


def test_saved_by_the_engine_and_loaded_again(loaded: AttentionModel, tmp_path: Path):
    models.save(loaded, tmp_path / "kept")
    again = load(tmp_path / "kept", device="cpu")
    run, expected = (capture(model, source=SPELLED, target="2018-05") for model in (again, loaded))
    torch.testing.assert_close(run.predictions, expected.predictions, atol=1e-6, rtol=0)


def test_a_capture_saved_and_opened_again(loaded: AttentionModel, tmp_path: Path):
    run = capture(loaded, source=SPELLED, target="2018-05")
    run.save(tmp_path / "run.npz")
    again = models.Capture.load(tmp_path / "run.npz")
    for stack in loaded.plan.stacks:
        expected = run.pattern(1, 2, stack=stack)
        torch.testing.assert_close(again.pattern(1, 2, stack=stack), expected, atol=1e-6, rtol=0)


def test_a_text_that_is_no_date_is_refused(loaded: AttentionModel):
    with pytest.raises(BadText) as refusal:
        capture(loaded, source="the cat sat on the mat")
    assert_sentence(refusal.value)


def test_heads_are_not_removed_from_two_stacks(loaded: AttentionModel):
    with pytest.raises(UnsupportedModel, match="attends to a second text"):
        models.remove_heads(loaded, [(0, 1)])


def test_sizes_that_do_not_fit_are_refused():
    with pytest.raises(Exception, match="multiple of 7 heads"):
        config(encoder_attention_heads=7)


@pytest.mark.parametrize("stack", ["encoder", "decoder", "cross"])
def test_a_sweep_is_as_with_each_head_off_in_a_run_of_its_own(loaded: AttentionModel, stack: str):
    text = SPELLED
    found = models.sweep(loaded, text, stack=stack)
    given = models.baseline(loaded, text)
    for layer, head in [(0, 0), (1, 2)]:
        off = models.ablate(loaded, given, [(layer, head)], stack=stack)
        expected = off.loss_after - off.loss_before
        assert found.mean[layer, head].item() == pytest.approx(expected, abs=1e-4)
    assert found.mean.abs().max() > 1e-3
