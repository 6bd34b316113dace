"""Models of any shape with random weights: how long a step takes does not depend on what the weights say."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import torch
from transformers import DeepseekV3Config, LlamaConfig, PreTrainedConfig
from transformers.models.deepseek_v3.modeling_deepseek_v3 import DeepseekV3ForCausalLM
from transformers.models.llama.modeling_llama import LlamaForCausalLM

from models.costs.weights import count_weights, skeleton
from models.errors import BadSelection
from models.free_memory import short_of_memory
from models.loading.loader import wrap
from models.loading.placement import choose_device, choose_dtype
from models.quiet_transformers import quiet_transformers
from models.run.default_dtype import default_dtype_changed
from models.run.model import AttentionModel
from models.shape.attention_geometry import KIND_NAMES, Kind

CONTEXT = 131_072  # no table is as long as this, so it costs nothing
SHARE = 0.6  # of the free memory that weights may take: caches and activations come on top
MOST = 2**20
_DRAWING = threading.Lock()  # transformers draws weights from the random numbers of the whole process
MOST_LAYERS = 256  # each is built before anything is counted, and the largest models have half as many


@dataclass(frozen=True, slots=True)
class RandomShape:
    """Sizes of a decoder. kind: "mha", "gqa" and "mqa" are a Llama, "mla" is a DeepSeek-V3 without experts.

    kv_heads: of "gqa" alone. d_head: of a key and a value, for "mla" of the key's content part. kv_lora_rank,
    qk_rope_head_dim, q_lora_rank (0: queries are not compressed): of "mla" alone. feed_forward: width inside the
    feed-forward part, 0 for 8/3 of d_model.
    """

    kind: Kind
    layers: int
    d_model: int
    heads: int
    d_head: int
    kv_heads: int = 0
    kv_lora_rank: int = 0
    qk_rope_head_dim: int = 0
    q_lora_rank: int = 0
    feed_forward: int = 0
    vocab: int = 4096

    def scaled(self, narrower: int, shorter: int) -> RandomShape:
        """As many heads, each and all else `narrower` times as narrow, `shorter` times fewer layers, rounded up."""

        def less(size: int) -> int:
            return -(-size // narrower)

        return replace(
            self,
            layers=-(-self.layers // shorter),
            d_model=less(self.d_model),
            d_head=less(self.d_head),
            kv_lora_rank=less(self.kv_lora_rank),
            qk_rope_head_dim=less(self.qk_rope_head_dim),
            q_lora_rank=less(self.q_lora_rank),
            feed_forward=less(self.feed_forward),
            vocab=less(self.vocab),
        )


@dataclass(frozen=True, slots=True)
class Preset:
    """A well-known model, scaled down. original: its sizes, from its config; an MoE's feed-forward part is as wide as what one
    token passes. All that is cached shrinks alike, so kinds compare as in the original; heads and layers stay whole."""

    name: str
    original: RandomShape
    narrower: int
    shorter: int

    @property
    def shape(self) -> RandomShape:
        return self.original.scaled(self.narrower, self.shorter)

    @property
    def factor(self) -> str:
        """By how much it is scaled down, in words."""
        if self.narrower == self.shorter == 1:
            return "its own size"
        return (
            f"1/{self.narrower} of every width and {self.shape.layers} of {self.original.layers} layers, "
            f"as many heads ({self.original.heads})"
        )


_DEEPSEEK = {"kv_lora_rank": 512, "qk_rope_head_dim": 64}
PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        preset.name: preset
        for preset in (
            Preset("GPT-2 small", RandomShape("mha", 12, 768, 12, 64, feed_forward=2048, vocab=50257), 1, 1),
            Preset(
                "SmolLM2-135M", RandomShape("gqa", 30, 576, 9, 64, 3, feed_forward=1536, vocab=49152), 1, 1
            ),
            Preset(
                "Llama 2 7B", RandomShape("mha", 32, 4096, 32, 128, feed_forward=11008, vocab=32000), 8, 4
            ),
            Preset(
                "Llama 3 8B", RandomShape("gqa", 32, 4096, 32, 128, 8, feed_forward=14336, vocab=128256), 8, 4
            ),
            Preset("StarCoder", RandomShape("mqa", 40, 6144, 48, 128, feed_forward=24576, vocab=49152), 8, 5),
            Preset(
                "DeepSeek-V2-Lite",
                RandomShape("mla", 27, 2048, 16, 128, feed_forward=11264, vocab=102400, **_DEEPSEEK),
                4,
                3,
            ),
            Preset(
                "DeepSeek-V3",
                RandomShape(
                    "mla", 61, 7168, 128, 128, q_lora_rank=1536, feed_forward=18432, vocab=129280, **_DEEPSEEK
                ),
                8,
                10,
            ),
        )
    }
)


def random_shape(
    shape: RandomShape,
    name: str = "",
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "auto",
    seed: int = 0,
) -> AttentionModel:
    """A model of that shape with random weights and no tokenizer: to be measured, not read.

    device, dtype: as in `models.load`. Its weights are the same for the same seed; the process's own random state stays as it
    was. Raises BadSelection where sizes contradict each other, or the weights would not fit into memory.
    """
    place = choose_device(device)
    number = choose_dtype(dtype, place)
    config = config_of(shape)
    name = name or f"random {shape.kind.upper()}, {shape.layers} x {shape.heads}, {shape.d_model} wide"
    _demand_memory(name, config, place, number)
    kind = DeepseekV3ForCausalLM if shape.kind == "mla" else LlamaForCausalLM
    drawing = torch.random.fork_rng(devices=[place] if place.type == "cuda" else [])
    with quiet_transformers(), _DRAWING, default_dtype_changed(number), drawing, place:
        torch.manual_seed(seed)
        module = kind._from_config(config, dtype=number).requires_grad_(False)
    return wrap(module, name=name)


def config_of(shape: RandomShape) -> PreTrainedConfig:
    """The transformers config of a shape. Raises BadSelection where sizes contradict each other."""
    _demand_sizes(shape)
    shared: dict[str, Any] = {
        "vocab_size": shape.vocab,
        "hidden_size": shape.d_model,
        "intermediate_size": shape.feed_forward or -(-8 * shape.d_model // 3),
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "max_position_embeddings": CONTEXT,
        "bos_token_id": 0,
        "eos_token_id": 0,
    }
    if shape.kind != "mla":
        kv_heads = {"mha": shape.heads, "mqa": 1}.get(shape.kind, shape.kv_heads)
        return LlamaConfig(**shared, num_key_value_heads=kv_heads, head_dim=shape.d_head)
    return DeepseekV3Config(
        **shared,
        num_key_value_heads=shape.heads,
        first_k_dense_replace=shape.layers,
        kv_lora_rank=shape.kv_lora_rank,
        q_lora_rank=shape.q_lora_rank or None,
        qk_rope_head_dim=shape.qk_rope_head_dim,
        qk_nope_head_dim=shape.d_head,
        v_head_dim=shape.d_head,
    )


def _demand_sizes(shape: RandomShape) -> None:
    """Raise BadSelection where there is no such model."""
    if shape.kind not in KIND_NAMES:
        raise BadSelection(f"There is no kind of attention “{shape.kind}”; choose {', '.join(KIND_NAMES)}.")
    needed = {"layers": shape.layers, "d_model": shape.d_model, "heads": shape.heads, "d_head": shape.d_head}
    needed["vocab"] = shape.vocab
    if shape.kind == "mla":
        needed |= {"kv_lora_rank": shape.kv_lora_rank, "qk_rope_head_dim": shape.qk_rope_head_dim}
    if shape.kind == "gqa":
        needed["kv_heads"] = shape.kv_heads
    for name, size in (
        needed | {"feed_forward": shape.feed_forward or 1, "q_lora_rank": shape.q_lora_rank or 1}
    ).items():
        most = MOST_LAYERS if name == "layers" else MOST
        if not 1 <= size <= most:
            raise BadSelection(f"{name[0].upper() + name[1:]} must be from 1 to {most:,}, but {size:,} came.")
    if shape.kind == "gqa" and shape.heads % shape.kv_heads:
        raise BadSelection(
            f"The {shape.heads} heads cannot share {shape.kv_heads} key/value heads equally; choose a number that divides "
            f"{shape.heads}."
        )
    if shape.kind != "mla" and shape.d_model % shape.heads:
        raise BadSelection(
            f"D_model of {shape.d_model:,} is no multiple of the {shape.heads:,} heads, as transformers demands of such a "
            "model; choose a width that they divide."
        )
    turned = shape.qk_rope_head_dim if shape.kind == "mla" else shape.d_head
    if turned % 2:
        raise BadSelection(
            f"Rotary embedding turns pairs of numbers, but a width of {turned} came; choose an even one."
        )


def _demand_memory(name: str, config: PreTrainedConfig, device: torch.device, dtype: torch.dtype) -> None:
    needed = count_weights(skeleton(config), config).total * dtype.itemsize
    free = short_of_memory(needed, device, SHARE)
    if free is not None:
        raise BadSelection(
            f"The weights of this shape ({name}) take {needed / 1e9:,.3g} GB, but {device} has {free / 1e9:,.3g} GB free and "
            "a run needs room beside them; choose fewer layers or a smaller width."
        )
