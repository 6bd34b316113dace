"""What the page Prune looks at: one model's run on the text, and which heads of one stack the visitor has switched off."""

from __future__ import annotations

from dataclasses import dataclass

import models
from models.head_gates import gated_stack
from viz import heads_off, services, state
from viz.heads_off import Head
from viz.services import Request


@dataclass(frozen=True, slots=True)
class Subject:
    """run: the capture with all heads on. off: the heads that are off, all of them heads of `stack`."""

    request: Request
    run: models.Capture
    stack: str
    off: tuple[Head, ...]
    dark: bool

    @property
    def model(self) -> models.AttentionModel:
        return services.model_of(self.request)

    @property
    def every(self) -> tuple[Head, ...]:
        """All heads of the stack."""
        layers = range(self.run.layers(self.stack))
        return tuple((layer, head) for layer in layers for head in range(self.run.heads(layer, self.stack)))


def subject_of(request: Request, run: models.Capture, dark: bool) -> Subject:
    """What the visitor has chosen, without heads that this model does not have."""
    model = services.model_of(request)
    chosen = state.get(state.STACK)
    stack = gated_stack(model, chosen if chosen in model.plan.stacks else None)
    every = Subject(request, run, stack, (), dark).every
    off = tuple(head for head in heads_off.read(state.get(state.OFF)) if head in set(every))
    return Subject(request, run, stack, off, dark)
