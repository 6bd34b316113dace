"""Which transformers class runs a config, and in which role; refuses what is not a text model."""

import inspect
from typing import Any, Literal, NamedTuple, cast

from transformers import PreTrainedConfig, PreTrainedModel
from transformers.models.auto import modeling_auto as auto

from models.errors import UnsupportedModel

Role = Literal["decoder", "encoder", "encoder-decoder", "answerer"]


class Architecture(NamedTuple):
    """module_class: what to load; may_lack_head: its language head was guessed, the weights may have none.

    role: "decoder" (writes a text on), "encoder" (fills masks), "encoder-decoder" (answers a text by one), "answerer" (answers
    a story and a question by one word).
    """

    role: Role
    module_class: type[PreTrainedModel]
    may_lack_head: bool


# In this order, because BERT, RoBERTa and others also have a causal class that hardly anybody trains.
_HEADS: tuple[tuple[Role, str], ...] = (
    ("encoder-decoder", "MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING"),
    ("encoder", "MODEL_FOR_MASKED_LM_MAPPING"),
    ("decoder", "MODEL_FOR_CAUSAL_LM_MAPPING"),
    ("decoder", "MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING"),  # Mistral 4, of text alone, stands nowhere else
)
_HEADLESS_ENCODER: tuple[Role, str] = ("encoder", "MODEL_FOR_TEXT_ENCODING_MAPPING")
OWN_ROLE = "headlight_role"  # a class of the engine's own says its role itself, where transformers has no mapping for it
# A model type that reads anything but text stands in one of these mappings, or has such a sub-config.
_OTHER_SENSES = {
    "images": (
        "MODEL_FOR_IMAGE_MAPPING",
        "MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING",
        "MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING",
        "MODEL_FOR_CAUSAL_IMAGE_MODELING_MAPPING",
        "MODEL_FOR_ZERO_SHOT_IMAGE_CLASSIFICATION_MAPPING",
        "MODEL_FOR_ZERO_SHOT_OBJECT_DETECTION_MAPPING",
        "MODEL_FOR_VISUAL_QUESTION_ANSWERING_MAPPING",
        "MODEL_FOR_OBJECT_DETECTION_MAPPING",
        "MODEL_FOR_MASK_GENERATION_MAPPING",
        "MODEL_FOR_VIDEO_CLASSIFICATION_MAPPING",
    ),
    "audio": (
        "MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING",
        "MODEL_FOR_CTC_MAPPING",
        "MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING",
        "MODEL_FOR_TEXT_TO_WAVEFORM_MAPPING",
        "MODEL_FOR_TEXT_TO_SPECTROGRAM_MAPPING",
    ),
    "several media": ("MODEL_FOR_MULTIMODAL_LM_MAPPING",),
    "time series": ("MODEL_FOR_TIME_SERIES_PREDICTION_MAPPING",),
}
_OTHER_SUB_CONFIGS = {"vision_config": "images", "audio_config": "audio", "vq_config": "images"}
# Plain encoders without a language head: whoever answers one of these tasks reads tokens.
_TEXT_TASKS = (
    "MODEL_FOR_TEXT_ENCODING_MAPPING",
    "MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING",
    "MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING",
    "MODEL_FOR_QUESTION_ANSWERING_MAPPING",
)


def architecture(config: PreTrainedConfig) -> Architecture:
    """The class and role for `config`, by its `architectures` where it names them, else by its type.

    Raises UnsupportedModel for vision, audio and other non-text models, and for types without a text class.
    """
    for module_class in _mapped("MODEL_MAPPING", config):
        if own_role := getattr(module_class, OWN_ROLE, None):
            return Architecture(own_role, module_class, False)
    _refuse_other_senses(config)
    named = _named_in_config(config)
    if named is not None:
        return named
    role = _role_by_type(config)
    if role is None:
        raise UnsupportedModel(
            f"“{config.model_type}” is not a text model that Headlight can run: choose a decoder such as "
            "GPT-2 or Llama, an encoder such as BERT, or an encoder-decoder such as T5."
        )
    return _guessed_class(config, role)


def _mapped(mapping: str, config: PreTrainedConfig) -> tuple[type[PreTrainedModel], ...]:
    """The classes of one auto mapping for this config's type; empty where it has none."""
    table = getattr(auto, mapping)
    if type(config) not in table:
        return ()
    found: Any = table[type(config)]
    return tuple(cast(list[Any], found)) if isinstance(found, tuple | list) else (found,)


def _named_in_config(config: PreTrainedConfig) -> Architecture | None:
    """The class that the checkpoint itself names, if it is one that reads text and has a language head."""
    names = set(config.architectures or ())
    for role, mapping in (*_HEADS, _HEADLESS_ENCODER):
        for module_class in _mapped(mapping, config):
            if module_class.__name__ in names:
                decoding = role == "encoder" and getattr(config, "is_decoder", False)
                return Architecture("decoder" if decoding else role, module_class, False)
    return None


def _role_by_type(config: PreTrainedConfig) -> Role | None:
    if getattr(config, "is_encoder_decoder", False):
        return (
            "encoder-decoder" if _mapped("MODEL_MAPPING", config) or _mapped(_HEADS[0][1], config) else None
        )
    if getattr(config, "is_decoder", False) and _mapped("MODEL_FOR_CAUSAL_LM_MAPPING", config):
        return "decoder"
    for role, mapping in _HEADS[1:]:
        if _mapped(mapping, config):
            return role
    bare = _mapped("MODEL_MAPPING", config)
    if bare and any(_mapped(task, config) for task in _TEXT_TASKS):
        return "encoder"
    return "decoder" if bare and _is_text_part(config, bare[0]) else None


def _is_text_part(config: PreTrainedConfig, bare: type[PreTrainedModel]) -> bool:
    """Whether this is the decoder of a model that also sees images, by itself and without a language head (GLM 5 Next)."""
    accepted = inspect.signature(bare.forward).parameters
    return config.model_type.endswith("_text") and {"input_ids", "past_key_values"} <= accepted.keys()


def _takes_tokens_only(module_class: type[PreTrainedModel]) -> bool:
    """Whether a class is of text alone, wherever it is listed (Mistral 4 among those that see images)."""
    accepted = inspect.signature(module_class.forward).parameters
    words = ("pixel", "image", "video", "audio", "input_features")
    return module_class.__name__.endswith("ForCausalLM") and not any(
        word in name for name in accepted for word in words
    )


def _guessed_class(config: PreTrainedConfig, role: Role) -> Architecture:
    """A checkpoint of a bare model or of a classifier has no language head: then the bare class is right."""
    heads = [cls for head_role, mapping in _HEADS if head_role == role for cls in _mapped(mapping, config)]
    bare = _mapped("MODEL_MAPPING", config)
    names = config.architectures or ()
    pretrained_with_head = not names or any(name.endswith("ForPreTraining") for name in names)
    if heads and (pretrained_with_head or not bare):
        return Architecture(role, heads[0], bool(bare))
    return Architecture(role, bare[0], False)


def _refuse_other_senses(config: PreTrainedConfig) -> None:
    sense = next((what for name, what in _OTHER_SUB_CONFIGS.items() if getattr(config, name, None)), None)
    for what, mappings in _OTHER_SENSES.items():
        listed = {found for mapping in mappings for found in _mapped(mapping, config)}
        if sense is None and not all(map(_takes_tokens_only, listed)):
            sense = what
    if sense is not None:
        raise UnsupportedModel(
            f"“{config.model_type}” reads or makes {sense}, and Headlight shows models that read text only: "
            "choose a text model such as GPT-2, Llama, BERT or T5."
        )
