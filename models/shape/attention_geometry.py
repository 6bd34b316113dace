"""What a config says of a model's attention: layers, heads, key/value heads, widths and kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal

from transformers import PreTrainedConfig

from models.errors import UnsupportedModel
from models.shape import config_sizes
from models.shape.architecture import Role, architecture
from models.shape.layer_kinds import Keeps, LayerKind, layer_kinds
from models.shape.removed_heads import RemovedHeads, removed_heads, unsound

Kind = Literal["mha", "mqa", "gqa", "mla"]
KIND_NAMES: Mapping[Kind, str] = MappingProxyType(
    {
        "mha": "multi-head attention",
        "mqa": "multi-query attention",
        "gqa": "grouped-query attention",
        "mla": "multi-head latent attention",
    }
)


Form = Literal["dot product", "none", "additive", "hard", "local", "memory"]
FORM_NAMES: Mapping[Form, str] = MappingProxyType(
    {
        "dot product": "scaled dot-product attention",
        "none": "no attention",
        "additive": "soft (additive) attention",
        "hard": "hard (stochastic) attention",
        "local": "local attention with a predicted centre (local-p)",
        "memory": "attention over a memory, in hops",
    }
)

MOST_LAYERS = 4096  # a number beyond is a slip or a trick, and each layer is looked at by itself
_PER_LAYER: Mapping[str, str] = MappingProxyType(
    {
        "heads": "heads_per_layer",
        "kv_heads": "kv_heads_per_layer",
        "d_head": "d_head_per_layer",
        "v_head_dim": "v_head_dim_per_layer",
        "kv_lora_rank": "kv_lora_ranks",
        "sliding_window": "sliding_window_per_layer",
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
    An MLA without qk_rope_head_dim expands whole keys and turns them by the rotary embedding afterwards.

    Where layers differ, the plain fields are the largest, and the `_per_layer` fields (kv_lora_ranks for the latents) are
    those of each layer; None where all layers are alike. heads_per_layer: 0 in a layer that has lost all its heads.
    sliding_window_per_layer: None for a layer without one. keeps_per_layer: what each keeps of the past; None where all keep
    keys and values of every token, or of every token in their window. index_head_dim: of the key that a sparse
    attention's index keeps beside the others.
    form: how a query finds its keys; `kind` says which heads share them. All but the dot product have a head to themselves and
    are the attention between a text and what is written of it, or between a question and a memory; what they keep of a
    text is no key/value cache.
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
    d_head_per_layer: tuple[int, ...] | None = None
    v_head_dim_per_layer: tuple[int, ...] | None = None
    sliding_window_per_layer: tuple[int | None, ...] | None = None
    keeps_per_layer: tuple[Keeps, ...] | None = None
    index_head_dim: int | None = None
    form: Form = "dot product"

    def __post_init__(self) -> None:
        for name in (*_PER_LAYER.values(), "keeps_per_layer"):
            value = getattr(self, name)
            if value is None:
                continue
            if len(value) != self.layers:
                raise ValueError(f"{name} should be of {self.layers} layers, but {len(value)} came")
            object.__setattr__(self, name, tuple(value))  # a list, where it was read from JSON

    @property
    def each_layer(self) -> tuple[Geometry, ...]:
        """Every layer by itself, as a geometry of one layer."""
        lists = {name: getattr(self, many) for name, many in _PER_LAYER.items()}
        varying = {name: listed for name, listed in lists.items() if listed is not None}
        keeps = self.keeps_per_layer
        alone = replace(self, layers=1, keeps_per_layer=None, **dict.fromkeys(_PER_LAYER.values()))
        if not varying and keeps is None:
            return (alone,) * self.layers
        return tuple(
            replace(
                alone,
                keeps_per_layer=None if keeps is None else (keeps[place],),
                **{name: listed[place] for name, listed in varying.items()},
            )
            for place in range(self.layers)
        )

    def with_layers(self, ones: Sequence[Geometry]) -> Geometry:
        """This geometry with these layers, each given as a geometry of one layer; the inverse of `each_layer`."""
        changed: dict[str, Any] = {}
        for name, many in _PER_LAYER.items():
            listed = tuple(getattr(one, name) for one in ones)
            changed[name] = max((size for size in listed if size is not None), default=getattr(self, name))
            changed[many] = None if set(listed) == {changed[name]} else listed
        keeps = tuple("everything" if one.keeps_per_layer is None else one.keeps_per_layer[0] for one in ones)
        plain = {*keeps} <= {"everything", "window"}
        return replace(self, layers=len(ones), keeps_per_layer=None if plain else keeps, **changed)


def geometry(config: PreTrainedConfig) -> Geometry:
    """The geometry of any transformers text config; UnsupportedModel where it has no attention over text.

    BrokenWeights where a record of removed heads (models.removal) is not sound.
    """
    whole, record = _geometry(config), removed_heads(config)
    return whole if record is None else _less(whole, record)


def demand_few_layers(layers: int) -> None:
    """Raise UnsupportedModel for a number of layers that is a slip or a trick."""
    if layers > MOST_LAYERS:
        raise UnsupportedModel(
            f"The config has {layers:,} layers, and more than {MOST_LAYERS:,} are not worked out; check num_hidden_layers."
        )


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
    ones = [
        replace(one, heads=heads, kv_heads=kv_heads)
        for one, heads, kv_heads in zip(whole.each_layer, counts, kv_counts, strict=True)
    ]
    kind = whole.kind if whole.kind == "mla" else _kind_of_layers(counts, kv_counts)
    return replace(whole.with_layers(ones), kind=kind)


def _kind_of_layers(counts: tuple[int, ...], kv_counts: tuple[int, ...]) -> Kind:
    if counts == kv_counts:
        return "mha"
    return "mqa" if max(kv_counts) == 1 else "gqa"


def _geometry(config: PreTrainedConfig) -> Geometry:
    role = architecture(config).role
    both = role == "encoder-decoder"
    side = config_sizes.side_of(config, "decoder") if both else config_sizes.text_of(config)
    form: Form = getattr(type(config), "attention_form", "dot product")  # never what a config.json says
    attends = both and form == "dot product"  # recurrent encoders do not
    encoder = config_sizes.side_of(config, "encoder") if attends else None
    prefix, layers = ("decoder" if both else ""), config_sizes.count_layers(side, "decoder" if both else "")
    demand_few_layers(layers)
    rank = config_sizes.number(side, "kv_lora_rank")
    sizes = _sizes(side, prefix)
    whole = Geometry(
        layers=layers,
        **sizes,
        d_model=config_sizes.width_of(side),
        kind=_kind(sizes["heads"], sizes["kv_heads"], rank),
        context=config_sizes.number(side, "max_position_embeddings", "max_seq_len", "max_target_positions"),
        vocab=config_sizes.number(side, "vocab_size", "tgt_vocab_size")
        or config_sizes.number(config, "vocab_size")
        or 0,
        role=role,
        encoder_layers=config_sizes.count_layers(encoder, "encoder") if encoder is not None else None,
        encoder_heads=config_sizes.count_heads(encoder, "encoder") if encoder is not None else None,
        kv_lora_rank=rank,
        q_lora_rank=config_sizes.number(side, "q_lora_rank"),
        qk_rope_head_dim=config_sizes.number(side, "qk_rope_head_dim"),
        qk_nope_head_dim=config_sizes.number(side, "qk_nope_head_dim"),
        sliding_window=config_sizes.window_of(side),
        kv_lora_ranks=config_sizes.latent_ranks(side),
        index_head_dim=config_sizes.number(side, "index_head_dim"),
        form=form,
    )
    # One config for encoder and decoder (T5, BART) says nothing of windows in its decoder.
    return replace(whole, sliding_window=None) if both and side is config else _in_layers(whole, side)


def _sizes(side: Any, prefix: str = "") -> dict[str, Any]:
    """Of one layer's attention: heads, kv_heads, d_head, v_head_dim."""
    heads = config_sizes.count_heads(side, prefix)
    latent, split = config_sizes.number(side, "kv_lora_rank") is not None, config_sizes.split_key(side)
    whole_keys = not (latent and split)
    d_head = config_sizes.head_width(side, heads, config_sizes.width_of(side)) if whole_keys else split
    return {
        "heads": heads,
        "kv_heads": config_sizes.count_kv_heads(side, heads) if whole_keys else heads,
        "d_head": d_head,
        "v_head_dim": config_sizes.number(side, "v_head_dim") or d_head,
    }


def _in_layers(whole: Geometry, side: PreTrainedConfig) -> Geometry:
    """The geometry with what its config says of single layers."""
    kinds = layer_kinds(side, whole.layers, latent=whole.kind == "mla")
    if kinds is None:
        unknown = ("unknown",) * whole.layers
        return whole if whole.role == "encoder" else replace(whole, keeps_per_layer=unknown)
    ones = [_one(each, kind, side) for each, kind in zip(whole.each_layer, kinds, strict=True)]
    made = whole.with_layers(ones)
    differ = made.heads_per_layer is not None or made.kv_heads_per_layer is not None
    if whole.kind == "mla" or not differ:
        return made
    attending = made.each_layer
    counts = tuple(one.heads for one in attending), tuple(one.kv_heads for one in attending)
    return replace(made, kind=_kind_of_layers(*counts))


def _one(each: Geometry, kind: LayerKind, side: PreTrainedConfig) -> Geometry:
    own = {} if kind.config is side else _own_sizes(kind.config)
    return replace(each, **{**own, **kind.sizes}, sliding_window=kind.window, keeps_per_layer=(kind.keeps,))


def _own_sizes(config: PreTrainedConfig) -> dict[str, Any]:
    try:
        return _sizes(config)
    except UnsupportedModel:  # a layer's part of a config is not always a whole one
        return {}


def _kind(heads: int, kv_heads: int, rank: int | None) -> Kind:
    if rank is not None:
        return "mla"
    if kv_heads == heads:
        return "mha"
    return "mqa" if kv_heads == 1 else "gqa"
