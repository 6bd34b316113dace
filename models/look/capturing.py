"""Run a text through a model once and keep what every head's pattern can be replayed from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from models.errors import BadSelection, UnsupportedModel
from models.look import generation
from models.look.captured import Capture
from models.run.attention_call import AttentionCall
from models.run.eager import eager_patterns
from models.run.forward_pass import forward_pass
from models.run.head_gates import Heads, gates, hop_gates, known_hops, switched_off
from models.run.inputs import Encoded, Text, encode, encode_pair, with_target
from models.run.latent_cut import LatentCut, cuts, listed
from models.run.latent_tap import latent_record
from models.run.model import AttentionModel
from models.run.records import FinishedPatterns, LayerRecord, output_weight
from models.run.tap import Tap, tapped
from models.run.tokens import display_tokens

TARGET_TOKENS = 32  # how far an encoder-decoder is let write where no target was given


def capture(
    model: AttentionModel,
    text: Text | None = None,
    *,
    source: str | None = None,
    target: str | None = None,
    heads_off: Heads = (),
    latents_off: LatentCut | Iterable[LatentCut] = (),
    hops_off: Iterable[int] = (),
    max_tokens: int | None = None,
) -> Capture:
    """Run a text through a model and keep what its heads did.

    text: a string, or a pair of strings for an encoder; an encoder-decoder takes source= and target= (where no target
    is given, the model writes one greedily, or without a language head reads the source again). heads_off: (layer, head)
    of the default stack, whose output is zeroed before the output projection for this run alone; or a HeadsOff, for
    another stack or replacement. latents_off: parts of what latent attention (MLA) caches that no head can read, for this
    run alone. hops_off: hops of a memory network, counted from 0, of which nothing that is read goes on, for this run alone.
    max_tokens: cut the text there (Capture.dropped says how much went); without it a text beyond the model's context raises
    TextTooLong. Raises BadText, BadSelection.
    """
    encoded = encode_for(model, text, source=source, target=target, max_tokens=max_tokens)
    return capture_inputs(model, encoded, heads_off=heads_off, latents_off=latents_off, hops_off=hops_off)


def capture_inputs(
    model: AttentionModel,
    encoded: Encoded,
    *,
    heads_off: Heads = (),
    latents_off: LatentCut | Iterable[LatentCut] = (),
    hops_off: Iterable[int] = (),
) -> Capture:
    """The same for a text that is encoded already."""
    return _run(model, encoded, heads_off, latents_off, hops_off)[0]


def capture_with_logits(
    model: AttentionModel, encoded: Encoded, *, heads_off: Heads = ()
) -> tuple[Capture, Tensor | None]:
    """The same with the logits of all positions [pos, vocab]; None where the model has no language head."""
    run, output = _run(model, encoded, heads_off, (), all_logits=True)
    logits = getattr(output, "logits", None)
    return run, None if logits is None else logits[0]


def _run(
    model: AttentionModel,
    encoded: Encoded,
    heads_off: Heads,
    latents_off: LatentCut | Iterable[LatentCut],
    hops_off: Iterable[int] = (),
    all_logits: bool = False,
) -> tuple[Capture, Any]:
    cut, hops = listed(latents_off), known_hops(model, hops_off)
    # A call all of whose heads are off needs no gate on its hops.
    tap = Tap(gates=hop_gates(model, hops) | gates(model, heads_off), cuts=cuts(model, cut))
    if model.plan.route == "eager":
        layers_of, output = _eager_layers(model, encoded, all_logits)
    else:
        layers_of, output = _tapped_layers(model, encoded, tap, all_logits)
    predictions, places = _predictions(model, encoded, output)
    run = Capture(
        geometry=model.geometry,
        layers_of=layers_of,
        ids=encoded.ids,
        token_strings=encoded.tokens,
        predictions=predictions,
        places=places,
        vocabulary=_vocabulary(model.tokenizer),
        model_name=model.name,
        dropped=encoded.dropped,
        second_start=encoded.second_start,
        switched_off=replace(switched_off(model, heads_off), hops=hops),
        latents_off=cut,
    )
    return run, output


def _vocabulary(tokenizer: PreTrainedTokenizerBase | None) -> Callable[[Sequence[int]], tuple[str, ...]]:
    """Names of token ids; it keeps the tokenizer alone, not the model."""
    if tokenizer is None:
        return lambda ids: tuple(f"<{token_id}>" for token_id in ids)
    return partial(display_tokens, tokenizer)


def encode_for(
    model: AttentionModel,
    text: Text | None = None,
    *,
    source: str | None = None,
    target: str | None = None,
    max_tokens: int | None = None,
) -> Encoded:
    """What a model's forward pass takes of a text; the arguments of `capture`."""
    if model.geometry.role != "encoder-decoder":
        if text is None:
            raise BadSelection(f"{model.name} is no encoder-decoder; give its text as the second argument.")
        return encode(model, text, max_tokens)
    source = source if source is not None else text if isinstance(text, str) else None
    if source is None:
        raise BadSelection(f"{model.name} is an encoder-decoder; give source= and, if you like, target=.")
    if target is not None:
        return encode_pair(model, source, target, max_tokens)
    if not model.module.can_generate():  # reads the text with both halves, as BART's classifiers were trained
        return encode_pair(model, source, source, max_tokens)
    given = encode(model, source, max_tokens)
    return with_target(model, given, generation.write_target(model, given, TARGET_TOKENS), max_tokens)


@torch.inference_mode()
def forward(model: AttentionModel, encoded: Encoded, all_logits: bool = False, **extra: Any) -> Any:
    """One pass over a text; all_logits: of every position, not of the last one alone."""
    return forward_pass(model.module, encoded.inputs, last_only=not all_logits, **extra)


def _tapped_layers(
    model: AttentionModel, encoded: Encoded, tap: Tap, all_logits: bool
) -> tuple[dict[str, tuple[LayerRecord, ...]], Any]:
    """tap: what is switched off; this pass is observed through it."""
    sites = model.plan.sites
    layers_of: dict[str, list[LayerRecord]] = {stack: [] for stack in model.plan.stacks}
    seen = 0

    def observe(module: nn.Module, call: AttentionCall | FinishedPatterns, output: Tensor) -> None:
        nonlocal seen
        site = sites[seen] if seen < len(sites) else None
        seen += 1
        if site is None or site.companion:
            return
        name = site.output_projection
        weight = None if name is None else output_weight(model.module.get_submodule(name))
        layers_of[site.stack].append(LayerRecord(call, weight, latent=latent_record(tap, module)))

    tap.observer = observe
    with tapped(tap):
        output = forward(model, encoded, all_logits)
    if not sites:
        raise BadSelection(f"{model.name} has no attention to look at; choose another model.")
    if seen != len(sites):
        raise UnsupportedModel(
            f"{model.name} made {seen} attention calls on this text but {len(sites)} when it was loaded, so heads cannot "
            "be matched to layers; this model is not supported."
        )
    return {stack: tuple(records) for stack, records in layers_of.items()}, output


def _eager_layers(
    model: AttentionModel, encoded: Encoded, all_logits: bool
) -> tuple[dict[str, tuple[LayerRecord, ...]], Any]:
    output = forward(model, encoded, all_logits, output_attentions=True)
    layers_of = {
        stack: tuple(LayerRecord(FinishedPatterns(pattern[0])) for pattern in eager_patterns(output, stack))
        for stack in model.plan.stacks
    }
    return layers_of, output


def _predictions(model: AttentionModel, encoded: Encoded, output: Any) -> tuple[Tensor, tuple[int, ...]]:
    logits = getattr(output, "logits", None)
    if logits is None:
        return torch.zeros(0, 0, dtype=torch.float32), ()
    ids = encoded.ids.get("text", encoded.ids.get("target", ()))
    places = _masks(model, ids) if model.geometry.role == "encoder" else (len(ids) - 1,)
    chosen = logits[0, list(places)] if model.geometry.role == "encoder" else logits[0, -1:]
    return torch.softmax(chosen.float(), dim=-1).cpu(), places


def _masks(model: AttentionModel, ids: tuple[int, ...]) -> tuple[int, ...]:
    mask = getattr(model.tokenizer, "mask_token_id", None)
    return tuple(pos for pos, token_id in enumerate(ids) if mask is not None and token_id == mask)
