"""What a config says of a model's attention: layers, heads, key/value heads, widths and kind."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal

from transformers import PreTrainedConfig
from transformers.integrations.heterogeneity import AmbiguousGlobalPerLayerAttributeError

from models.architecture import Role, architecture
from models.errors import UnsupportedModel
from models.removal.record import RemovedHeads, removed_heads, unsound

Kind = Literal["mha", "mqa", "gqa", "mla"]
KIND_NAMES: Mapping[Kind, str] = MappingProxyType(
    {
        "mha": "multi-head attention",
        "mqa": "multi-query attention",
        "gqa": "grouped-query attention",
        "mla": "multi-head latent attention",
    }
)


@dataclass(frozen=True, slots=True)
class Geometry:
    """The shape of a model's attention, read from its config, never from its name.

    For an encoder-decoder, the plain fields describe the decoder and the `encoder_` fields the encoder.
    layers: transformer layers, in a hybrid those without attention too. d_head: width of one query and key;
    v_head_dim: width of one value. context: most tokens at once, None where the config sets no bound (T5).
    kind: "mha" (kv_heads == heads), "mqa" (one), "gqa" (between), "mla" (a latent of kv_lora_rank; its
    kv_heads are those after expansion). sliding_window: tokens a windowed layer sees, None without a window.
    kv_lora_ranks: the latent's width in each layer, None where all layers have the same; kv_lora_rank is the largest.
    An MLA without qk_rope_head_dim expands whole keys and turns them by the rotary embedding afterwards.
    heads_per_layer, kv_heads_per_layer: where heads were removed and layers differ, those of each transformer layer, 0 in
    one that has none left; None where all layers are alike. heads and kv_heads are then the largest.
    """

    layers: int
    heads: int
    kv_heads: int
    d_head: int
    d_model: int
    kind: Kind
    context: int | None
    vocab: int
    role: Role
    v_head_dim: int
    encoder_layers: int | None = None
    encoder_heads: int | None = None
    kv_lora_rank: int | None = None
    q_lora_rank: int | None = None
    qk_rope_head_dim: int | None = None
    qk_nope_head_dim: int | None = None
    sliding_window: int | None = None
    kv_lora_ranks: tuple[int, ...] | None = None
    heads_per_layer: tuple[int, ...] | None = None
    kv_heads_per_layer: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("kv_lora_ranks", "heads_per_layer", "kv_heads_per_layer"):
            value = getattr(self, name)
            if value is not None:  # a list, where it was read from JSON
                object.__setattr__(self, name, tuple(value))


def geometry(config: PreTrainedConfig) -> Geometry:
    """The geometry of any transformers text config; UnsupportedModel where it has no attention over text.

    BrokenWeights where a record of removed heads (models.removal) is not sound.
    """
    whole, record = _geometry(config), removed_heads(config)
    return whole if record is None else _less(whole, record)


def _less(whole: Geometry, record: RemovedHeads) -> Geometry:
    """The geometry once the heads of a record are gone; as it is where the config counts without them already."""
    counts = tuple(map(len, record.kept))
    kv_counts = tuple(len(record.kv_kept(layer)) for layer in range(len(counts)))
    told = (whole.heads, whole.kv_heads)
    if len(counts) != whole.layers or told not in (
        (record.heads, record.kv_heads),
        (counts[0], kv_counts[0]),
    ):
        raise unsound(
            f"it is of {len(counts)} layers with {record.heads} heads and {record.kv_heads} key/value heads, but the config of "
            f"{whole.layers} with {whole.heads} and {whole.kv_heads}"
        )
    if told != (record.heads, record.kv_heads):
        even = all(map(record.even, range(len(counts))))
        if len({*zip(counts, kv_counts, strict=True)}) > 1 or not even:
            raise unsound("its layers or groups differ, but the config has one number of heads for all")
        return whole
    alike = len(set(counts)) == 1 and len(set(kv_counts)) == 1
    return replace(
        whole,
        heads=max(counts),
        kv_heads=max(kv_counts),
        kind=whole.kind if whole.kind == "mla" else _kind_of_layers(counts, kv_counts),
        heads_per_layer=None if alike else counts,
        kv_heads_per_layer=None if alike else kv_counts,
    )


def _kind_of_layers(counts: tuple[int, ...], kv_counts: tuple[int, ...]) -> Kind:
    if counts == kv_counts:
        return "mha"
    return "mqa" if max(kv_counts) == 1 else "gqa"


def _geometry(config: PreTrainedConfig) -> Geometry:
    role = architecture(config).role
    side = _side(config, "decoder") if role == "encoder-decoder" else _text(config)
    encoder = _side(config, "encoder") if role == "encoder-decoder" else None
    prefix = "decoder" if encoder is not None else ""
    heads = _heads(side, prefix)
    d_model = _width(side)
    rank = _number(side, "kv_lora_rank")
    split = rank is not None and _split_key(side) > 0
    kv_heads = heads if split else _kv_heads(side, heads)
    d_head = _split_key(side) if split else _d_head(side, heads, d_model)
    return Geometry(
        layers=_layers(side, prefix),
        heads=heads,
        kv_heads=kv_heads,
        d_head=d_head,
        d_model=d_model,
        kind=_kind(heads, kv_heads, rank),
        context=_number(side, "max_position_embeddings", "max_seq_len", "max_target_positions"),
        vocab=_number(side, "vocab_size", "tgt_vocab_size") or _number(config, "vocab_size") or 0,
        role=role,
        v_head_dim=_number(side, "v_head_dim") or d_head,
        encoder_layers=_layers(encoder, "encoder") if encoder is not None else None,
        encoder_heads=_heads(encoder, "encoder") if encoder is not None else None,
        kv_lora_rank=rank,
        q_lora_rank=_number(side, "q_lora_rank"),
        qk_rope_head_dim=_number(side, "qk_rope_head_dim"),
        qk_nope_head_dim=_number(side, "qk_nope_head_dim"),
        sliding_window=_window(side),
        kv_lora_ranks=_ranks(side),
    )


def _number(config: Any, *names: str) -> int | None:
    """The first of these attributes that is a positive whole number; the config follows its attribute map."""
    for name in names:
        value = _read(config, name)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return None


def _read(config: Any, name: str) -> Any:
    """An attribute, or None; where it varies over the layers (Gemma 4), what most layers have."""
    try:
        return getattr(config, name, None)
    except AmbiguousGlobalPerLayerAttributeError:
        values = [getattr(layer, name, None) for layer in config.per_layer_config]
        return Counter(values).most_common(1)[0][0]


def _text(config: PreTrainedConfig) -> Any:
    """A newer config may nest what concerns text; the older ones are flat."""
    nested = getattr(config, "text_config", None)
    return config if nested is None else nested


def _side(config: PreTrainedConfig, side: str) -> Any:
    """One half of an encoder-decoder: a config of its own (T5Gemma, EncoderDecoderModel) or the flat one."""
    nested = getattr(config, side, None)
    return nested if isinstance(nested, PreTrainedConfig) else config


def _heads(config: Any, prefix: str) -> int:
    own = (f"{prefix}_attention_heads", f"num_{prefix}_attention_heads") if prefix else ()
    heads = _number(config, *own, "num_attention_heads")
    if heads is None:
        raise UnsupportedModel(
            f"“{config.model_type}” has no attention heads to show: its config sets no num_attention_heads, "
            "as with Mamba or RWKV; choose a model with attention."
        )
    return heads // _convolution_share(config)


def _convolution_share(config: Any) -> int:
    """ConvBERT gives all but one in `head_ratio` heads to convolutions, and narrows what is left likewise."""
    return _number(config, "head_ratio") or 1


def _layers(config: Any, prefix: str) -> int:
    own = (f"{prefix}_layers", f"num_{prefix}_layers") if prefix else ()
    layers = _number(config, *own, "num_hidden_layers", "num_layers")
    if layers is None:
        raise UnsupportedModel(
            f"The config of “{config.model_type}” does not say how many layers the model has."
        )
    return layers


def _width(config: Any) -> int:
    width = _number(config, "true_hidden_size", "hidden_size")  # MobileBERT attends in its narrow inner width
    if width is None:
        raise UnsupportedModel(f"The config of “{config.model_type}” does not say how wide the model is.")
    return width


def _kv_heads(config: Any, heads: int) -> int:
    """Key/value heads; Falcon and GPT-BigCode say it with flags, DBRX and MPT in a nested config."""
    if getattr(config, "new_decoder_architecture", False):
        return _number(config, "num_kv_heads") or heads
    multi_query = getattr(config, "multi_query", None)
    if multi_query is not None:
        return 1 if multi_query else heads
    nested = _number(getattr(config, "attn_config", None), "kv_n_heads")
    return nested or _number(config, "num_key_value_heads") or heads


def _split_key(config: Any) -> int:
    """Width of a key that has a content and a rotary part of its own, as in DeepSeek's MLA; 0 where keys are of one piece.

    `head_dim` of such a config is the rotary part alone, for the rotary embedding's sake.
    """
    return (_number(config, "qk_nope_head_dim") or 0) + (_number(config, "qk_rope_head_dim") or 0)


def _ranks(config: Any) -> tuple[int, ...] | None:
    ranks = getattr(config, "kv_lora_ranks", None)
    return tuple(ranks) if ranks and len(set(ranks)) > 1 else None


def _d_head(config: Any, heads: int, d_model: int) -> int:
    named = _number(
        config, "head_dim", "d_kv", "attention_head_dim", "d_head", "dim_head", "attention_head_size"
    )
    return named or d_model // (heads * _convolution_share(config))


def _kind(heads: int, kv_heads: int, rank: int | None) -> Kind:
    if rank is not None:
        return "mla"
    if kv_heads == heads:
        return "mha"
    return "mqa" if kv_heads == 1 else "gqa"


def _window(config: Any) -> int | None:
    if getattr(config, "use_sliding_window", True) is False:
        return None
    return _number(config, "sliding_window", "local_attention", "window_size")
