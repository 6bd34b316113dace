"""GGUF files: converted once, to the same numbers."""

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from models.errors import BrokenWeights, UnsupportedModel
from models.loading.gguf_conversion import split_digits
from models.loading.loader import load
from models.run.model import demand_tokenizer
from tests import tiny_models
from tests.sentences import assert_sentence

NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}


def interleave(weight: np.ndarray, heads: int) -> np.ndarray:
    """llama.cpp keeps the two halves of a rotary pair side by side, transformers in two blocks."""
    shape = weight.shape
    return weight.reshape(heads, 2, shape[0] // heads // 2, shape[1]).swapaxes(1, 2).reshape(shape)


def write_gguf(model: LlamaForCausalLM, path: Path, architecture: str = "llama", skip: str = "") -> Path:
    """A Llama as llama.cpp would write it, in float32."""
    config: Any = model.config
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    add_tokenizer(writer, tiny_models.byte_level_tokenizer())
    for name, weight in model.state_dict().items():
        array = weight.numpy()
        if name == skip:
            continue
        if name.startswith("model.layers."):
            layer, inner = name.removeprefix("model.layers.").split(".", 1)
            inner = inner.removesuffix(".weight")
            if inner == "self_attn.q_proj":
                array = interleave(array, config.num_attention_heads)
            if inner == "self_attn.k_proj":
                array = interleave(array, config.num_key_value_heads)
            name = f"blk.{layer}.{NAMES[inner]}.weight"
        outer = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
        for theirs, ours in outer.items():
            name = name.replace(f"{theirs}.", f"{ours}.")
        writer.add_tensor(name, np.ascontiguousarray(array))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def add_tokenizer(writer: gguf.GGUFWriter, tokenizer: PreTrainedTokenizerFast) -> None:
    algorithm = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    tokens = sorted(algorithm["vocab"], key=algorithm["vocab"].__getitem__)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token == "<|end|>" else 1 for token in tokens])
    writer.add_token_merges(
        [pair if isinstance(pair, str) else " ".join(pair) for pair in algorithm["merges"]]
    )
    for add in (writer.add_bos_token_id, writer.add_eos_token_id, writer.add_pad_token_id):
        add(0)


@pytest.fixture(scope="module")
def original(tiny_llama: Path) -> LlamaForCausalLM:
    return LlamaForCausalLM.from_pretrained(tiny_llama)


def test_a_gguf_gives_the_logits_of_what_it_was_made_of(
    own_cache: Path, original: LlamaForCausalLM, tmp_path: Path
):
    model = load(str(write_gguf(original, tmp_path / "tiny.gguf")), device="cpu")
    ids = torch.arange(29).unsqueeze(0)
    with torch.no_grad():
        ours, theirs = model.module(ids).logits, original(ids).logits
    torch.testing.assert_close(ours, theirs, atol=1e-5 * theirs.abs().max().item(), rtol=0)
    text = "When Mary went, 12 cats"
    assert demand_tokenizer(model).decode(demand_tokenizer(model)(text)["input_ids"]) == text


def test_a_folder_with_one_gguf_is_converted_once_and_again_when_it_changes(
    own_cache: Path, original: LlamaForCausalLM, tmp_path: Path
):
    folder = tmp_path / "folder"
    folder.mkdir()
    write_gguf(original, folder / "tiny.gguf")
    cached = own_cache / "models"
    for _ in range(2):
        load(str(folder), device="cpu")
        assert len(list(cached.glob("gguf-*.lock"))) == 1
    with torch.no_grad():
        original.model.norm.weight.mul_(2)
        write_gguf(original, folder / "tiny.gguf")
        module = load(str(folder), device="cpu").module
        original.model.norm.weight.div_(2)
    assert len(list(cached.glob("gguf-*.lock"))) == 2
    torch.testing.assert_close(module.get_parameter("model.norm.weight"), torch.full((48,), 2.0))


def test_digits_are_split_one_by_one():
    tokenizer = tiny_models.byte_level_tokenizer().backend_tokenizer
    before = tokenizer.pre_tokenizer.pre_tokenize_str("in 2024")
    split_digits(tokenizer)
    after = [piece for piece, _ in tokenizer.pre_tokenizer.pre_tokenize_str("in 2024")]
    assert [piece for piece, _ in before] == ["in", "Ġ2024"]
    assert after == ["in", "Ġ", "2", "0", "2", "4"]


def test_several_ggufs_in_a_folder_must_be_chosen_from(tmp_path: Path):
    for name in ("a.gguf", "b.gguf"):
        (tmp_path / name).write_bytes(b"GGUF")
    with pytest.raises(UnsupportedModel, match="2 GGUF files") as caught:
        load(str(tmp_path))
    assert_sentence(caught.value)


def test_a_gguf_that_lacks_a_tensor_is_refused(own_cache: Path, original: LlamaForCausalLM, tmp_path: Path):
    path = write_gguf(original, tmp_path / "half.gguf", skip="model.layers.1.mlp.up_proj.weight")
    with pytest.raises(BrokenWeights, match=r"model\.layers\.1\.mlp\.up_proj\.weight") as caught:
        load(str(path))
    assert_sentence(caught.value)


@pytest.mark.parametrize("content", [b"", b"not a model", b"GGUF\x03\x00\x00\x00" + bytes(40)])
def test_a_damaged_gguf_gives_a_sentence(own_cache: Path, tmp_path: Path, content: bytes):
    path = tmp_path / "broken.gguf"
    path.write_bytes(content)
    with pytest.raises(BrokenWeights, match=r"broken\.gguf") as caught:
        load(str(path))
    assert_sentence(caught.value)


def test_an_unknown_gguf_architecture_gives_a_sentence(
    own_cache: Path, original: LlamaForCausalLM, tmp_path: Path
):
    path = write_gguf(original, tmp_path / "odd.gguf", architecture="zebra")
    with pytest.raises(UnsupportedModel, match="zebra") as caught:
        load(str(path))
    assert_sentence(caught.value)
