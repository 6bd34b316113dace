"""Every class with latent attention (MLA), under the engine and as transformers alone runs it, and what its cache holds."""

from copy import deepcopy
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.models.glm5_next.configuration_glm5_next import Glm5NextTextConfig
from transformers.models.glm5_next.modeling_glm5_next import Glm5NextTextModel
from transformers.models.mistral4.configuration_mistral4 import Mistral4Config
from transformers.models.mistral4.modeling_mistral4 import Mistral4ForCausalLM
from transformers.models.mistral_large4.configuration_mistral_large4 import MistralLarge4TextConfig
from transformers.models.mistral_large4.modeling_mistral_large4 import MistralLarge4TextModel

from models.loading.loader import wrap
from models.run.inputs import Encoded, encode
from models.run.model import AttentionModel
from tests.models.engine_models import TEXT, engine, stock
from tests.models.zoo import LEFT_ALONE, VOCABULARY
from tests.models.zoo_decoders import MLA
from tests.models.zoo_latent import INDEX, LATENT

ZOO = [row.name for row in LATENT]
# Text decoders of models that also see images, the last two without a language head. In Mistral Large 4 the last layer reads
# the first one's latents, and the middle one has no rotary key; GLM 5 next has none anywhere.
ROPE = {"rope_type": "default", "rope_theta": 10000.0}
OTHERS: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "mistral4": (
        Mistral4ForCausalLM,
        Mistral4Config,
        MLA
        | {"rope_parameters": ROPE | {"llama_4_scaling_beta": 0.1, "original_max_position_embeddings": 4}},
    ),
    "mistral_large4": (
        MistralLarge4TextModel,
        MistralLarge4TextConfig,
        MLA | INDEX | {"kv_source_layers": [0, 1, 0], "no_rope_layers": [1, 0, 1], "rope_parameters": ROPE},
    ),
    "glm5_next": (
        Glm5NextTextModel,
        Glm5NextTextConfig,
        MLA
        | INDEX
        | {
            "layer_types": ["linear_attention", "indexed_attention", "indexed_attention"],
            "qk_rope_head_dim": 0,
        }
        | {"mlp_layer_types": ["dense"] * 3, "linear_head_dim": 8, "linear_num_heads": 4}
        | {"index_kpool": 2, "hc_mult": 2},
    ),
}
NAMES = [*ZOO, *OTHERS]


@cache
def other_stock(name: str) -> PreTrainedModel:
    """One of OTHERS under transformers' own eager attention, with norms and biases that are not at rest."""
    model_class, config_class, settings = OTHERS[name]
    torch.manual_seed(3)
    module = model_class._from_config(config_class(**settings), attn_implementation="eager").float().eval()
    for path, weight in module.named_parameters():
        if not LEFT_ALONE.search(path):
            weight.data.add_(0.15 * torch.randn_like(weight))
    return module.requires_grad_(False)


@cache
def other_engine(name: str) -> AttentionModel:
    return wrap(deepcopy(other_stock(name)), name=name.capitalize())


def latent_engine(name: str) -> AttentionModel:
    return other_engine(name) if name in OTHERS else engine(name)


def latent_stock(name: str) -> PreTrainedModel:
    return other_stock(name) if name in OTHERS else stock(name)


def given(name: str) -> Encoded:
    """A text for the model, encoded."""
    if name not in OTHERS:
        return encode(engine(name), TEXT, None)
    ids = torch.randint(5, VOCABULARY, (1, 13), generator=torch.Generator().manual_seed(5))
    strings = tuple(map(str, ids[0].tolist()))
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    return Encoded(inputs, {"text": tuple(ids[0].tolist())}, {"text": strings})


def stock_run(name: str, module: PreTrainedModel | None = None) -> Any:
    """What transformers alone makes of the text, with its cache."""
    with torch.no_grad():
        return nn.Module.__call__(module or latent_stock(name), **given(name).inputs, use_cache=True)


def attention(module: nn.Module, model: AttentionModel, layer: int) -> Any:
    """The attention module of a layer, in `module` or a copy of it."""
    return module.get_submodule(model.plan.sites[model.plan.calls_of("decoder", layer)[0]].module)


def stock_latents(name: str) -> list[tuple[Tensor, Tensor]]:
    """Per attention layer what transformers' own cache holds: latents [pos, rank] and rotated keys [pos, rope]."""
    held = stock_run(name).past_key_values.layers
    sources = getattr(latent_stock(name).config, "kv_source_layers", None)
    found = []
    for layer in range(latent_engine(name).plan.layers("decoder")):
        place = attention(latent_stock(name), latent_engine(name), layer).layer_idx
        entry = held[sources[place] if sources else place]
        found.append((entry.keys[0, 0], entry.values[0, 0]))
    return found
