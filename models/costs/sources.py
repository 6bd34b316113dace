"""From anything that describes a model (one that is loaded, a config, its JSON, a name) to its anatomy."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from transformers import AutoConfig, PreTrainedConfig

from models.costs.model_anatomy import Anatomy, Layers, demand_sound, layers_of
from models.costs.weights import count_weights, skeleton
from models.errors import UnknownModel, UnsupportedModel
from models.loading import hub
from models.loading.catalog import CATALOG, Shipped, entry
from models.loading.config_bounds import check_bounds
from models.run.model import AttentionModel
from models.shape.attention_geometry import Geometry, demand_few_layers, geometry
from models.shape.removed_heads import removed_heads

LONGEST_NAME = 200  # characters of one that an error repeats
Source = Anatomy | Geometry | AttentionModel | PreTrainedConfig | Mapping[str, Any] | str | Path


def anatomy(source: Source, name: str = "") -> Anatomy:
    """What a model's cost is worked out from; a few tenths of a second, whatever its size, and no weights are fetched.

    source: a loaded model, a transformers config, a config.json as a mapping or as text, a name of the catalogue, a folder,
    a Hub id (its config.json alone is fetched), or a Geometry, of which only the attention is known. No code that
    comes with a config is run. Raises UnsupportedModel, UnknownModel with what to do.
    """
    if isinstance(source, Anatomy):
        return source
    if isinstance(source, Geometry):
        demand_few_layers(source.layers)
        layers = layers_of(source)
        return Anatomy(name, source, layers, notes=_notes(layers))
    if isinstance(source, AttentionModel):
        return _of_model(source)
    if isinstance(source, PreTrainedConfig):
        return _of_config(source, name)
    if isinstance(source, Mapping):
        return _of_config(_from_json(source), name)
    text = str(source).strip()
    if text.startswith(("{", "[")):
        return _of_config(_from_json(_parsed(text)), name)
    return _of_config(_from_json(_parsed(_config_text(text))), name or text)


def _of_model(model: AttentionModel) -> Anatomy:
    weights = count_weights(model.module, model.module.config)
    layers = layers_of(model.geometry)
    return Anatomy(model.name, model.geometry, layers, weights, _notes(layers))


def _of_config(config: PreTrainedConfig, name: str) -> Anatomy:
    notes: tuple[str, ...] = ()
    nested = getattr(config, "text_config", None)
    if isinstance(nested, PreTrainedConfig) and nested is not config:
        config, notes = nested, ("Only the part that reads text is counted.",)
    shape = geometry(config)
    if removed_heads(config) is None:  # what is left of a model may be uneven
        demand_sound(shape)
    weights = count_weights(skeleton(config), config)
    layers = layers_of(shape)
    return Anatomy(name or config.model_type, shape, layers, weights, notes + _notes(layers))


def _notes(layers: tuple[Layers, ...]) -> tuple[str, ...]:
    said = []
    for group in layers:
        those = f"{group.count} of {sum(each.count for each in layers)} layers"
        if "state" in group.keeps:
            said.append(f"{those} keep a state that does not grow with the text; it is not counted.")
        if group.keeps == "another layer's":
            said.append(f"{those} read another layer's cache and keep none of their own.")
        if group.keeps == "no attention":
            said.append(f"{those} have no attention.")
        if group.keeps == "unknown":
            said.append(f"What {those} keep is not known here, and it is not counted.")
        if group.index_dim:
            said.append(
                f"{those} also keep a key of {group.index_dim} of the index that chooses tokens; it is not counted."
            )
    return tuple(said)


def _parsed(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:  # a number may also have more digits than Python reads
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise UnsupportedModel(
            f"This is no JSON{where}; paste the whole of a config.json, braces and all."
        ) from None
    if not isinstance(found, dict):
        raise UnsupportedModel(
            "A config.json is an object in braces, but something else came; paste all of it."
        )
    return found


def _from_json(given: Mapping[str, Any]) -> PreTrainedConfig:
    rest = {key: value for key, value in given.items() if key not in ("auto_map", "quantization_config")}
    kind = rest.pop("model_type", None)
    if not isinstance(kind, str):
        raise UnsupportedModel(
            "The config names no model_type, so it is not known which architecture it is of; paste the whole config.json."
        )
    check_bounds(kind, rest)
    _demand_few_layers(rest)
    try:
        return AutoConfig.for_model(kind, **rest)
    except Exception as error:
        # transformers' own reason stands in the last line, behind the name of an exception
        said = re.sub(r"^\w+: ", "", str(error).strip().split("\n")[-1].strip())[:200].rstrip(".")
        said = said or type(error).__name__
        raise UnsupportedModel(
            f"This is no config that transformers reads as “{kind}” ({said}); check its numbers."
        ) from None


def _demand_few_layers(held: Mapping[str, Any]) -> None:
    """Before a config is made of it: many list their layers at once, however many there are."""
    for name, value in held.items():
        if isinstance(value, dict):
            _demand_few_layers(value)
        elif isinstance(value, int) and name.endswith(("layers", "n_layer")):
            demand_few_layers(value)


def _config_text(name: str) -> str:
    """The config.json behind a name."""
    if name in CATALOG:
        source = entry(name).source
        if isinstance(source, Shipped):
            return (source.folder / "config.json").read_text("utf-8")
        return hub.config_file(source.hub_id).read_text("utf-8")
    with suppress(OSError, RuntimeError, ValueError):  # too long, of an unknown user, no path, no UTF-8
        path = Path(name).expanduser() / "config.json"
        if path.is_file():
            return path.read_text("utf-8")
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        raise UnknownModel(
            f"There is no config.json in {name[:LONGEST_NAME]}; give a Hub id (organisation/name), a folder, or paste the "
            "config itself."
        )
    return hub.config_file(name).read_text("utf-8")
