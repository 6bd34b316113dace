"""Decoders of the zoo whose attention goes through transformers' registry."""

from typing import Any

from tests.models.zoo import VOCABULARY, Row

SIZES: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 48,
    "intermediate_size": 56,
    "num_hidden_layers": 3,
}
SPECIAL: dict[str, Any] = {
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "tie_word_embeddings": False,
}
LLAMA: dict[str, Any] = (
    SIZES
    | SPECIAL
    | {"num_attention_heads": 6, "num_key_value_heads": 2, "head_dim": 10}
    | {"max_position_embeddings": 64}
)
GPT2: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "n_embd": 48,
    "n_layer": 3,
    "n_head": 6,
    "n_positions": 64,
    "n_inner": 56,
}
MLA: dict[str, Any] = LLAMA | {
    "num_key_value_heads": 6,
    "moe_intermediate_size": 24,
    "kv_lora_rank": 20,
    "q_lora_rank": 28,
    "qk_rope_head_dim": 6,
    "qk_nope_head_dim": 10,
    "v_head_dim": 14,
    "head_dim": 6,
    "first_k_dense_replace": 1,
    "n_routed_experts": 4,
    "num_experts_per_tok": 2,
    "n_group": 1,
    "topk_group": 1,
    "n_shared_experts": 1,
}
EXPERTS: dict[str, Any] = {
    "num_experts": 4,
    "num_local_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 24,
}
SLIDING: dict[str, Any] = {
    "sliding_window": 5,
    "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
}


def row(
    name: str, base: dict = LLAMA, kind: str = "", heads: tuple = (6, 6, 6), gain: float = 1.6, **own: Any
) -> Row:
    kind = kind or name.partition(" ")[0]
    return Row(name, kind, "causal", base | own, {"decoder": list(heads)}, gain=gain)


def narrow(name: str, **own: Any) -> Row:
    """Classes that work out the size of a head from the width: 60 / 6 gives 10 again."""
    return row(name, {key: value for key, value in LLAMA.items() if key != "head_dim"}, hidden_size=60, **own)


GPT_LIKE = [
    row("gpt2", GPT2),
    row("gpt2 inverse layer", GPT2, gain=2.2, scale_attn_by_inverse_layer_idx=True),
    row("gpt2 upcast", GPT2, gain=2.2, scale_attn_by_inverse_layer_idx=True, reorder_and_upcast_attn=True),
    row("gpt2 unscaled", GPT2, gain=1.2, scale_attn_weights=False),
    row("gpt_bigcode mqa", GPT2, multi_query=True),
    row("gpt_bigcode mha", GPT2, multi_query=False),
    row("gpt_neox", SIZES, num_attention_heads=6, max_position_embeddings=64, rotary_pct=0.5),
    row("opt", SIZES, num_attention_heads=6, ffn_dim=56, word_embed_proj_dim=48, max_position_embeddings=64),
    row("biogpt", SIZES, num_attention_heads=6, max_position_embeddings=64),
    row(
        "ctrl",
        {"vocab_size": VOCABULARY, "n_positions": 64, "n_embd": 48, "dff": 56, "n_layer": 3, "n_head": 6},
    ),
    row("bert decoder", SIZES, heads=(4, 4, 4), num_attention_heads=4, is_decoder=True),
    narrow("phi", partial_rotary_factor=0.4, num_key_value_heads=3),
    narrow("stablelm", partial_rotary_factor=0.4),
    narrow("persimmon", num_key_value_heads=6, partial_rotary_factor=0.4),
]
LLAMA_LIKE = [
    row("llama mha", num_key_value_heads=6),
    row("llama gqa"),
    row("llama mqa", num_key_value_heads=1),
    row("mistral", sliding_window=5),
    row("mixtral", sliding_window=5, **EXPERTS),
    row("ministral", **SLIDING),
    row("ministral3"),
    row("qwen2", use_sliding_window=True, sliding_window=5, max_window_layers=1),
    row("qwen2_moe", shared_expert_intermediate_size=24, **EXPERTS),
    row("qwen3"),
    row("qwen3_moe", **EXPERTS),
    row("gemma"),
    row("gemma2", sliding_window=5, attn_logit_softcapping=3.0, query_pre_attn_scalar=7),
    row("gemma3_text", query_pre_attn_scalar=7, **SLIDING),
    row(
        "gemma3n_text",
        num_kv_shared_layers=1,
        vocab_size_per_layer_input=VOCABULARY,
        hidden_size_per_layer_input=8,
        activation_sparsity_pattern=[0.0] * 3,
        laurel_rank=4,
        **{**SLIDING, "intermediate_size": [56] * 3},
    ),
    row(
        "gemma4_text",
        global_head_dim=12,
        vocab_size_per_layer_input=VOCABULARY,
        hidden_size_per_layer_input=8,
        num_kv_shared_layers=0,
        **SLIDING,
    ),
    row("vaultgemma", sliding_window=5, attn_logit_softcapping=3.0, query_pre_attn_scalar=7),
    row("phi3", sliding_window=5),
    row("phimoe", num_local_experts=4, num_experts_per_tok=2),
    row("olmo"),
    row("olmo2"),
    row("olmo3", **SLIDING),
    narrow("olmoe", num_experts=4, num_experts_per_tok=2),
    row("gpt_oss", num_local_experts=4, num_experts_per_tok=2, sliding_window=5),
    row("granite_swa", sliding_window=5, gain=1.2),
    row("flint", sliding_window=5),
    row(
        "mimo_v2_flash",
        num_key_value_heads=3,
        v_head_dim=14,
        n_routed_experts=4,
        mlp_layer_types=["dense", "sparse", "dense"],
        **SLIDING,
        **EXPERTS,
    ),
    row("starcoder2", sliding_window=5),
    row("granite", attention_multiplier=0.5),
    row("granitemoe", attention_multiplier=0.5, num_local_experts=4, num_experts_per_tok=2),
    row("cohere"),
    row("cohere2", **SLIDING),
    row("smollm3", no_rope_layers=[1, 0, 1]),
    row("glm", head_dim=12, partial_rotary_factor=0.5),
    row("glm4", head_dim=12, partial_rotary_factor=0.5),
    row(
        "glm4_moe",
        head_dim=12,
        partial_rotary_factor=0.5,
        n_routed_experts=4,
        n_group=1,
        topk_group=1,
        **EXPERTS,
    ),
    row("helium", hidden_size=60),
    row("nemotron", head_dim=12, partial_rotary_factor=0.5, gain=1.1),
    row("diffllama", heads=(8, 8, 8), num_attention_heads=8),
    row("arcee"),
    row("apertus"),
    narrow("bitnet"),
    row("ernie4_5"),
    row("exaone4", sliding_window_pattern=2, **SLIDING),
    row("seed_oss"),
    row(
        "dbrx",
        {"d_model": 48, "n_heads": 6, "n_layers": 3, "max_seq_len": 64, "vocab_size": VOCABULARY},
        attn_config={"kv_n_heads": 2, "clip_qkv": 8.0, "rope_theta": 1e4},
        ffn_config={"ffn_hidden_size": 56, "moe_num_experts": 4, "moe_top_k": 2, "hidden_size": 48},
    ),
    row("jetmoe", num_key_value_heads=3, kv_channels=8, num_local_experts=4, num_experts_per_tok=2),
    row("minimax_m2", **EXPERTS),
    row(
        "minimax_m3_vl_text",
        layer_types=["minimax_m3_sparse", "full_attention", "minimax_m3_sparse"],
        index_block_size=2,
        index_topk_blocks=2,
        index_n_heads=2,
        index_head_dim=12,
        head_dim=12,
        **EXPERTS,
    ),
    row("afmoe", sliding_window=5, **EXPERTS),
    row("nanochat"),
    row("doge"),
    row("hrm_text", heads=(6,) * 24),
    row("llama4_text", attention_chunk_size=6, no_rope_layers=[1, 1, 0], intermediate_size_mlp=56, **EXPERTS),
    row(
        "inkling_text",
        swa_num_attention_heads=6,
        swa_num_key_value_heads=3,
        swa_head_dim=10,
        sliding_window_size=5,
        d_rel=4,
        rel_extent=8,
        n_routed_experts=4,
        n_shared_experts=1,
        local_layer_ids=[0],
        **EXPERTS,
    ),
    row("beam"),
    row(
        "modernbert-decoder",
        SIZES | SPECIAL,
        heads=(4, 4, 4),
        num_attention_heads=4,
        local_attention=6,
        global_attn_every_n_layers=3,
        cls_token_id=1,
        sep_token_id=2,
    ),
]

DECODERS = GPT_LIKE + LLAMA_LIKE
