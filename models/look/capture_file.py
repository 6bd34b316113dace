"""A capture as one .npz file: arrays and a line of JSON, no pickles, so that a file from a stranger is safe to open."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from models.errors import HeadlightError
from models.look.array_file import ArrayFile, Unsound
from models.look.capture_check import check_description, check_vocabulary
from models.run.attention_call import AttentionCall
from models.run.latent_cut import LatentCut
from models.run.latent_record import LatentRecord
from models.run.records import FinishedPatterns, LayerRecord
from models.run.switched_off import SwitchedOff
from models.shape.attention_geometry import Geometry

if TYPE_CHECKING:
    from models.look.captured import Capture

FORMAT = "headlight-capture"
VERSION = 1
CANDIDATES = (
    100  # predictions are kept for the likeliest tokens only: a whole vocabulary helps nobody in a file
)
TENSORS = ("query", "key", "value", "mask", "position_bias", "sinks")


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

    try:
        with ArrayFile(path) as file:
            head = _head(path, file)
            check_description(head, file)
            return _capture(head, file)
    except FileNotFoundError:
        raise HeadlightError(
            f"There is no file {path}; give the path of a capture saved by Headlight."
        ) from None
    except Unsound as error:
        raise HeadlightError(
            f"{path} is damaged, or no capture saved by Headlight: {error}; save it again."
        ) from None


def _head(path: Path, file: ArrayFile) -> dict[str, Any]:
    """The description, once it is known that it is one of this format and version."""
    head = file.text()
    told = (head.get("format"), head.get("version")) if isinstance(head, dict) else (None, None)
    if told[0] != FORMAT:
        raise Unsound("it was not saved by Headlight")
    if told[1] != VERSION:
        raise HeadlightError(
            f"{path} holds {FORMAT} version {str(told[1])[:20]}, but version {VERSION} is read here; save it again with "
            "this version."
        )
    return head


def _capture(head: dict[str, Any], file: ArrayFile) -> Capture:
    from models.look.captured import Capture

    predictions, vocabulary = _candidates(file, head)
    return Capture(
        geometry=_geometry(head["geometry"]),
        layers_of={
            stack: tuple(_restore(record, file) for record in records)
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
        latents_off=_latents_off(head),
    )


def _geometry(held: dict[str, Any]) -> Geometry:
    try:
        return Geometry(**held)
    except (TypeError, ValueError):
        raise Unsound("its geometry is that of another version, or of none") from None


def _latents_off(head: dict[str, Any]) -> tuple[LatentCut, ...]:
    try:
        return tuple(LatentCut(**cut) for cut in head.get("latents_off", ()))
    except (HeadlightError, TypeError, ValueError, OverflowError):
        raise Unsound("what was cut of its latents is not what it should be") from None


def _switched_off(head: dict[str, Any]) -> SwitchedOff:
    heads = tuple((layer, number) for layer, number in head["heads_off"])
    told = head.get("switched_off")
    if told is None:  # a file from before this was kept
        only = next(iter(head["stacks"])) if len(head["stacks"]) == 1 else None
        return SwitchedOff(heads, only, "unknown") if heads else SwitchedOff()
    if not isinstance(told, dict) or (heads and told.get("stack") not in head["stacks"]):
        raise Unsound("heads of a stack that is not here were off")
    try:
        hops = tuple(told.get("hops", ()))  # absent from files that are older than memory networks
        return SwitchedOff(heads, told["stack"], told["stood_in"], told["source"], hops)
    except (KeyError, TypeError, ValueError):
        raise Unsound("what stood for the heads that were off is not what it should be") from None


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


def _restore(record: dict[str, Any], file: ArrayFile) -> LayerRecord:
    """A layer whose description has been checked."""
    if "pattern" in record:
        return LayerRecord(FinishedPatterns(_tensor(file, record["pattern"])))
    reads = record.get("kv_heads_of")  # absent from files that are older than uneven groups
    call = AttentionCall(
        **{name: _tensor(file, stored) for name, stored in record["tensors"].items()},
        scaling=float(record["scaling"]),
        causal=record["causal"],
        softcap=record["softcap"],
        kv_heads_of=None if reads is None else tuple(reads),
    )
    norms, latent = record.get("value_norms"), record.get("latent")
    return LayerRecord(
        call,
        value_norms=None if norms is None else _tensor(file, norms),
        latent=None if latent is None else _restore_latent(latent, file),
    )


def _restore_latent(latent: dict[str, Any], file: ArrayFile) -> LatentRecord:
    query = latent.get("query")
    return LatentRecord(
        _tensor(file, latent["kv"]), None if query is None else _tensor(file, query), latent["rope"]
    )


def _candidates(file: ArrayFile, head: dict[str, Any]):
    """Probabilities over the vocabulary, 0 for all but the kept candidates, and the strings of these."""
    if not head["places"]:
        return torch.zeros(0, 0, dtype=torch.float32), lambda ids: ()
    check_vocabulary(file.array("candidate_ids"))
    ids = _tensor(file, "candidate_ids")
    strings = {
        token_id: token
        for row, tokens in zip(ids.tolist(), head["candidates"], strict=True)
        for token_id, token in zip(row, tokens, strict=True)
    }
    predictions = torch.zeros(len(ids), max(strings) + 1, dtype=torch.float32)
    predictions.scatter_(1, ids, _tensor(file, "candidate_probabilities"))
    return predictions, lambda wanted: tuple(strings[token_id] for token_id in wanted)


def _tensor(file: ArrayFile, name: str) -> Tensor:
    array = file.array(name)
    return torch.from_numpy(array.astype(array.dtype.newbyteorder("="), copy=False))


def _array(tensor: Tensor) -> np.ndarray:
    tensor = tensor.detach().cpu()
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
