"""One text's residual stream: what a pass must keep so that it can be split into what the model's parts wrote."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from models.errors import BadSelection
from models.look.captured import Capture
from models.look.capturing import encode_for
from models.run.inputs import Encoded
from models.run.model import AttentionModel
from models.why.block_writes import BlockWrites, block_writes, demand_blocks, projection
from models.why.readout import Readout, find_readout, head_path
from models.why.watching import tensors_in, watched_pass


@dataclass(frozen=True, eq=False)
class ResidualStream:
    """One text's run with what every part wrote, which any number of questions are asked of.

    run: the capture. blocks: in the order in which they ran; their first reads what the embedding wrote. readout: from the last
    one's end to the logits. logits: before a final soft cap, in the model's number format. Holds none of the model's weights.
    """

    run: Capture
    blocks: tuple[BlockWrites, ...]
    readout: Readout
    logits: Float[Tensor, "pos vocab"]

    @property
    def embedding(self) -> Float[Tensor, "pos d_model"]:
        """What went into the first block: token and position embeddings, norm and factor, where the model has them."""
        return self.blocks[0].before

    @property
    def layers(self) -> tuple[BlockWrites, ...]:
        """The blocks with attention, one for each layer of the capture."""
        return tuple(block for block in self.blocks if block.site is not None)

    @property
    def nbytes(self) -> int:
        """Bytes held, each piece of storage counted once."""
        kept = {
            tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in self._kept()
        }
        return self.run.nbytes + sum(kept.values())

    def _kept(self) -> Iterator[Tensor]:
        yield self.logits
        for block in self.blocks:
            yield from (block.before, block.after, block.mlp)
            yield from (kept for kept in (block.attention, block.outputs) if kept is not None)
            if block.called is not None:
                yield from tensors_in(block.called.arguments)

    def place(self, position: int) -> int:
        """A position of the text, counted from 0, or from its end where it is below. Raises BadSelection."""
        count = len(self.run.tokens)
        try:
            place = operator.index(position)
        except TypeError:
            raise BadSelection(f"A position is a whole number from 0, but {position!r} came.") from None
        if not -count <= place < count:
            raise BadSelection(
                f"Position {place} is outside of the text, which has {count} tokens (0 to {count - 1}, or -1 for the last)."
            )
        return place % count


def residual_stream(
    model: AttentionModel, text: str | Capture | ResidualStream, *, max_tokens: int | None = None
) -> ResidualStream:
    """Run a text and keep what every part of the model wrote into its residual stream.

    text: a text, a capture of one with nothing switched off, or what this gave for it before, which is handed back.
    max_tokens: cut a text there. Raises BadText, TextTooLong, BadSelection, and UnsupportedModel for a class whose parts do not
    add up to its own residual stream and logits.
    """
    if isinstance(text, ResidualStream | Capture):
        _demand_own(model, text.run if isinstance(text, ResidualStream) else text)
    if isinstance(text, ResidualStream):
        return text
    _demand_decoder(model)
    head, width = head_path(model), _width(model)
    encoded = (
        _again(model, text) if isinstance(text, Capture) else encode_for(model, text, max_tokens=max_tokens)
    )
    watched = watched_pass(model, encoded, width, head)
    assert watched.logits is not None, "a model with a language head gives logits"
    blocks = block_writes(model, watched.calls)
    readout, logits = find_readout(model, watched.calls, blocks[-1].after, watched.logits)
    return ResidualStream(watched.run, blocks, readout, logits)


def _demand_own(model: AttentionModel, run: Capture) -> None:
    if run.model_name != model.name:
        raise BadSelection(
            f"This run is of {run.model_name}, but the model that came is {model.name}: give the model that made it."
        )
    if run.heads_off or run.hops_off or run.latents_off:
        raise BadSelection(
            "This run was made with parts switched off, and the split is of the whole model: give a run with all of them on."
        )


def _demand_decoder(model: AttentionModel) -> None:
    if model.geometry.role != "decoder" or model.plan.stacks != ("decoder",):
        raise BadSelection(
            f"{model.name} does not read each token from those before it alone ({model.geometry.role}), and so far only what a "
            "decoder says next can be explained; choose a decoder."
        )
    if model.plan.route != "registry":
        raise BadSelection(
            f"{model.name} computes attention outside of transformers' attention registry, so what its heads write is not "
            "seen; choose another model."
        )


def _width(model: AttentionModel) -> int:
    demand_blocks(model)
    return projection(model, str(model.plan.sites[0].output_projection))[0].shape[1]


def _again(model: AttentionModel, run: Capture) -> Encoded:
    """The text of a capture as the model reads it."""
    ids = torch.tensor([run.ids["text"]], device=model.device)
    inputs: dict[str, Any] = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    return Encoded(inputs, run.ids, run.token_strings, run.dropped, run.second_start)
