"""A card as README.md, in the form that the Hugging Face Hub reads: YAML in front, Markdown below, one set of numbers."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from models.shape.attention_geometry import KIND_NAMES

if TYPE_CHECKING:
    from models.loading.card import Card


def readme(card: Card) -> str:
    """The whole file."""
    parts = [
        _front(card),
        f"# {card.name}",
        _opening(card),
        _numbers(card),
        _roles(card),
        _corpus(card),
        _again(card),
    ]
    return "\n\n".join(parts) + "\n"


def _front(card: Card) -> str:
    """Strings are written as JSON, which YAML reads."""
    plain = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.\-]*", card.licence)
    licence = (
        [f"license: {card.licence.lower()}"]
        if plain
        else ["license: other", f"license_name: {_q(card.licence)}"]
    )
    metric = [
        "model-index:",
        f"- name: {_q(card.name)}",
        "  results:",
        "  - task: {type: text-generation}",
        f"    dataset: {{name: {_q(card.corpus)}, type: text, split: validation}}",
        "    metrics:",
        f"    - {{type: perplexity, name: {_q('perplexity per token')}, value: {card.validation_perplexity:.6g}}}",
        f"    - {{type: loss, name: {_q('nats per token')}, value: {card.validation_loss:.6g}}}",
    ]
    tags = [card.kind, "attention", *(["undertrained"] if card.undertrained else [])]
    lines = [
        "language: en",
        *licence,
        "library_name: transformers",
        "pipeline_tag: text-generation",
        f"tags: {json.dumps(tags)}",
        *metric,
    ]
    return "\n".join(["---", *lines, "---"])


def _opening(card: Card) -> str:
    shape = card.geometry
    shared = f", {shape.kv_heads} key/value head{'s' if shape.kv_heads > 1 else ''}"
    kv = shared if shape.kv_heads != shape.heads else ""
    sentences = [
        f"A small decoder with {KIND_NAMES[card.kind]} ({card.kind.upper()}): {shape.layers} layers x {shape.heads} "
        f"heads{kv}, {card.parameters:,} parameters."
    ]
    if card.undertrained:
        sentences.append(f"**Undertrained:** {card.shortfall}.")
    return "\n\n".join(sentences)


def _numbers(card: Card) -> str:
    where = f"{card.device}, {card.threads} threads, {card.date}"
    rows = [
        ("validation loss", f"{card.validation_loss:.4f} nats per token", "measured"),
        ("validation perplexity", f"{card.validation_perplexity:.2f} per token", "measured"),
        ("validation tokens", f"{card.validation_tokens:,}", "measured"),
        ("training tokens", f"{card.tokens_seen:,} of {card.planned_tokens:,} planned", "measured"),
        ("training time", f"{card.train_seconds / 60:.0f} min", "measured"),
        (
            "key/value cache, bf16",
            f"{card.cache_bytes_per_token:,} bytes per token",
            "formula, DeepSeek-V2 Table 1",
        ),
    ]
    table = "\n".join(f"| {name} | {value} | {how} |" for name, value, how in rows)
    return f"## Numbers\n\n| what | value | how |\n| --- | --- | --- |\n{table}\n\nMeasured on: {where}, seed {card.seed}."


def _roles(card: Card) -> str:
    missing = [role for role in ("induction", "previous token") if card.strongest(role) is None]
    said = "".join(f"\n\nNo {role} head was found." for role in missing)
    if not card.roles:
        return f"## Heads with a role\n\nLooked for on: {card.probe}{said}"
    rows = "\n".join(_role(row) for row in card.roles)
    head = "| head | role | score | by chance | found on |\n| --- | --- | --- | --- | --- |"
    return f"## Heads with a role\n\nLooked for on: {card.probe}\n\n{head}\n{rows}{said}"


def _role(row: Any) -> str:
    name = f"L{row['layer']} H{row['head']}"
    return f"| {name} | {row['role']} | {row['score']:.3f} | {row['chance']:.3f} | {row.get('probe', '')} |"


def _corpus(card: Card) -> str:
    return f"## Text\n\n{card.corpus}\n\n{card.repeats}\n\nLicence: {card.licence}."


def _again(card: Card) -> str:
    versions = f"torch {card.torch}, transformers {card.transformers}"
    return f"## Made with\n\n```sh\n{card.command}\n```\n\n{versions}."


def _q(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
