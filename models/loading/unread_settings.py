"""What a model's folder says and transformers does not act on: own code, and config entries that its class does not read.

transformers keeps such entries without a word, so a model can load, agree with transformers to the last digit, and still
not be the model that was trained. Each is refused or named here.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import transformers
from transformers import PreTrainedModel

from models.errors import UnsupportedModel

# Entries that say how attention is computed; other entries that a class does not read leave it as it is.
_OF_ATTENTION = re.compile(
    r"position(al)?_?(embedding|encoding|bias)|pos_?(emb|enc)|rope|rotary|alibi|relative_|causal|bidirectional|window"
    r"|softcap|logit_cap|sink|qk_?(layer)?_?norm|query_key_norm|logn|ntk|yarn|layer_types|prefix_lm|differential"
    r"|(attention|attn)_(type|mode|pattern|multiplier|scal|temperature|chunk|bias_type|mask|kind|variant|logit)"
    r"|(local|sparse|global|sliding|linear)_(attention|attn)|scale_attn"
)
# Ways to compute the same thing, sizes that the weights' shapes show anyway, and what is of use in training alone.
_INERT = re.compile(
    r"dropout|flash|implementation|_impl|kernel|fused|backend|xformers|eager|sdpa|memory_efficient|unpad|checkpoint"
    r"|init|max_position|original_max|n_positions|num_position|max_window_layers|position_ids|mask_token|label"
)
_NEUTRAL = (
    *(None, 0, 1, "", [], {}),
    *(
        "absolute",
        "learned",
        "learned_absolute",
        "default",
        "none",
        "full",
        "full_attention",
        "causal",
        "standard",
    ),
)
# Kinds of position that a class either has or has not: without it the patterns are others.
_DECISIVE = re.compile(
    r"^(position(al)?_?(embedding|encoding)s?_?type|pos_emb(edding)?_type|(use_)?alibi|.*_alibi)$"
)
_BOTH_WAYS = {
    "is_causal": (False,),
    "causal": (False,),
    "causal_attention": (False,),
    "use_causal_mask": (False,),
    "bidirectional": (True,),
    "is_bidirectional": (True,),
    "bidirectional_attention": (True,),
    "use_bidirectional_attention": (True, "all"),
    "attention_type": ("bidirectional",),
    "attn_type": ("bidirectional", "bi"),
}


def looks_both_ways(config: dict[str, Any]) -> str:
    """The entry of a config.json by which its attention sees later tokens too, as `is_causal: false`; "" where none does."""
    for section in _sections(config):
        for key, values in _BOTH_WAYS.items():
            value = section.get(key)
            if any(value is each or (isinstance(value, str) and value == each) for each in values):
                return f"{key}: {json.dumps(value)}"
    return ""


def own_code(config: dict[str, Any]) -> str:
    """The names of the Python code that a config.json would have run in place of transformers' class; "" where none."""
    mapped = config.get("auto_map")
    if not isinstance(mapped, dict):
        return str(mapped) if mapped else ""
    named = [
        name for value in mapped.values() for name in (value if isinstance(value, list) else [value]) if name
    ]
    return ", ".join(dict.fromkeys(map(str, named)))


def unread(name: str, folder: Path, config: dict[str, Any], module_class: type[PreTrainedModel]) -> list[str]:
    """A sentence for everything in the folder's words that `module_class` does not act on.

    config: the config.json as it is written. Raises UnsupportedModel where what is left out decides how heads attend.
    """
    code = own_code(config)
    entries = dict(_unread_entries(config, module_class))
    decisive = next((key for key in entries if _DECISIVE.search(key)), None)
    if decisive is not None:
        told = f" Its own code for that ({code}) is never run here." if code else ""
        raise UnsupportedModel(
            f"The config of “{name}” says {decisive}: {_shown(entries[decisive])}, which transformers' "
            f"{module_class.__name__} does not compute, so its patterns would be wrong.{told} Choose a model whose class "
            "does."
        )
    return [
        *_about_code(code, module_class),
        *_about_entries(entries, module_class),
        *_about_tokenizer(folder),
    ]


def _about_code(code: str, module_class: type[PreTrainedModel]) -> Iterator[str]:
    if code:
        yield (
            f"The folder names Python code of its own ({code[:200]}), which is never run here: what is shown is transformers' "
            f"{module_class.__name__} with these weights, and the model that was trained may attend in another way."
        )


def _about_entries(entries: dict[str, Any], module_class: type[PreTrainedModel]) -> Iterator[str]:
    if entries:
        listed = ", ".join(f"{key}: {_shown(value)}" for key, value in list(entries.items())[:4])
        yield (
            f"The config says {listed}, which transformers' {module_class.__name__} does not read, so this is not in what is "
            "shown."
        )


def _about_tokenizer(folder: Path) -> Iterator[str]:
    path = folder / "tokenizer_config.json"
    try:
        settings = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    except (ValueError, RecursionError, OSError):
        return  # loading the tokenizer says what is wrong with it
    code = own_code(settings) if isinstance(settings, dict) else ""
    if code:
        yield (
            f"The tokenizer names Python code of its own ({code[:200]}), which is never run here, so texts may be split in "
            "another way than in training."
        )


def unknown_class(config: dict[str, Any], module_class: type[PreTrainedModel]) -> list[str]:
    """A sentence where the config names classes that transformers does not have, and no code for them."""
    named = config.get("architectures")
    listed = named if isinstance(named, list) else []
    unknown = [
        str(each)
        for each in listed
        if not hasattr(transformers, str(each)) and str(each) != module_class.__name__
    ]
    if not unknown or own_code(config):
        return []
    return [
        f"The config names the class {', '.join(unknown)[:200]}, which transformers does not have; what is shown is its class "
        f"for the type “{config.get('model_type')}” with these weights."
    ]


def _sections(config: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The config and its parts that are of text."""
    yield config
    for key in ("text_config", "decoder", "encoder"):
        if isinstance(config.get(key), dict):
            yield config[key]


def _unread_entries(config: dict[str, Any], module_class: type[PreTrainedModel]) -> Iterator[tuple[str, Any]]:
    for section in _sections(config):
        for key, value in section.items():
            if (
                _OF_ATTENTION.search(key)
                and not _INERT.search(key)
                and key not in _BOTH_WAYS  # whether a model looks both ways is seen in its patterns
                and not _neutral(section, key, value)
                and _defaults(module_class.config_class).get(key) != value
                and not _reads(module_class, key)
            ):
                yield key, value


def _neutral(section: dict[str, Any], key: str, value: Any) -> bool:
    if "window" in key and section.get("use_sliding_window") is False:
        return True
    if isinstance(value, dict) and value.get("rope_type", value.get("type")) == "default":
        return True
    if isinstance(value, bool):
        return not value
    if isinstance(value, list):
        return all(each in _NEUTRAL for each in value if not isinstance(each, dict))
    return any(value == each for each in _NEUTRAL)


def _reads(module_class: type[PreTrainedModel], key: str) -> bool:
    source = _source(module_class)
    if key in _COMMON_ROPE and "rope_parameters" in source:
        return True
    quoted = re.escape(key)
    return re.search(rf"(config|self)\.{quoted}\b|[\"']{quoted}[\"']", source) is not None


# What transformers' own rotary embedding takes, whatever the class.
_COMMON_ROPE = ("rope_theta", "rope_scaling", "rope_parameters", "rope_type")


@cache
def _defaults(config_class: Any) -> dict[str, Any]:
    try:
        return config_class().to_dict()
    except Exception:  # a few configs have no default
        return {}


@cache
def _source(module_class: type[PreTrainedModel]) -> str:
    """The program text of a class and of its config."""
    config_class: Any = module_class.config_class
    modules = [part.__module__ for part in (*module_class.__mro__, config_class)]
    wanted = [name for name in dict.fromkeys(modules) if name.startswith(("transformers.models.", "models."))]
    return "\n".join(inspect.getsource(sys.modules[name]) for name in wanted)


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)[:80]
