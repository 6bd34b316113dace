"""A capture as one .npz file: arrays and a line of JSON, no pickles, so that a file from a stranger is safe to open."""

from __future__ import annotations

import json
import zipfile
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from models.attention_call import AttentionCall
from models.errors import HeadlightError
from models.geometry import Geometry
from models.latents.cut import LatentCut
from models.latents.record import LatentRecord
from models.records import FinishedPatterns, LayerRecord
from models.switched_off import SwitchedOff

if TYPE_CHECKING:
    from models.capture import Capture

FORMAT = "headlight-capture"
VERSION = 1
CANDIDATES = (
    100  # predictions are kept for the likeliest tokens only: a whole vocabulary helps nobody in a file
)
TENSORS = ("query", "key", "value", "mask", "position_bias", "sinks")
# What reading a broken or foreign file can raise, in NumPy, zipfile and here.
_DAMAGE = (
    *(OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, EOFError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error, MemoryError),
)


def save(run: Capture, path: Path) -> None:
    """Write everything needed to reopen: queries, keys, values, masks, value norms, tokens, candidates."""
    arrays: dict[str, np.ndarray] = {}
    stored: dict[tuple, tuple[str, Tensor]] = {}

    def put(tensor: Tensor) -> str:
        # Masks and position biases are one tensor shared by many layers: written once. The tensor is held on to, so that
        # no later one can come to lie at the same address.
        identity = (tensor.data_ptr(), tensor.dtype, tensor.shape, tensor.stride())
        if identity not in stored:
            stored[identity] = (f"t{len(stored)}", tensor)
            arrays[stored[identity][0]] = _array(tensor)
        return stored[identity][0]

    best = run.predictions.topk(min(CANDIDATES, run.predictions.shape[-1])) if run.places else None
    head = {
        "format": FORMAT,
        "version": VERSION,
        "model_name": run.model_name,
        "geometry": asdict(run.geometry),
        "ids": run.ids,
        "tokens": run.token_strings,
        "places": run.places,
        "dropped": run.dropped,
        "second_start": run.second_start,
        "heads_off": run.heads_off,
        "switched_off": asdict(run.switched_off),
        "latents_off": [asdict(cut) for cut in run.latents_off],
        "candidates": [list(run.vocabulary(row)) for row in best.indices.tolist()]
        if best is not None
        else [],
        "stacks": {
            stack: [_describe(record, put) for record in records] for stack, records in run.layers_of.items()
        },
    }
    if best is not None:
        arrays["candidate_ids"], arrays["candidate_probabilities"] = best.indices.numpy(), best.values.numpy()
    arrays["head"] = np.frombuffer(json.dumps(head).encode(), dtype=np.uint8)
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def load(path: Path) -> Capture:
    """Reopen a saved capture. Raises HeadlightError where the file is missing, damaged, or something else."""
    from models.capture import Capture

    arrays, head = _read(path)
    try:
        predictions, vocabulary = _candidates(arrays, head)
        run = Capture(
            geometry=Geometry(**head["geometry"]),
            layers_of={
                stack: tuple(_restore(record, arrays) for record in records)
                for stack, records in head["stacks"].items()
            },
            ids={axis: tuple(ids) for axis, ids in head["ids"].items()},
            token_strings={axis: tuple(tokens) for axis, tokens in head["tokens"].items()},
            predictions=predictions,
            places=tuple(head["places"]),
            vocabulary=vocabulary,
            model_name=head["model_name"],
            dropped=head["dropped"],
            second_start=head["second_start"],
            switched_off=_switched_off(head),
            latents_off=tuple(LatentCut(**cut) for cut in head.get("latents_off", ())),
        )
        _check(run)
    except _DAMAGE as error:
        raise HeadlightError(f"{path} is a damaged capture ({error!r}); save it again.") from None
    return run


def _check(run: Capture) -> None:
    """Raise ValueError where the parts do not fit together, so that no page breaks on them later."""
    for stack in run.stacks:
        size = (len(run.query_tokens(stack)), len(run.key_tokens(stack)))
        if any(
            record.attention.weights(0, slice(0, 1)).shape[-1] != size[1] for record in run.layers_of[stack]
        ):
            raise ValueError(f"{stack}: patterns do not fit their {size[1]} keys")
        if any(record.attention.queries != size[0] for record in run.layers_of[stack]):
            raise ValueError(f"{stack}: patterns do not fit their {size[0]} queries")
        if not all(_latent_fits(record, size[1]) for record in run.layers_of[stack]):
            raise ValueError(f"{stack}: latents do not fit their {size[1]} positions")
    for axis, tokens in run.token_strings.items():
        if len(tokens) != len(run.ids[axis]) or not all(isinstance(token, str) for token in tokens):
            raise ValueError(f"{axis}: tokens do not fit their ids")
    if len(run.places) != len(run.predictions) or not all(isinstance(place, int) for place in run.places):
        raise ValueError("predictions do not fit their places")


def _latent_fits(record: LayerRecord, positions: int) -> bool:
    latent, call = record.latent, record.attention
    if latent is None or isinstance(call, FinishedPatterns):
        return latent is None
    queries = latent.kv if latent.query is None else latent.query
    if (latent.kv.ndim, queries.ndim) != (2, 2) or (len(latent.kv), len(queries)) != (positions, positions):
        return False
    return latent.rope is None or 0 <= latent.rope <= call.key.shape[-1]


def _read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        head = json.loads(arrays.pop("head").tobytes())
        kind, version = head["format"], head["version"]
    except FileNotFoundError:
        raise HeadlightError(
            f"There is no file {path}; give the path of a capture saved by Headlight."
        ) from None
    except _DAMAGE:
        raise HeadlightError(
            f"{path} is no capture saved by Headlight, or it is damaged; save it again."
        ) from None
    if (kind, version) != (FORMAT, VERSION):
        raise HeadlightError(
            f"{path} holds {kind} version {version}, but {FORMAT} version {VERSION} is read "
            "here; save it again with this version."
        )
    return arrays, head


def _switched_off(head: dict[str, Any]) -> SwitchedOff:
    heads = tuple((int(layer), int(number)) for layer, number in head["heads_off"])
    told = head.get("switched_off")
    if told is not None:
        stack, source = told["stack"], told["source"]
        if heads and stack not in head["stacks"]:
            raise ValueError(f"heads of {stack!r} were off, of which nothing is here")
        return SwitchedOff(heads, stack, told["stood_in"], source)
    only = (
        next(iter(head["stacks"])) if len(head["stacks"]) == 1 else None
    )  # a file from before this was kept
    return SwitchedOff(heads, only, "unknown") if heads else SwitchedOff()


def _describe(record: LayerRecord, put: Any) -> dict[str, Any]:
    attention = record.attention
    if isinstance(attention, FinishedPatterns):
        return {"pattern": put(attention.pattern)}
    norms = record.norms()
    tensors = {name: put(t) for name in TENSORS if isinstance(t := getattr(attention, name), Tensor)}
    return {
        "tensors": tensors,
        "scaling": attention.scaling,
        "causal": attention.causal,
        "softcap": attention.softcap,
        "kv_heads_of": attention.kv_heads_of,
        "value_norms": None if norms is None else put(norms),
        "latent": None if record.latent is None else _describe_latent(record.latent, put),
    }


def _describe_latent(latent: LatentRecord, put: Any) -> dict[str, Any]:
    query = None if latent.query is None else put(latent.query)
    return {"kv": put(latent.kv), "query": query, "rope": latent.rope}


def _restore(record: dict[str, Any], arrays: dict[str, np.ndarray]) -> LayerRecord:
    if "pattern" in record:
        return LayerRecord(FinishedPatterns(torch.from_numpy(arrays[record["pattern"]])))
    tensors = {name: torch.from_numpy(arrays[stored]) for name, stored in record["tensors"].items()}
    reads = record.get("kv_heads_of")  # absent from files that are older than uneven groups
    call = AttentionCall(
        **tensors,
        scaling=record["scaling"],
        causal=record["causal"],
        softcap=record["softcap"],
        kv_heads_of=None if reads is None else tuple(reads),
    )
    if reads is not None and (len(reads) != call.heads or not {*reads} <= {*range(len(call.key))}):
        raise ValueError(f"{call.heads} heads cannot read key/value heads {reads}")
    norms = record["value_norms"]
    known = None if norms is None else torch.from_numpy(arrays[norms])
    return LayerRecord(call, value_norms=known, latent=_restore_latent(record.get("latent"), arrays))


def _restore_latent(latent: dict[str, Any] | None, arrays: dict[str, np.ndarray]) -> LatentRecord | None:
    if latent is None:  # another kind of attention, or a file from before latents were kept
        return None
    query = None if latent["query"] is None else torch.from_numpy(arrays[latent["query"]])
    return LatentRecord(torch.from_numpy(arrays[latent["kv"]]), query, latent["rope"])


def _candidates(arrays: dict[str, np.ndarray], head: dict[str, Any]):
    """Probabilities over the vocabulary, 0 for all but the kept candidates, and the strings of these."""
    if not head["places"]:
        return torch.zeros(0, 0), lambda ids: ()
    ids = torch.from_numpy(arrays["candidate_ids"])
    strings = {
        token_id: token
        for row, tokens in zip(ids.tolist(), head["candidates"], strict=True)
        for token_id, token in zip(row, tokens, strict=True)
    }
    predictions = torch.zeros(len(ids), max(strings) + 1)
    predictions.scatter_(1, ids, torch.from_numpy(arrays["candidate_probabilities"]))
    return predictions, lambda wanted: tuple(strings[token_id] for token_id in wanted)


def _array(tensor: Tensor) -> np.ndarray:
    tensor = tensor.detach().cpu()
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
