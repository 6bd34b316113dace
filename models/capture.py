"""Run a text through a model once and keep what every head's pattern can be replayed from."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from models import generation
from models.attention_call import AttentionCall
from models.eager import eager_patterns
from models.errors import BadSelection, UnsupportedModel
from models.geometry import Geometry
from models.inputs import Encoded, Text, encode, encode_pair, with_target
from models.model import AttentionModel
from models.overview import Overview, overview
from models.progress import Progress, no_progress
from models.records import FinishedPatterns, LayerRecord, output_weight
from models.scores import Scores
from models.tap import Tap, tapped

TARGET_TOKENS = 32  # how far an encoder-decoder is let write where no target was given


@dataclass(frozen=True, slots=True)
class Candidate:
    """A word-piece that may stand at the predicted place, with its probability."""

    token: str
    token_id: int
    probability: float


@dataclass(eq=False)
class Capture:
    """One text's run through one model. Patterns are worked out when asked for, from the queries and keys kept.

    layers_of[stack]: the stack's layers in order. ids: token ids per axis ("text", or "source" and "target").
    predictions: probabilities of the predicted token, float32 [place, vocab]; places: their positions in the text.
    second_start: position of a sentence pair's second sentence; dropped: tokens beyond max_tokens, left out.
    """

    geometry: Geometry
    layers_of: dict[str, tuple[LayerRecord, ...]]
    ids: dict[str, tuple[int, ...]]
    token_strings: dict[str, tuple[str, ...]]
    predictions: Tensor
    places: tuple[int, ...]
    vocabulary: Callable[[list[int]], tuple[str, ...]]
    model_name: str = ""
    dropped: int = 0
    second_start: int | None = None
    heads_off: tuple[tuple[int, int], ...] = ()
    _overviews: dict[tuple[str, int], Overview] = field(default_factory=dict, repr=False)

    # --- what was read -------------------------------------------------------------------------------------------

    @property
    def tokens(self) -> tuple[str, ...]:
        """Display strings of the text; of the target where the model is an encoder-decoder."""
        return self.token_strings["text" if "text" in self.token_strings else "target"]

    @property
    def source_tokens(self) -> tuple[str, ...]:
        return self._axis("source")

    @property
    def target_tokens(self) -> tuple[str, ...]:
        return self._axis("target")

    def _axis(self, name: str) -> tuple[str, ...]:
        if name not in self.token_strings:
            raise BadSelection(
                f"{self.model_name} is no encoder-decoder, so it has no {name} tokens; use .tokens."
            )
        return self.token_strings[name]

    @property
    def stacks(self) -> tuple[str, ...]:
        return tuple(self.layers_of)

    @property
    def stack(self) -> str:
        """The stack that is meant where none is named: the only one, or the decoder."""
        return "decoder" if "decoder" in self.layers_of else self.stacks[0]

    def layers(self, stack: str | None = None) -> int:
        return len(self._stack(stack))

    def heads(self, layer: int, stack: str | None = None) -> int:
        return self._record(layer, stack).attention.heads

    def query_tokens(self, stack: str | None = None) -> tuple[str, ...]:
        return self.token_strings[self._axes(stack)[0]]

    def key_tokens(self, stack: str | None = None) -> tuple[str, ...]:
        return self.token_strings[self._axes(stack)[1]]

    def _axes(self, stack: str | None) -> tuple[str, str]:
        if "text" in self.token_strings:
            return "text", "text"
        return {
            "encoder": ("source", "source"),
            "decoder": ("target", "target"),
            "cross": ("target", "source"),
        }[stack or self.stack]

    # --- what the heads did --------------------------------------------------------------------------------------

    def pattern(self, layer: int, head: int | None = None, stack: str | None = None) -> Tensor:
        """Attention after the softmax, float32 [query, key], or [head, query, key] where head is None.

        Rows sum to 1, or to less where a learned sink takes its share. Raises BadSelection.
        """
        return self._record(layer, stack, head).attention.weights(head).cpu()

    def query(self, layer: int, head: int, stack: str | None = None) -> Tensor:
        """The head's queries after rotary embedding, float32 [query, d_head]."""
        return self._call(layer, stack, head).query[head].float().cpu()

    def key(self, layer: int, head: int, stack: str | None = None) -> Tensor:
        """The keys that the head reads (shared within its group), float32 [key, d_head]."""
        call = self._call(layer, stack, head)
        return call.key[call.kv_head(head)].float().cpu()

    def value(self, layer: int, head: int, stack: str | None = None) -> Tensor:
        """The values that the head reads (shared within its group), float32 [key, d_value]."""
        call = self._call(layer, stack, head)
        return call.value[call.kv_head(head)].float().cpu()

    def attention_scores(self, layer: int, head: int, stack: str | None = None) -> Tensor:
        """Scores before the softmax, float32 [query, key]; the lowest float where a key is hidden."""
        return self._call(layer, stack, head).scores(head).cpu()

    def adds_to_product(self, layer: int, stack: str | None = None) -> bool:
        """Whether the model does more to query-key products than scale and mask them (position bias, soft cap)."""
        call = self._call(layer, stack)
        return call.position_bias is not None or call.softcap is not None

    def scaling(self, layer: int, stack: str | None = None) -> float:
        """What query-key products are multiplied with before the softmax."""
        return self._call(layer, stack).scaling

    def value_weighted(self, layer: int, head: int, stack: str | None = None) -> Tensor:
        """Norm of each weighted value as it is written to the residual stream, ||a v W_O||, float32 [query, key].

        Source: Kobayashi et al. 2020 (arXiv 2004.10102), equation 5. Raises BadSelection where heads are mixed before
        the output projection, so that a head has no write of its own.
        """
        record = self._record(layer, stack, head)
        norms = record.norms()
        if norms is None:
            raise BadSelection(
                f"{self.model_name} does not pass its heads unchanged to an output projection, so value-weighted "
                "attention is not defined for it; look at the plain weights."
            )
        return (record.attention.weights(head) * norms[head]).cpu()

    def rollout(self, stack: str | None = None) -> Tensor:
        """Attention rollout over all layers of a stack, float32 [query, key]; rows sum to 1.

        Source: Abnar & Zuidema 2020 (arXiv 2005.00928), section 3: product of (A + I) / 2, A averaged over heads.
        """
        name = stack or self.stack
        if name == "cross":
            raise BadSelection(
                "Rollout needs one text on both axes; choose the encoder or the decoder, not cross."
            )
        records = self._stack(name)
        rolled = torch.eye(records[0].attention.queries, device=_device(records[0]))
        for record in records:
            mean = torch.zeros_like(rolled)
            for head in range(record.attention.heads):
                mean += record.attention.weights(head) / record.attention.heads
            mean /= mean.sum(-1, keepdim=True)  # learned sinks leave rows short of 1
            rolled = (0.5 * (mean @ rolled)).add_(rolled, alpha=0.5)
        return rolled.cpu()

    def tiles(self, size: int = 32, stack: str | None = None, progress: Progress = no_progress) -> Tensor:
        """Small picture of every head, float32 [layer, head, size, size]; see models.overview."""
        return self._overview(stack, size, progress).tiles

    def scores(self, stack: str | None = None) -> Scores:
        """What every head does with this text, beside its chance level."""
        name = stack or self.stack
        known = [value for (known_stack, _), value in self._overviews.items() if known_stack == name]
        return (known[0] if known else self._overview(name, 32)).scores

    def _overview(self, stack: str | None, size: int, progress: Progress = no_progress) -> Overview:
        name = stack or self.stack
        records = self._stack(name)
        if (name, size) not in self._overviews:
            query_axis, key_axis = self._axes(name)
            ids = self.ids[query_axis] if query_axis == key_axis else None
            self._overviews[name, size] = overview(records, ids, size, progress)
        return self._overviews[name, size]

    def top_next(self, k: int = 10, place: int = -1) -> tuple[Candidate, ...]:
        """The k likeliest next tokens; for a masked model, tokens at a mask. Empty where the model predicts no words.

        place: which predicted place, as an index into .places (a text may hold several masks).
        """
        if not self.places:
            return ()
        best = self.predictions[place].topk(min(k, self.predictions.shape[1]))
        strings = self.vocabulary(best.indices.tolist())
        return tuple(
            Candidate(token, token_id, probability)
            for token, token_id, probability in zip(
                strings, best.indices.tolist(), best.values.tolist(), strict=True
            )
        )

    # --- keeping it ----------------------------------------------------------------------------------------------

    @property
    def nbytes(self) -> int:
        """Bytes of memory that this capture keeps, each piece of storage counted once, the model's weights not."""
        return sum(
            {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in self._kept()}.values()
        )

    def _kept(self) -> Iterable[Tensor]:
        yield self.predictions
        for record in (record for records in self.layers_of.values() for record in records):
            attention = record.attention
            names = ("pattern",) if isinstance(attention, FinishedPatterns) else _CALL_TENSORS
            yield from (t for name in names if isinstance(t := getattr(attention, name), Tensor))
        for made in self._overviews.values():
            yield made.tiles

    def save(self, path: str | Path) -> None:
        """Write everything needed to reopen, as .npz without pickles."""
        from models.capture_file import save

        save(self, Path(path))

    @staticmethod
    def load(path: str | Path) -> Capture:
        """Reopen a saved capture; raises HeadlightError where the file is not one."""
        from models.capture_file import load

        return load(Path(path))

    # --- selection -----------------------------------------------------------------------------------------------

    def _stack(self, stack: str | None) -> tuple[LayerRecord, ...]:
        name = stack or self.stack
        if name not in self.layers_of:
            raise BadSelection(f"{self.model_name} has no {name!r} stack; it has {', '.join(self.stacks)}.")
        return self.layers_of[name]

    def _record(self, layer: int, stack: str | None, head: int | None = None) -> LayerRecord:
        records = self._stack(stack)
        if not 0 <= layer < len(records):
            raise BadSelection(
                f"Layer {layer} is out of range: the {stack or self.stack} has {len(records)} layers "
                f"(0 to {len(records) - 1})."
            )
        heads = records[layer].attention.heads
        if head is not None and not 0 <= head < heads:
            raise BadSelection(
                f"Head {head} is out of range: layer {layer} has {heads} heads (0 to {heads - 1})."
            )
        return records[layer]

    def _call(self, layer: int, stack: str | None, head: int | None = None) -> AttentionCall:
        attention = self._record(layer, stack, head).attention
        if isinstance(attention, FinishedPatterns):
            raise BadSelection(
                f"{self.model_name} only hands out finished patterns, so its queries, keys and values cannot be shown."
            )
        return attention


_CALL_TENSORS = ("query", "key", "value", "mask", "position_bias", "sinks")


def capture(
    model: AttentionModel,
    text: Text | None = None,
    *,
    source: str | None = None,
    target: str | None = None,
    heads_off: Iterable[tuple[int, int]] = (),
    max_tokens: int | None = None,
) -> Capture:
    """Run a text through a model and keep what its heads did.

    text: a string, or a pair of strings for an encoder; an encoder-decoder takes source= and target= (where no target
    is given, the model writes one greedily). heads_off: (layer, head) of the default stack, whose output is zeroed
    before the output projection for this run alone. max_tokens: cut the text there (Capture.dropped says how much
    went); without it a text beyond the model's context raises TextTooLong. Raises BadText, BadSelection.
    """
    encoded = _encode(model, text, source, target, max_tokens)
    return capture_inputs(model, encoded, heads_off=heads_off)


def capture_inputs(
    model: AttentionModel, encoded: Encoded, *, heads_off: Iterable[tuple[int, int]] = ()
) -> Capture:
    """The same for a text that is encoded already."""
    off = tuple(sorted(set(heads_off)))
    if model.plan.route == "eager":
        layers_of, output = _eager_layers(model, encoded, off)
    else:
        layers_of, output = _tapped_layers(model, encoded, off)
    predictions, places = _predictions(model, encoded, output)
    tokenizer = model.tokenizer
    from models.tokens import display_tokens

    return Capture(
        geometry=model.geometry,
        layers_of=layers_of,
        ids=encoded.ids,
        token_strings=encoded.tokens,
        predictions=predictions,
        places=places,
        vocabulary=lambda ids: display_tokens(tokenizer, ids),
        model_name=model.name,
        dropped=encoded.dropped,
        second_start=encoded.second_start,
        heads_off=off,
    )


def _encode(
    model: AttentionModel, text: Text | None, source: str | None, target: str | None, limit: int | None
) -> Encoded:
    if model.geometry.role != "encoder-decoder":
        if text is None:
            raise BadSelection(f"{model.name} is no encoder-decoder; give its text as the second argument.")
        return encode(model, text, limit)
    source = source if source is not None else text if isinstance(text, str) else None
    if source is None:
        raise BadSelection(f"{model.name} is an encoder-decoder; give source= and, if you like, target=.")
    if target is not None:
        return encode_pair(model, source, target, limit)
    given = encode(model, source, limit)
    return with_target(model, given, generation.write_target(model, given, TARGET_TOKENS), limit)


def gates(model: AttentionModel, off: Iterable[tuple[int, int]]) -> dict[int, Tensor]:
    """Gate per attention call that zeroes the given heads (layer, head) of the default stack. Raises BadSelection."""
    stack = "decoder" if "decoder" in model.plan.stacks else model.plan.stacks[0]
    made: dict[int, Tensor] = {}
    for layer, head in off:
        calls = model.plan.calls_of(stack, layer)
        heads = model.plan.sites[calls[0]].heads if calls else 0
        if not 0 <= head < heads:
            raise BadSelection(
                f"L{layer} H{head} cannot be switched off: {model.name} has {model.plan.layers(stack)} layers"
                + (
                    f" and layer {layer} has {heads} heads, both counted from 0."
                    if calls
                    else ", counted from 0."
                )
            )
        for call in calls:
            gate = made.setdefault(call, torch.ones(heads, device=model.device))
            gate[head] = 0.0
    return made


@torch.inference_mode()
def _forward(model: AttentionModel, encoded: Encoded, **extra: Any) -> Any:
    accepted = inspect.signature(model.module.forward).parameters
    if "use_cache" in accepted or hasattr(model.module.config, "use_cache"):
        extra["use_cache"] = False
    if "logits_to_keep" in accepted:
        extra["logits_to_keep"] = 1
    return model.module(**encoded.inputs, **extra)


def _tapped_layers(
    model: AttentionModel, encoded: Encoded, off: tuple[tuple[int, int], ...]
) -> tuple[dict[str, tuple[LayerRecord, ...]], Any]:
    sites = model.plan.sites
    layers_of: dict[str, list[LayerRecord]] = {stack: [] for stack in model.plan.stacks}
    seen = 0

    def observe(module: nn.Module, call: AttentionCall, output: Tensor) -> None:
        nonlocal seen
        site = sites[seen] if seen < len(sites) else None
        seen += 1
        if site is None or site.companion:
            return
        name = site.output_projection
        weight = None if name is None else output_weight(model.module.get_submodule(name))
        layers_of[site.stack].append(LayerRecord(call, weight))

    with tapped(Tap(observer=observe, gates=gates(model, off))):
        output = _forward(model, encoded)
    if seen != len(sites):
        raise UnsupportedModel(
            f"{model.name} made {seen} attention calls on this text but {len(sites)} when it was loaded, so heads cannot "
            "be matched to layers; this model is not supported."
        )
    return {stack: tuple(records) for stack, records in layers_of.items()}, output


def _eager_layers(
    model: AttentionModel, encoded: Encoded, off: tuple[tuple[int, int], ...]
) -> tuple[dict[str, tuple[LayerRecord, ...]], Any]:
    if off:
        raise BadSelection(
            f"{model.name} computes attention outside transformers' attention registry, so single heads cannot be "
            "switched off; choose another model."
        )
    output = _forward(model, encoded, output_attentions=True)
    layers_of = {
        stack: tuple(LayerRecord(FinishedPatterns(pattern[0])) for pattern in eager_patterns(output, stack))
        for stack in model.plan.stacks
    }
    return layers_of, output


def _predictions(model: AttentionModel, encoded: Encoded, output: Any) -> tuple[Tensor, tuple[int, ...]]:
    logits = getattr(output, "logits", None)
    if logits is None:
        return torch.zeros(0, 0), ()
    ids = encoded.ids.get("text", encoded.ids.get("target", ()))
    places = _masks(model, ids) if model.geometry.role == "encoder" else (len(ids) - 1,)
    chosen = logits[0, list(places)] if model.geometry.role == "encoder" else logits[0, -1:]
    return torch.softmax(chosen.float(), dim=-1).cpu(), places


def _masks(model: AttentionModel, ids: tuple[int, ...]) -> tuple[int, ...]:
    mask = getattr(model.tokenizer, "mask_token_id", None)
    return tuple(pos for pos, token_id in enumerate(ids) if mask is not None and token_id == mask)


def _device(record: LayerRecord) -> torch.device:
    attention = record.attention
    return attention.pattern.device if isinstance(attention, FinishedPatterns) else attention.query.device
