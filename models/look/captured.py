"""What is kept of one text's run through one model, and everything that can be asked of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from jaxtyping import Float32
from torch import Tensor

from models.errors import BadSelection
from models.look.latent_views import LatentViews
from models.look.overview import Overview, overview
from models.look.scores import Scores
from models.progress import Progress, no_progress
from models.run.attention_call import AttentionCall
from models.run.latent_cut import LatentCut
from models.run.records import FinishedPatterns, LayerRecord
from models.run.switched_off import SwitchedOff
from models.shape.attention_geometry import Geometry
from models.shape.removed_heads import Head

_CALL_TENSORS = ("query", "key", "value", "mask", "position_bias", "sinks")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A word-piece that may stand at the predicted place, with its probability."""

    token: str
    token_id: int
    probability: float


@dataclass(eq=False)
class Capture(LatentViews):
    """One text's run through one model. Patterns are worked out when asked for, from the queries and keys kept.

    layers_of[stack]: the stack's layers in order. ids: token ids per axis ("text", or "source" and "target"; of a memory
    network "text", "hop" and "memory", the latter two counted from 0).
    predictions: probabilities of the predicted token, float32 [place, vocab]; places: their positions in the text.
    second_start: position of a sentence pair's second sentence; dropped: tokens beyond max_tokens, left out.
    switched_off, latents_off: what was switched off in this run. What its caches hold is in models.look.latent_views.
    """

    geometry: Geometry
    layers_of: dict[str, tuple[LayerRecord, ...]]
    ids: dict[str, tuple[int, ...]]
    token_strings: dict[str, tuple[str, ...]]
    predictions: Float32[Tensor, "place vocab"]
    places: tuple[int, ...]
    vocabulary: Callable[[list[int]], tuple[str, ...]]
    model_name: str = ""
    dropped: int = 0
    second_start: int | None = None
    switched_off: SwitchedOff = field(default_factory=SwitchedOff)
    latents_off: tuple[LatentCut, ...] = ()
    _overviews: dict[tuple[str, int], Overview] = field(default_factory=dict, repr=False)

    # --- what was read -------------------------------------------------------------------------------------------

    @property
    def tokens(self) -> tuple[str, ...]:
        """Display strings of the text; of the target where the model is an encoder-decoder."""
        return self.token_strings["text" if "text" in self.token_strings else "target"]

    @property
    def source_tokens(self) -> tuple[str, ...]:
        """Display strings of what an encoder-decoder's encoder read. Raises BadSelection for other models."""
        return self._axis("source")

    @property
    def target_tokens(self) -> tuple[str, ...]:
        """Display strings of what its decoder read. Raises BadSelection for other models."""
        return self._axis("target")

    def _axis(self, name: str) -> tuple[str, ...]:
        if name not in self.token_strings:
            raise BadSelection(
                f"{self.model_name} is no encoder-decoder, so it has no {name} tokens; use .tokens."
            )
        return self.token_strings[name]

    @property
    def heads_off(self) -> tuple[Head, ...]:
        """(layer, head) of those that were off; .switched_off says whose they are and what stood for them."""
        return self.switched_off.heads

    @property
    def hops_off(self) -> tuple[int, ...]:
        """Hops of a memory network that were off, counted from 0."""
        return self.switched_off.hops

    @property
    def stacks(self) -> tuple[str, ...]:
        """Names of the stacks that were captured: "decoder", "encoder", "cross", "memory"."""
        return tuple(self.layers_of)

    @property
    def stack(self) -> str:
        """The stack that is meant where none is named: the only one, or the decoder."""
        return "decoder" if "decoder" in self.layers_of else self.stacks[0]

    def layers(self, stack: str | None = None) -> int:
        """How many layers with attention a stack (None: the default one) has. Raises BadSelection for one that is not there."""
        return len(self._stack(stack))

    def heads(self, layer: int, stack: str | None = None) -> int:
        """How many heads a layer has. Raises BadSelection."""
        return self._record(layer, stack).attention.heads

    def query_tokens(self, stack: str | None = None) -> tuple[str, ...]:
        """Display strings of the tokens that look, one for each row of a pattern."""
        return self.token_strings[self._axes(stack)[0]]

    def key_tokens(self, stack: str | None = None) -> tuple[str, ...]:
        """Display strings of the tokens that are looked at, one for each column of a pattern."""
        return self.token_strings[self._axes(stack)[1]]

    def reads_itself(self, stack: str | None = None) -> bool:
        """Whether a stack's queries and keys are the same text."""
        queries, keys = self._axes(stack)
        return queries == keys

    def _axes(self, stack: str | None) -> tuple[str, str]:
        if "memory" in self.token_strings:
            return "hop", "memory"
        if "text" in self.token_strings:
            return "text", "text"
        return {
            "encoder": ("source", "source"),
            "decoder": ("target", "target"),
            "cross": ("target", "source"),
        }[stack or self.stack]

    # --- what the heads did --------------------------------------------------------------------------------------

    def pattern(
        self, layer: int, head: int | None = None, stack: str | None = None
    ) -> Float32[Tensor, "*head query key"]:
        """Attention after the softmax, float32 [query, key], or [head, query, key] where head is None.

        Rows sum to 1, or to less where a learned sink takes its share. Raises BadSelection.
        """
        return self._record(layer, stack, head).attention.weights(head).cpu()

    def query(self, layer: int, head: int, stack: str | None = None) -> Float32[Tensor, "query d_head"]:
        """The head's queries after rotary embedding, float32 [query, d_head]."""
        return self._call(layer, stack, head).query[head].float().cpu()

    def key(self, layer: int, head: int, stack: str | None = None) -> Float32[Tensor, "key d_head"]:
        """The keys that the head reads (shared within its group), float32 [key, d_head]."""
        call = self._call(layer, stack, head)
        return call.key[call.kv_head(head)].float().cpu()

    def value(self, layer: int, head: int, stack: str | None = None) -> Float32[Tensor, "key d_value"]:
        """The values that the head reads (shared within its group), float32 [key, d_value]."""
        call = self._call(layer, stack, head)
        return call.value[call.kv_head(head)].float().cpu()

    def attention_scores(
        self, layer: int, head: int, stack: str | None = None
    ) -> Float32[Tensor, "query key"]:
        """Scores before the softmax, float32 [query, key]; the lowest float where a key is hidden."""
        return self._call(layer, stack, head).scores(head).cpu()

    def adds_to_product(self, layer: int, stack: str | None = None) -> bool:
        """Whether the model does more to query-key products than scale and mask them (position bias, soft cap)."""
        call = self._call(layer, stack)
        return call.position_bias is not None or call.softcap is not None

    def scaling(self, layer: int, stack: str | None = None) -> float:
        """What query-key products are multiplied with before the softmax."""
        return self._call(layer, stack).scaling

    def value_weighted(self, layer: int, head: int, stack: str | None = None) -> Float32[Tensor, "query key"]:
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

    def rollout(self, stack: str | None = None) -> Float32[Tensor, "query key"]:
        """Attention rollout over all layers of a stack, float32 [query, key]; rows sum to 1.

        Source: Abnar & Zuidema 2020 (arXiv 2005.00928), section 3: product of (A + I) / 2, A averaged over heads.
        """
        name = stack or self.stack
        records = self._stack(name)
        if not self.reads_itself(name):
            raise BadSelection(
                f"Rollout needs one text on both axes, and {name} attention has two: {self._instead()}."
            )
        rolled = torch.eye(records[0].attention.queries, device=_device(records[0]), dtype=torch.float32)
        for record in records:
            mean = torch.zeros_like(rolled)
            for head in range(record.attention.heads):
                mean += record.attention.weights(head) / record.attention.heads
            mean /= mean.sum(-1, keepdim=True)  # learned sinks leave rows short of 1
            rolled = (0.5 * (mean @ rolled)).add_(rolled, alpha=0.5)
        return rolled.cpu()

    def _instead(self) -> str:
        """Whose rollout can be had."""
        own = [stack for stack in self.stacks if self.reads_itself(stack)]
        return f"choose {' or '.join(own)}" if own else f"{self.model_name} has no other attention"

    def tiles(
        self, size: int = 32, stack: str | None = None, *, progress: Progress = no_progress
    ) -> Float32[Tensor, "layer head size size"]:
        """Small picture of every head, float32 [layer, head, size, size]; see models.look.overview."""
        return self._overview(stack, size, progress).tiles

    def scores(self, stack: str | None = None) -> Scores:
        """What every head does with this text, beside its chance level."""
        name = stack or self.stack
        known = [value for (known_stack, _), value in list(self._overviews.items()) if known_stack == name]
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
        best = self.predictions[place].topk(min(max(k, 0), self.predictions.shape[1]))
        possible = int((best.values > 0).sum())  # a reopened capture knows its likeliest tokens only
        ids = best.indices[:possible].tolist()
        strings, probabilities = self.vocabulary(ids), best.values[:possible].tolist()
        return tuple(map(Candidate, strings, ids, probabilities))

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
            if record.latent is not None:
                yield from (t for t in (record.latent.kv, record.latent.query) if t is not None)
        for made in list(self._overviews.values()):
            yield made.tiles

    def save(self, path: str | Path) -> None:
        """Write everything needed to reopen, as .npz without pickles."""
        from models.look.capture_file import save

        save(self, Path(path))

    @staticmethod
    def load(path: str | Path) -> Capture:
        """Reopen a saved capture; raises HeadlightError where the file is not one."""
        from models.look.capture_file import load

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


def _device(record: LayerRecord) -> torch.device:
    attention = record.attention
    return attention.pattern.device if isinstance(attention, FinishedPatterns) else attention.query.device
