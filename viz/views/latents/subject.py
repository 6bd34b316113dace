"""What the page Latents looks at: one MLA model's run on the text, and the layer whose latents are shown."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

import models
from models.shape.family import family_name
from viz import services
from viz.services import Request
from viz.state import keys, session
from viz.state.head_in_view import head_in_view
from viz.views.obtain import attempt, obtain


@dataclass(frozen=True, slots=True)
class Subject:
    """One run of a model whose layer `layer` keeps latents, and the head chosen in that layer."""

    request: Request
    run: models.Capture
    layer: int
    head: int
    dark: bool

    @property
    def model(self) -> models.AttentionModel:
        return services.model_of(self.request)

    @property
    def latent(self) -> Tensor:
        """The layer's latents, float32 [pos, kv_lora_rank]."""
        return self.run.kv_latent(self.layer)

    @property
    def position(self) -> int:
        """The chosen token, moved inside the text; the last one where none was chosen."""
        last = len(self.run.tokens) - 1
        chosen = session.get(keys.TOKEN)
        return last if chosen is None else min(chosen, last)

    @property
    def dimension(self) -> int:
        """The chosen latent dimension, moved inside the layer's; the one that varies most where none was chosen."""
        chosen = session.get(keys.DIMENSION)
        latent = self.latent
        if chosen is None:
            return int(latent.var(0, correction=0).argmax())
        return min(chosen, latent.shape[1] - 1)


def obtain_subject(request: Request) -> tuple[Request, models.Capture, Request | None] | None:
    """What to look at, its capture, and the visitor's own choice where that keeps no latents, else None.

    A model of another kind is never refused: the family's MLA model is looked at, and the other stands beside it.
    """
    shown = obtain(request)
    if shown is None or latent_layers(shown[1]):
        return None if shown is None else (*shown, None)
    own = replace(shown[0], model=family_name("mla"), second="", dtype="auto")
    run = attempt(own)
    return None if run is None else (own, run, shown[0])


def keeps_a_cache(request: Request) -> bool:
    """Whether a model keeps something of each token that it has read, to be looked at beside latents."""
    return services.model_of(request).geometry.form == "dot product"


def latent_layers(run: models.Capture) -> list[int]:
    """The layers whose latents the capture kept."""
    return [layer for layer in range(run.layers()) if run.has_latents(layer)]


def chosen_place(run: models.Capture) -> tuple[int, int]:
    """The selected (layer, head), moved to the nearest layer that keeps latents."""
    layer, head = head_in_view(run, run.stack)
    layer = min(latent_layers(run), key=lambda other: abs(other - layer))
    return layer, min(head, run.heads(layer) - 1)
