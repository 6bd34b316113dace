"""Encoders and encoder-decoders of the zoo whose attention goes through transformers' registry."""

from typing import Any

from tests.models.zoo import VOCABULARY, Row
from tests.models.zoo_decoders import LLAMA, SIZES

BERT: dict[str, Any] = SIZES | {"num_attention_heads": 4, "max_position_embeddings": 64, "pad_token_id": 0}
BART: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "d_model": 48,
    "encoder_layers": 2,
    "decoder_layers": 3,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 6,
    "encoder_ffn_dim": 56,
    "decoder_ffn_dim": 40,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 2,
}
T5: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "d_model": 48,
    "d_kv": 10,
    "d_ff": 56,
    "num_layers": 2,
    "num_decoder_layers": 3,
    "num_heads": 6,
    "relative_attention_num_buckets": 8,
    "relative_attention_max_distance": 20,
    "pad_token_id": 0,
    "eos_token_id": 1,
    "decoder_start_token_id": 0,
}
GEMMA: dict[str, Any] = LLAMA | {
    "sliding_window": 5,
    "attn_logit_softcapping": 3.0,
    "query_pre_attn_scalar": 7,
}
LOCAL: dict[str, Any] = {"local_attention": 6, "global_attn_every_n_layers": 3}


def encoder(name: str, base: dict = BERT, heads: tuple = (4, 4, 4), gain: float = 1.6, **own: Any) -> Row:
    return Row(name, name.partition(" ")[0], "masked", base | own, {"encoder": list(heads)}, gain=gain)


def pair(name: str, base: dict = BART, encoder_heads: int = 4, gain: float = 1.6, **own: Any) -> Row:
    """2 encoder and 3 decoder layers of 6 heads; an encoder whose attention is its own has 0 heads to be seen."""
    stacks = {"encoder": [encoder_heads] * 2, "decoder": [6] * 3, "cross": [6] * 3}
    if not encoder_heads:
        del stacks["encoder"]
    return Row(name, name.partition(" ")[0], "seq2seq", base | own, stacks, gain=gain)


ENCODERS = [
    encoder("bert"),
    encoder("roberta", pad_token_id=1),
    encoder("roberta-prelayernorm", pad_token_id=1),
    encoder("xlm-roberta", pad_token_id=1),
    encoder("xlm-roberta-xl", pad_token_id=1),
    encoder("xmod", pad_token_id=1, languages=["en_XX"], default_language="en_XX"),
    encoder("camembert", pad_token_id=1),
    encoder("data2vec-text", pad_token_id=1),
    encoder(
        "distilbert",
        {"vocab_size": VOCABULARY, "dim": 48, "hidden_dim": 56, "n_layers": 3, "n_heads": 4},
        max_position_embeddings=64,
    ),
    encoder("electra", embedding_size=20),
    encoder("albert", embedding_size=20),
    encoder(
        "albert two groups",
        heads=(4,) * 4,
        embedding_size=20,
        num_hidden_layers=4,
        num_hidden_groups=2,
    ),
    encoder("ernie"),
    encoder("mobilebert", embedding_size=20, intra_bottleneck_size=24, num_feedforward_networks=1, gain=0.8),
    encoder("modernbert", bos_token_id=1, eos_token_id=2, cls_token_id=1, sep_token_id=2, **LOCAL),
    encoder("roc_bert", enable_pronunciation=False, enable_shape=False, concat_input=False),
    encoder("esm", mask_token_id=3, position_embedding_type="rotary"),
    encoder("nomic_bert"),
    encoder("eurobert", LLAMA, heads=(6, 6, 6)),
    encoder("gte"),
    encoder("jina_embeddings_v3"),
]
PAIRS = [
    pair("t5", T5, 6, gain=1.0),
    pair("t5 gated", T5, 6, gain=1.0, feed_forward_proj="gated-gelu", tie_word_embeddings=False),
    pair("mt5", T5, 6, gain=1.0),
    pair("umt5", T5, 6, gain=1.0),
    pair(
        "switch_transformers",
        T5,
        6,
        gain=1.0,
        num_experts=2,
        num_sparse_encoder_layers=1,
        num_sparse_decoder_layers=1,
    ),
    pair("longt5", T5, 0, gain=1.0, local_radius=3),
    pair("bart"),
    pair("mbart"),
    pair("marian"),
    pair("pegasus"),
    pair("m2m_100"),
    pair("plbart"),
    pair("blenderbot"),
    pair("blenderbot-small"),
    pair("nllb-moe", num_experts=4, expert_capacity=16, encoder_sparse_step=2, decoder_sparse_step=2),
    pair("pegasus_x", encoder_heads=0, block_size=4, num_global_tokens=2),
    pair("bigbird_pegasus", encoder_heads=0, attention_type="original_full"),
    pair(
        "t5gemma", {"encoder": GEMMA | {"num_hidden_layers": 2}, "decoder": GEMMA}, 6, vocab_size=VOCABULARY
    ),
]
