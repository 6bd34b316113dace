"""What a model's attention would keep if it were of another kind, by the sizes that papers give such models."""

from __future__ import annotations

from dataclasses import replace

from models.errors import BadSelection
from models.shape.attention_geometry import KIND_NAMES, Geometry, Kind

GROUPS = 8  # key/value heads of Llama 2 70B and Llama 3, and of GQA-8 in Ainslie et al. (arXiv 2305.13245)


def as_kind(
    shape: Geometry, kind: Kind, kv_heads: int | None = None, kv_lora_rank: int | None = None
) -> Geometry:
    """The same layers and heads with that kind of attention; the shape itself where it is of that kind and no size is given.

    Each layer by its own heads, where they differ; a layer that has none left stays as it is.

    "mha": keys and values for every head, as wide as a value (DeepSeek's own comparison: 128, not the 192 of a key with its
    rotary part). "gqa": kv_heads; unless told 8, or the largest number below that which divides the heads into groups of
    two or more. "mqa": one. "mla": a latent of kv_lora_rank, 4 x d_head unless told, and a rotary key of d_head / 2
    (DeepSeek-V2, arXiv 2405.04434, Table 1). Raises BadSelection for sizes that do not fit the heads.
    """
    if kind not in KIND_NAMES:
        raise BadSelection(f"There is no kind of attention “{kind}”; choose {', '.join(KIND_NAMES)}.")
    if kind == shape.kind and kv_heads is None and kv_lora_rank is None:
        return shape
    ones = {one: _as_kind(one, kind, kv_heads, kv_lora_rank) for one in shape.each_layer}
    made = [ones[one] for one in shape.each_layer]
    first = next((one for one in made if one.heads), made[0])
    parts = ("kv_lora_rank", "q_lora_rank", "qk_rope_head_dim", "qk_nope_head_dim")
    alike = replace(shape, kind=kind, **{name: getattr(first, name) for name in parts})
    return alike.with_layers(made)


def _as_kind(one: Geometry, kind: Kind, kv_heads: int | None, kv_lora_rank: int | None) -> Geometry:
    """One layer."""
    d_head = one.v_head_dim if one.kind == "mla" else one.d_head
    plain = replace(
        one,
        kind=kind,
        d_head=d_head,
        v_head_dim=d_head,
        kv_heads=one.heads,
        kv_lora_rank=None,
        q_lora_rank=None,
        qk_rope_head_dim=None,
        qk_nope_head_dim=None,
    )
    if not one.heads:
        return plain
    if kind != "mla":
        return replace(plain, kv_heads=_kv_heads(one.heads, kind, kv_heads))
    rope, rank = max(d_head // 2, 1), kv_lora_rank or 4 * d_head
    if rank < 1:
        raise BadSelection(f"A latent must be at least 1 wide, but {rank} came; 4 x d_head is {4 * d_head}.")
    return replace(
        plain,
        d_head=d_head + rope,
        kv_lora_rank=rank,
        qk_rope_head_dim=rope,
        qk_nope_head_dim=d_head,
    )


def _kv_heads(heads: int, kind: Kind, told: int | None) -> int:
    if kind != "gqa":
        return heads if kind == "mha" else 1
    if told is None:
        return max(count for count in range(1, min(GROUPS, max(heads // 2, 1)) + 1) if heads % count == 0)
    if told < 1 or heads % told:
        raise BadSelection(
            f"The {heads} heads cannot share {told} key/value heads equally; choose a number that divides {heads}."
        )
    return told
