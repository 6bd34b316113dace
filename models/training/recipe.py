"""How the family is trained: the same for all four, so that they differ in their attention alone."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stage:
    """A stretch of the training. until_step: where it ends. context: tokens a sequence has in it.

    repeated: share of the sequences in which a span is repeated, which is what induction heads are for; of those,
    `random` are a short block of random tokens over and over, where nothing but looking back helps, and `looped` the
    sequence's own beginning over and over.
    """

    until_step: float
    context: int
    repeated: float
    random: float = 0.0
    looped: float = 0.0

    def describe(self) -> str:
        """In words, for a card."""
        told = f"{self.repeated:.0%} of the sequences of {self.context} tokens"
        told += f" ({self.random:.0%} of those a block of random tokens)" if self.random else ""
        return told + (f" ({self.looped:.0%} of those their beginning over and over)" if self.looped else "")


@dataclass(frozen=True, slots=True)
class Recipe:
    """tokens: how many are trained on in all. The rate of learning rises over warmup_steps, stays, and falls to zero
    over the last `cooldown` of the steps (warmup-stable-decay, Hu et al. 2024, arXiv 2404.06395), so that a run can be
    made longer from where it begins to fall.

    stages: until the rate falls; last_stage: while it falls. matrix_rate: for Muon, on the matrices inside the layers;
    rate: for AdamW, on embeddings and norms.
    """

    tokens: int
    seed: int = 0
    tokens_per_step: int = 4096
    # Short sequences first: cheaper. Random tokens teach a head to look at the previous token; from that, and from text whose
    # beginning comes over and over, induction heads grow in the second stage. Then they are kept, while the model reads.
    stages: tuple[Stage, ...] = (
        Stage(until_step=400, context=128, repeated=0.6, random=0.75),
        Stage(until_step=1000, context=128, repeated=0.6, random=0.4, looped=0.6),
        Stage(until_step=float("inf"), context=256, repeated=0.2, random=0.35, looped=0.35),
    )
    last_stage: Stage = Stage(until_step=float("inf"), context=512, repeated=0.15, random=0.5, looped=0.5)
    matrix_rate: float = 6e-3
    rate: float = 3e-3
    weight_decay: float = 0.1
    warmup_steps: int = 40
    cooldown: float = 0.4

    @property
    def steps(self) -> int:
        """Optimizer steps in all."""
        return max(round(self.tokens / self.tokens_per_step), 1)

    @property
    def steady_until(self) -> int:
        """The step from which the rate of learning falls."""
        return self.steps - round(self.steps * self.cooldown)

    def rate_at(self, step: int) -> float:
        """The rate of learning at a step, as a share of its full value."""
        rising = min((step + 1) / self.warmup_steps, 1.0)
        falling = (self.steps - step) / max(self.steps - self.steady_until, 1)
        return max(min(rising, falling, 1.0), 0.0)

    @property
    def repeats(self) -> str:
        """In a sentence for the card: how many sequences repeat a span of themselves."""
        parts, start = [], 0.0
        for stage in self.stages:
            end = min(stage.until_step, self.steady_until)
            if end > start:
                tokens = end * self.tokens_per_step
                parts.append(f"{stage.describe()} up to {tokens / 1e6:.3g} million tokens")
                start = end
        parts.append(f"{self.last_stage.describe()} to the end")
        return "A span is repeated in " + ", in ".join(parts) + "."

    def stage_at(self, step: int) -> Stage:
        """The stage that a step falls into."""
        if step >= self.steady_until:
            return self.last_stage
        return next(stage for stage in self.stages if step < stage.until_step)
