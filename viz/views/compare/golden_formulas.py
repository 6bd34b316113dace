"""How a published number is formed, with its numbers filled in."""

from __future__ import annotations

from models.costs.published import Golden
from models.shape.attention_geometry import Geometry
from viz.figures.number_text import told_bytes


def golden_formula(golden: Golden) -> str:
    """Table 1 of DeepSeek-V2 (arXiv 2405.04434) with the shape's numbers, the result behind “=”."""
    formula = elements(golden.shape, golden.mode != "expanded")
    if golden.over is not None:
        over = elements(golden.over, golden.over_mode != "expanded")
        return f"{formula} / ({over}) = {golden.ours:.4g}"
    if golden.tokens > 1:
        formula += f" x {golden.tokens:,} tokens"
    if golden.bytes_each > 1:
        formula += f" x {golden.bytes_each} bytes"
    return f"{formula} = {golden.ours:,.0f}"


def elements(shape: Geometry, latents: bool = True) -> str:
    """Numbers that all layers keep of a token."""
    if shape.kv_lora_rank is not None and latents:
        rope = f" + {shape.qk_rope_head_dim} rotary key" if shape.qk_rope_head_dim else ""
        each = f"({shape.kv_lora_rank} latent{rope})" if rope else f"{shape.kv_lora_rank} latent"
    elif shape.d_head == shape.v_head_dim:
        each = f"2 x {shape.kv_heads} kv_heads x {shape.d_head} d_head"
    else:
        each = f"{shape.kv_heads} heads x ({shape.d_head} key + {shape.v_head_dim} value)"
    return f"{each} x {shape.layers} layers"


def golden_text(golden: Golden, value: float) -> str:
    """A number as it is printed: whole where it is counted, with a unit of bytes where it is large."""
    if golden.unit == "bytes":
        return told_bytes(value) if abs(value) < 1e9 else f"{value / 1e9:.2f} GB"
    if golden.unit in ("times as much", "share"):
        return f"{value:.3g} x"
    return f"{value:,.0f}"
