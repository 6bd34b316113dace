"""Between which languages a multilingual translator reads and writes (M2M100, NLLB, mBART, PLBart)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, cast

from transformers import PreTrainedTokenizerBase

from models.errors import BadSelection
from models.run.model import AttentionModel, demand_tokenizer

_CODE = re.compile(r"[a-z]{2,3}_[A-Za-z]{2,4}|__\w+__")  # eng_Latn, en_XX, __eng__


@dataclass(frozen=True, slots=True)
class Languages:
    """What can be chosen. ids: token id of each language's code, by code, as the tokenizer names them.

    source, target: taken where none is chosen: the tokenizer's source language, and the language that the model's settings
    begin a target with; "" where they leave it open. starts: whether a target begins with its language in place of the
    start token (mBART's first models), not behind it.
    """

    ids: dict[str, int]
    source: str
    target: str
    starts: bool


def languages(model: AttentionModel) -> Languages | None:
    """The languages of an encoder-decoder whose tokenizer marks a text with one; None for all other models."""
    if model.geometry.role != "encoder-decoder" or not hasattr(
        model.tokenizer, "set_src_lang_special_tokens"
    ):
        return None
    ids = {
        code: number
        for code, number in _codes(demand_tokenizer(model)).items()
        if number < model.geometry.vocab
    }
    if not ids:
        return None
    code_of = {number: code for code, number in ids.items()}
    settings = getattr(model.module, "generation_config", None)
    forced, start = (
        code_of.get(cast(int, getattr(settings, name, None)), "")
        for name in ("forced_bos_token_id", "decoder_start_token_id")
    )
    source = getattr(model.tokenizer, "src_lang", "")
    return Languages(ids, source if source in ids else "", forced or start, starts=bool(start))


def with_languages(model: AttentionModel, source: str = "", target: str = "") -> AttentionModel:
    """The same model, on the same weights, that reads and writes these languages; "" leaves it to the model's settings.

    source, target: codes of `languages`. Raises BadSelection for a code that the tokenizer does not have.
    """
    known = languages(model)
    for code in filter(None, (source, target)):
        if known is None:
            raise BadSelection(
                f"{model.name} has no languages to choose from, but {code!r} came; leave it out."
            )
        if code not in known.ids:
            raise BadSelection(
                f"{model.name} has no language {code!r}; it has {', '.join(sorted(known.ids))}."
            )
    return replace(model, source_language=source, target_language=target)


def target_language_id(model: AttentionModel) -> int | None:
    """The token that the language chosen for a target is marked with; None where none was chosen."""
    known = languages(model) if model.target_language else None
    return None if known is None else known.ids[model.target_language]


def _codes(tokenizer: PreTrainedTokenizerBase) -> dict[str, int]:
    listed: Any = getattr(tokenizer, "lang_code_to_id", None)
    if not isinstance(listed, dict):  # NLLB keeps its codes among the special tokens alone
        roles = set(map(str, tokenizer.special_tokens_map.values()))
        codes = [
            token for token in tokenizer.all_special_tokens if token not in roles and _CODE.fullmatch(token)
        ]
        listed = {code: tokenizer.convert_tokens_to_ids(code) for code in codes}
    numbers = cast(dict[str, Any], listed)
    return {code: number for code, number in numbers.items() if number not in (None, tokenizer.unk_token_id)}
