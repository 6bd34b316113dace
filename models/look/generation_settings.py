"""What a model's own generation settings ask of each next token, followed as transformers' generate does without beams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessorList

from models.errors import BadSelection
from models.run.inputs import Encoded, decoder_start
from models.run.model import AttentionModel
from models.run.translator_languages import languages, target_language_id

# Settings that change which token is likeliest, with the value that asks for nothing.
_FOLLOWED: dict[str, Any] = {
    "forced_bos_token_id": None,
    "forced_eos_token_id": None,
    "suppress_tokens": None,
    "begin_suppress_tokens": None,
    "bad_words_ids": None,
    "sequence_bias": None,
    "no_repeat_ngram_size": 0,
    "encoder_no_repeat_ngram_size": 0,
    "repetition_penalty": 1.0,
    "encoder_repetition_penalty": 1.0,
    "exponential_decay_length_penalty": None,
    "guidance_scale": 1.0,
    "min_length": 0,
    "min_new_tokens": 0,
}
_LONGEST = 40  # characters of a setting's value that are told


@dataclass(frozen=True, slots=True)
class NextToken:
    """How a next token is chosen.

    ends: tokens that end a text. begun: what is written behind, int64 [1, pos]. drawn: whether by chance, or the likeliest.
    """

    ends: frozenset[int]
    begun: Tensor
    drawn: bool
    _processors: LogitsProcessorList

    @torch.inference_mode()
    def scores(self, ids: Tensor, logits: Tensor) -> Tensor:
        """Logits [vocab] behind the tokens `ids` [1, pos] as the settings leave them, float32; -inf for what they forbid.

        Where tokens are drawn: divided by the temperature, and -inf outside of top_k, top_p and the like.
        """
        return self._processors(cast(torch.LongTensor, ids), cast(torch.FloatTensor, logits[None].float()))[0]


def next_token(
    model: AttentionModel, given: Encoded, new_tokens: int, temperature: float | None = 0.0
) -> NextToken:
    """For a text that at most so many tokens follow. Raises BadSelection for settings that transformers refuses.

    temperature: as in models.stream.
    """
    paired = model.geometry.role == "encoder-decoder"
    ids = torch.tensor([[decoder_start(model)]], device=model.device) if paired else given.inputs["input_ids"]
    module: Any = model.module
    try:
        config = _settings(model, ids, new_tokens, temperature)
        processors = module._get_logits_processor(
            generation_config=config,
            input_ids_seq_length=ids.shape[1],
            encoder_input_ids=given.inputs["input_ids"],
            device=model.device,
            model_kwargs={},
        )
    except (ValueError, TypeError) as error:
        raise BadSelection(
            f"The generation settings of {model.name} cannot be followed ({str(error)[:200]}): mend them in its "
            "generation_config.json, or choose another model."
        ) from None
    ends = config._eos_token_tensor
    known = frozenset(() if ends is None else ends.tolist())
    return NextToken(known, ids, bool(config.do_sample), processors)


def settings_followed(model: AttentionModel) -> dict[str, str]:
    """The generation settings that change which token comes next, by name, as transformers spells them."""
    config = getattr(model.module, "generation_config", None)
    values = {name: getattr(config, name, None) for name in _FOLLOWED}
    chosen = target_language_id(model)
    if chosen is not None and not _starts(model):
        values["forced_bos_token_id"] = chosen
    return {
        name: text if len(text := str(value)) <= _LONGEST else f"{text[:_LONGEST]}…"
        for name, value in values.items()
        if value is not None and value != _FOLLOWED[name]
    }


def settings_passed_over(model: AttentionModel) -> tuple[str, ...]:
    """Ways of choosing that the settings ask for and a greedy choice does without: beams, sampling."""
    config = getattr(model.module, "generation_config", None)
    beams = getattr(config, "num_beams", None) or 1
    asked = {f"num_beams {beams}": beams > 1, "do_sample": bool(getattr(config, "do_sample", None))}
    return tuple(name for name, holds in asked.items() if holds)


def _settings(
    model: AttentionModel, ids: Tensor, new_tokens: int, temperature: float | None
) -> GenerationConfig:
    """A copy of the model's settings, made ready as generate does; by its own methods, so that none is left out."""
    module: Any = model.module
    config, _ = module._prepare_generation_config(module.generation_config)
    config.num_beams, config.max_new_tokens = 1, new_tokens
    if temperature is not None:
        config.do_sample = temperature > 0
        config.temperature = float(temperature) or None
    if model.geometry.role == "encoder-decoder":
        config.decoder_start_token_id = decoder_start(model)
        chosen = target_language_id(model)
        if chosen is not None and not _starts(model):
            config.forced_bos_token_id = chosen
    module._prepare_special_tokens(config, device=model.device, batch_size=1)
    return module._prepare_generated_length(
        generation_config=config,
        has_default_max_length=True,
        has_default_min_length=True,
        model_input_name="input_ids",
        inputs_tensor=ids,
        input_ids_length=ids.shape[1],
    )


def _starts(model: AttentionModel) -> bool:
    known = languages(model)
    return known is not None and known.starts
