"""How hard each token of a text was to foresee: the loss, token by token."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Float32
from torch import Tensor
from torch.nn import functional

from models.errors import BadSelection
from models.run.forward_pass import forward_pass
from models.run.head_gates import Heads, gates
from models.run.inputs import Encoded, encode
from models.run.latent_cut import LatentCut, cuts
from models.run.model import AttentionModel
from models.run.tap import Tap, tapped

# Positions whose logits are taken to float32 at once: a large vocabulary would otherwise need the memory twice.
BLOCK = 256


def token_loss(
    model: AttentionModel,
    text: str | Encoded,
    *,
    heads_off: Heads = (),
    latents_off: LatentCut | Iterable[LatentCut] = (),
    max_tokens: int | None = None,
) -> Float32[Tensor, " pos"]:
    """Loss of predicting each token of a text from those before it, float32 [pos], nats per token.

    The first token is NaN, for nothing stands before it; the mean of the others is what transformers calls the loss of
    the text (labels equal to the inputs), and its exponential the perplexity. One forward pass; the softmax is taken in
    float32. heads_off: (layer, head) whose output is zeroed before the output projection, in this pass alone; or a HeadsOff.
    latents_off: parts of what latent attention (MLA) caches that no head can read, in this pass alone.
    max_tokens: cut the text there; without it a text beyond the model's context raises TextTooLong. Raises BadText, and
    BadSelection for anything but a decoder with a language head, and for heads that do not exist.
    """
    demand_decoder(model)
    given = text if isinstance(text, Encoded) else encode(model, text, max_tokens)
    with tapped(Tap(gates=gates(model, heads_off), cuts=cuts(model, latents_off))):
        logits = _logits(model, given)
    return losses_of(logits, given.ids["text"])


def losses_of(logits: Tensor, token_ids: Sequence[int]) -> Tensor:
    """The same from logits [pos, vocab] that were worked out already."""
    ids = torch.tensor(token_ids, device=logits.device)
    losses = torch.full((len(ids),), torch.nan, dtype=torch.float32)
    for start in range(0, len(ids) - 1, BLOCK):
        stop = min(start + BLOCK, len(ids) - 1)
        block = functional.cross_entropy(
            logits[start:stop].float(), ids[start + 1 : stop + 1], reduction="none"
        )
        losses[start + 1 : stop + 1] = block.cpu()
    return losses


@torch.inference_mode()
def _logits(model: AttentionModel, given: Encoded) -> Tensor:
    """[pos, vocab], in the model's own number format."""
    return forward_pass(model.module, given.inputs).logits[0]


def demand_decoder(model: AttentionModel) -> None:
    """Raise BadSelection for anything but a decoder with a language head."""
    if model.geometry.role != "decoder" or "decoder" not in model.plan.stacks:
        raise BadSelection(
            f"{model.name} does not predict each token from those before it, so it has no loss per token; choose a decoder."
        )
    if not model.module.can_generate():
        raise BadSelection(
            f"The weights of {model.name} have no language head, so it predicts no tokens; choose another model."
        )
