"""What the page Prune looks at: one model's run on the text, and which heads of one stack the visitor has switched off."""

from __future__ import annotations

from dataclasses import dataclass

import models
from models.pruning.measured import demand_prunable
from models.run.head_gates import gated_stack
from viz import heads_off, services
from viz.heads_off import Head
from viz.samples import SAMPLES
from viz.services import Request
from viz.services.ablations import Choice
from viz.state import keys, session

# What an example is the strongest of: the first that the text gives queries for.
EXAMPLE_SCORES = {
    "previous_token": "the head that looks most at the token before",
    "induction": "the head that looks most at what followed earlier copies of a token",
    "first_token": "the head that looks most at the first token",
}


@dataclass(frozen=True, slots=True)
class Subject:
    """run: the capture with all heads on. off: the heads that are off, all of them heads of `stack`.

    example: they are off to show something, the visitor has chosen nothing yet. unknown: heads asked for that the model does
    not have. refusal: why single heads of this model cannot be switched off, "" where they can.
    """

    request: Request
    run: models.Capture
    stack: str
    off: tuple[Head, ...]
    dark: bool
    example: bool = False
    unknown: tuple[Head, ...] = ()
    refusal: str = ""

    @property
    def model(self) -> models.AttentionModel:
        return services.model_of(self.request)

    @property
    def every(self) -> tuple[Head, ...]:
        """All heads of the stack."""
        layers = range(self.run.layers(self.stack))
        return tuple((layer, head) for layer in layers for head in range(self.run.heads(layer, self.stack)))

    @property
    def choice(self) -> Choice:
        """What is off, and what stands for it."""
        titles, asked = other_titles(self.request), session.get(keys.OTHER)
        return Choice(self.stack, self.off, session.get(keys.METHOD), asked if asked in titles else titles[0])


def subject_of(request: Request, run: models.Capture, dark: bool) -> Subject:
    """What the visitor has chosen, without heads that this model does not have; an example where nothing was chosen."""
    model = services.model_of(request)
    chosen = session.get(keys.OFF_STACK)
    stack = gated_stack(model, chosen if chosen in model.plan.stacks else None)
    every = Subject(request, run, stack, (), dark).every
    refused = _refusal(model)
    asked = session.get(keys.OFF)
    if not asked and not refused:
        return Subject(request, run, stack, (telling(run, stack, every),), dark, example=True)
    known = set(every)
    heads = heads_off.read(asked)
    off = () if refused else tuple(head for head in heads if head in known)
    unknown = tuple(head for head in heads if head not in known)
    return Subject(request, run, stack, off, dark, unknown=unknown, refusal=refused)


def telling(run: models.Capture, stack: str, every: tuple[Head, ...]) -> Head:
    """The head whose loss is seen best: the strongest previous-token head, without which induction heads go blind."""
    name = example_score(run, stack)
    if name is None:
        return every[0]
    scores = run.scores(stack).values[name].nan_to_num(-1.0)
    layer, head = divmod(int(scores.argmax()), scores.shape[1])
    return layer, head


def example_score(run: models.Capture, stack: str) -> str | None:
    """The score by which `telling` chooses, one of EXAMPLE_SCORES; None where the text gives no query for any."""
    values = run.scores(stack).values
    return next((name for name in EXAMPLE_SCORES if values[name].nan_to_num(-1.0).max() > 0), None)


def other_titles(request: Request) -> list[str]:
    """The samples whose outputs can stand for a head's on the request's text."""
    return [sample.title for sample in SAMPLES if sample.text != request.text]


def _refusal(model: models.AttentionModel) -> str:
    try:
        demand_prunable(model)
    except models.BadSelection as error:
        return str(error)
    return ""
