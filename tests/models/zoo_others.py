"""Classes of the zoo that compute attention on their own, and those that must be refused."""

from dataclasses import replace
from typing import Any

from tests.models.zoo import VOCABULARY, Row
from tests.models.zoo_decoders import GPT2, LLAMA, SIZES, row
from tests.models.zoo_encoders import encoder, pair

XLM: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "emb_dim": 48,
    "n_layers": 3,
    "n_heads": 4,
    "max_position_embeddings": 64,
}
RELATIVE: dict[str, Any] = {
    "relative_attention": True,
    "pos_att_type": ["c2p", "p2c"],
    "max_relative_positions": 16,
}
BLOOM: dict[str, Any] = {"vocab_size": VOCABULARY, "hidden_size": 48, "n_layer": 3, "n_head": 6}

GPT_NEO: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 48,
    "num_layers": 2,
    "num_heads": 6,
    "attention_types": [[["global", "local"], 1]],
    "window_size": 5,
    "max_position_embeddings": 64,
    "intermediate_size": 56,
}
XGLM: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "d_model": 48,
    "ffn_dim": 56,
    "num_layers": 3,
    "attention_heads": 6,
}
PROPHETNET: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 48,
    "encoder_ffn_dim": 56,
    "num_encoder_layers": 2,
    "num_encoder_attention_heads": 4,
    "decoder_ffn_dim": 56,
    "num_decoder_layers": 3,
    "num_decoder_attention_heads": 6,
    "max_position_embeddings": 64,
}


def bidirectional(made: Row) -> Row:
    """A class that stands among the causal ones and looks both ways all the same."""
    return replace(made, stacks={"encoder": made.stacks["decoder"]})


OWN = [
    row("falcon", SIZES, num_attention_heads=6, alibi=False),
    row("falcon alibi", SIZES, num_attention_heads=6, alibi=True, multi_query=False),
    row("bloom", BLOOM),
    row("gptj", GPT2, rotary_dim=4),
    row("gpt_neo", GPT_NEO, heads=(6, 6), gain=1.0),
    row("codegen", GPT2, heads=(8, 8, 8), n_head=8, n_embd=64, rotary_dim=4),
    row("openai-gpt", {key: value for key, value in GPT2.items() if key != "n_inner"}),
    row("mpt", {"vocab_size": VOCABULARY, "d_model": 48, "n_heads": 6, "n_layers": 3, "max_seq_len": 64}),
    row("xglm", XGLM, max_position_embeddings=64),
    row("gpt_neox_japanese", SIZES, num_attention_heads=6, intermediate_multiple_size=2),
    bidirectional(
        row(
            "xlnet",
            {"vocab_size": VOCABULARY, "d_model": 48, "n_layer": 3, "n_head": 6, "d_inner": 56},
            gain=1.0,
        )
    ),
    encoder("mpnet", pad_token_id=1),
    encoder("deberta", **RELATIVE),
    encoder("deberta-v2", position_buckets=8, share_att_key=True, **RELATIVE),
    encoder("roformer", embedding_size=20, gain=1.0),
    encoder("rembert", input_embedding_size=20, output_embedding_size=24, gain=1.3),
    encoder("big_bird", attention_type="original_full"),
    encoder("megatron-bert"),
    encoder("ibert", pad_token_id=1),
    encoder("luke", entity_vocab_size=10, entity_emb_size=12, pad_token_id=1),
    encoder("xlm", XLM),
    encoder("flaubert", XLM),
    pair("led", encoder_heads=0, attention_window=6, max_encoder_position_embeddings=64),
    pair("mvp"),
    pair(
        "fsmt",
        langs=["en", "de"],
        src_vocab_size=VOCABULARY,
        tgt_vocab_size=VOCABULARY,
        scale_embedding=False,
    ),
]
OWN_ATTENTION = [replace(made, route="eager") for made in OWN]

TINY: dict[str, Any] = {"vocab_size": VOCABULARY, "hidden_size": 48, "num_hidden_layers": 2}
T5GEMMA2: dict[str, Any] = {
    "text_config": LLAMA
    | {"sliding_window": 5, "num_hidden_layers": 2, "layer_types": ["full_attention"] * 2},
    "vision_config": {
        "hidden_size": 8,
        "intermediate_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "image_size": 8,
        "patch_size": 4,
    },
}
DEEPSEEK_V4: dict[str, Any] = LLAMA | {
    "num_key_value_heads": 1,
    "head_dim": 16,
    "sliding_window": 5,
    "o_groups": 2,
    "o_lora_rank": 20,
    "q_lora_rank": 28,
    "moe_intermediate_size": 24,
    "num_experts_per_tok": 2,
    "n_routed_experts": 4,
    "index_n_heads": 4,
    "index_head_dim": 16,
    "index_topk": 4,
    "hc_mult": 2,
    "layer_types": ["sliding_attention", "compressed_sparse_attention", "heavily_compressed_attention"],
}
# Why each cannot be shown: no attention; a state or scores in the place of weights; bands, blocks or pooled positions in
# the place of [query, key]; keys that are no tokens.
WITHOUT = [
    row("mamba", TINY, state_size=4),
    row("rwkv", TINY, attention_hidden_size=48, intermediate_size=56),
    encoder("fnet"),
    encoder("squeezebert", embedding_size=48),
    encoder("yoso"),
    encoder("longformer", attention_window=4, pad_token_id=1),
    encoder(
        "funnel",
        {"vocab_size": VOCABULARY, "d_model": 48, "n_head": 4, "d_head": 10, "d_inner": 56},
        block_sizes=[1, 1],
    ),
    row("deepseek_v4", DEEPSEEK_V4),
    pair(
        "t5gemma2",
        {
            "encoder": T5GEMMA2,
            "decoder": LLAMA | {"sliding_window": 5, "layer_types": ["full_attention"] * 3},
        },
    ),
]
VISION: dict[str, Any] = {
    "hidden_size": 48,
    "intermediate_size": 56,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
}
WHISPER: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "d_model": 48,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "pad_token_id": 0,
}
OTHER_SENSES = [
    Row("vit", "vit", "bare", VISION | {"image_size": 8, "patch_size": 4}),
    Row(
        "clip", "clip", "bare", {"text_config": VISION | {"vocab_size": VOCABULARY}, "vision_config": VISION}
    ),
    Row("whisper", "whisper", "bare", WHISPER | {"encoder_attention_heads": 4, "decoder_attention_heads": 4}),
]
REFUSED = [replace(made, route="refused", stacks={}) for made in WITHOUT + OTHER_SENSES]
