"""Numbers that others have published, each with its source, and the same number worked out here where a formula gives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import torch

from models.costs.kinds import as_kind
from models.shape.attention_geometry import Geometry
from models.shape.cache_size import CacheMode, cache_elements_per_token

TRANSCRIBED = "from a third-party transcription, not read in the paper itself"
Unit = Literal["elements per token", "bytes per token", "bytes", "times as much", "share"]


def _shape(layers: int, heads: int, kv_heads: int, d_head: int) -> Geometry:
    kind = "mha" if kv_heads == heads else "gqa"
    return Geometry(layers, heads, kv_heads, d_head, heads * d_head, kind, None, 0, "decoder", d_head)


def _latent(layers: int, heads: int, rank: int, rope: int, d_head: int = 128) -> Geometry:
    return Geometry(
        layers=layers,
        heads=heads,
        kv_heads=heads,
        d_head=d_head + rope,
        d_model=heads * d_head,
        kind="mla",
        context=None,
        vocab=0,
        role="decoder",
        v_head_dim=d_head,
        kv_lora_rank=rank,
        qk_rope_head_dim=rope or None,
        qk_nope_head_dim=d_head,
    )


SHAPES: Mapping[str, Geometry] = MappingProxyType(
    {
        "DeepSeek-V2": _latent(60, 128, 512, 64),
        "DeepSeek-V2-Lite": _latent(27, 16, 512, 64),
        "DeepSeek-V3": _latent(61, 128, 512, 64),
        "embedding 4096, 32 heads, 32 layers": _shape(32, 32, 32, 128),
        "embedding 4096, 32 heads, 8 KV heads, 32 layers": _shape(32, 32, 8, 128),
        "embedding 2048, 48 layers": _shape(48, 16, 16, 128),
    }
)


@dataclass(frozen=True, slots=True)
class Golden:
    """A published number that a formula gives.

    what: of which model, in words. tolerance: how far ours may lie from it, relative: that of its rounding. as_mha: of
    the same shape with multi-head attention; mode: how latents are kept. over: what ours is divided by. note: what
    must stand beside it.
    """

    what: str
    published: float
    unit: Unit
    source: str
    shape: Geometry
    tokens: int = 1
    bytes_each: int = 1
    mode: CacheMode = "auto"
    over: Geometry | None = None
    over_mode: CacheMode = "auto"
    tolerance: float = 0.0
    note: str = ""

    @property
    def ours(self) -> float:
        """The same number by our formula."""
        kept = cache_elements_per_token(self.shape, latents=self.mode != "expanded")
        if self.over is not None:
            return kept / cache_elements_per_token(self.over, latents=self.over_mode != "expanded")
        return kept * self.tokens * self.bytes_each

    @property
    def agrees(self) -> bool:
        return abs(self.ours - self.published) <= self.tolerance * abs(self.published)


@dataclass(frozen=True, slots=True)
class Figure:
    """A published number that was measured by others and that no formula gives: shown with its source, never worked out.

    against: what it compares with, which is where such numbers are usually misread.
    """

    what: str
    published: str
    source: str
    against: str = ""
    note: str = ""


V2 = "DeepSeek-V2, arXiv 2405.04434"
RASBT = "rasbt/LLMs-from-scratch"
_V2, _LITE, _V3 = (SHAPES[name] for name in ("DeepSeek-V2", "DeepSeek-V2-Lite", "DeepSeek-V3"))
_BF16 = torch.bfloat16.itemsize

GOLDENS: tuple[Golden, ...] = (
    Golden("DeepSeek-V2, 60 layers, latent 512 and rotary key 64", 34_600, "elements per token", f"{V2}, ablation",
           _V2, tolerance=0.0015, note="printed as 34.6K"),
    Golden("DeepSeek-V2, from its config", 34_560, "elements per token", "its config.json", _V2),
    Golden("DeepSeek-V2's own shape with multi-head attention", 1_966_080, "elements per token", "its config.json",
           as_kind(_V2, "mha")),
    Golden("DeepSeek-V2, multi-head attention over latents", 56.9, "times as much", "its config.json",
           as_kind(_V2, "mha"), over=_V2, tolerance=0.001),
    Golden("DeepSeek-V2-Lite's shape with multi-head attention", 110_600, "elements per token", f"{V2}, appendix",
           as_kind(_LITE, "mha"), tolerance=0.0005, note=f"printed as 110.6K; {TRANSCRIBED}"),
    Golden("DeepSeek-V2-Lite, latents", 15_600, "elements per token", f"{V2}, appendix", _LITE, tolerance=0.0035,
           note=f"printed as 15.6K; {TRANSCRIBED}"),
    Golden("DeepSeek-V2-Lite's shape with multi-head attention, from its config", 110_592, "elements per token",
           "its config.json", as_kind(_LITE, "mha")),
    Golden("DeepSeek-V2-Lite, latents, from its config", 15_552, "elements per token", "its config.json", _LITE),
    Golden("DeepSeek-V2-Lite, bf16, latents", 31_104, "bytes per token", "panbanda/higgs#254", _LITE,
           bytes_each=_BF16),
    Golden("DeepSeek-V2-Lite, bf16, expanded", 276_480, "bytes per token", "panbanda/higgs#254", _LITE,
           bytes_each=_BF16, mode="expanded"),
    Golden("DeepSeek-V2-Lite, expanded over latents", 8.9, "times as much", "panbanda/higgs#254", _LITE,
           mode="expanded", over=_LITE, tolerance=0.005),
    Golden("DeepSeek-V3, 61 layers, bf16", 70_272, "bytes per token", "LMCache#715", _V3, bytes_each=_BF16),
    Golden("Embedding 4096, 32 heads, 32 layers, 32k tokens, bf16, multi-head attention", 17.18e9, "bytes",
           f"{RASBT}, ch04/04_gqa", SHAPES["embedding 4096, 32 heads, 32 layers"], tokens=32_768, bytes_each=_BF16,
           tolerance=0.0005),
    Golden("The same with 8 key/value heads", 4.29e9, "bytes", f"{RASBT}, ch04/04_gqa",
           SHAPES["embedding 4096, 32 heads, 8 KV heads, 32 layers"], tokens=32_768, bytes_each=_BF16,
           tolerance=0.0015),
    Golden("Embedding 2048, 48 layers, 8k tokens, bf16, multi-head attention", 3.25e9, "bytes",
           f"{RASBT}, ch04/05_mla", SHAPES["embedding 2048, 48 layers"], tokens=8_192,
           bytes_each=_BF16, tolerance=0.01, note="8,192 tokens by the formula are 3.22 GB"),
    Golden("The same with a latent of 1024", 0.81e9, "bytes", f"{RASBT}, ch04/05_mla", _latent(48, 16, 1024, 0),
           tokens=8_192, bytes_each=_BF16, tolerance=0.01, note="no rotary key in that estimate"),
)  # fmt: skip

FIGURES: tuple[Figure, ...] = (
    Figure("DeepSeek-V2, less KV cache", "93.3%", "DeepSeek-V2 README", "DeepSeek 67B, not the same shape with MHA",
           "as served, with 6 bits a number (arXiv 2405.04434, section 3.2.3): 1 - 34,560 x 6 / (194,560 x 16) = 93.3%; at "
           "equal bits 82.2%"),
    Figure("DeepSeek-V2, maximum generation throughput", "5.76 times", "DeepSeek-V2 README",
           "DeepSeek 67B, not the same shape with MHA"),
    Figure("12 layers x 24 heads x 768, untrained, 32,768 new tokens, MHA", "72 tok/s and 1.54 GB", f"{RASBT}, ch04"),
    Figure("The same, GQA", "63 tok/s and 0.63 GB", f"{RASBT}, ch04", "the MHA beside it"),
    Figure("The same, MLA with a latent of 192", "67 tok/s and 0.68 GB", f"{RASBT}, ch04", "the MHA beside it",
           "a smaller cache is not always faster"),
    Figure("DeepSeek-V2-Lite, decode at 2k, 16k and 32k of context", "1.01, 1.71 and 2.19 times as fast",
           "panbanda/higgs#254", "the same model with an expanded cache", "one laptop GPU"),
    Figure("T5-XXL, time per sample and mean score: MHA", "1.51 s and 47.2", "GQA, arXiv 2305.13245, Table 1",
           note=TRANSCRIBED),
    Figure("The same, MQA", "0.24 s and 46.6", "GQA, arXiv 2305.13245, Table 1", note=TRANSCRIBED),
    Figure("The same, GQA with 8 groups", "0.28 s and 47.1", "GQA, arXiv 2305.13245, Table 1", note=TRANSCRIBED),
)  # fmt: skip
