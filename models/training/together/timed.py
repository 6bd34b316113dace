"""A schedule that fits the time there is: the rate begins to fall early enough to have fallen when the time is over."""

from __future__ import annotations

from dataclasses import dataclass, replace

from models.training.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Fall:
    """step: the step from which the rate falls. steps: how many there are in all."""

    step: int
    steps: int


class Timed:
    """The rate of learning by steps and by the clock, whichever is further.

    recipe: with the tokens that are wanted. seconds: what there is for training, spent: what earlier calls took, both by
    the clock that `share` is asked with, which begins at 0. fall: where an earlier call had come so far.

    Until the rate falls nothing depends on how long it will take. Then it falls along the steps that make up the recipe's
    share, or along what is left of the time, if that is over sooner.
    """

    def __init__(self, recipe: Recipe, seconds: float, spent: float = 0.0, fall: Fall | None = None) -> None:
        self.recipe, self.seconds, self.fall = recipe, seconds, fall
        # Of all the time, earlier calls' too, the last share is for the fall.
        self._falls_at = min(seconds - recipe.cooldown * (spent + seconds), seconds)
        self._since: tuple[float, float] | None = None

    def begins_to_fall(self, step: int, now: float) -> bool:
        """Whether the rate begins to fall at this step; `fall` says so from then on."""
        if self.fall is not None or (step < self.recipe.steady_until and now < self._falls_at):
            return False
        steps = self.recipe.steps
        if step < self.recipe.steady_until:
            steps = max(round(step / (1 - self.recipe.cooldown)), step + 1)
        self.fall = Fall(step, steps)
        return True

    def share(self, step: int, now: float) -> float:
        """The rate at a step, as a share of its full value; 0 when the training is over."""
        rising = min((step + 1) / self.recipe.warmup_steps, 1.0)
        if self.fall is None:
            return rising
        by_steps = (self.fall.steps - step) / max(self.fall.steps - self.fall.step, 1)
        if self._since is None:
            self._since = (now, by_steps)
        began, at_first = self._since
        by_time = at_first * (self.seconds - now) / max(self.seconds - began, 1e-9)
        return max(min(rising, by_steps, by_time), 0.0)

    @property
    def planned(self) -> Recipe:
        """The recipe as it will be followed to its last step, if there is the time."""
        return self.recipe if self.fall is None else self.followed(self.fall.steps)

    def followed(self, step: int) -> Recipe:
        """The recipe as it was followed up to a step: a training by it without a clock has the same stages."""
        if self.fall is None or step <= self.fall.step:
            return self.recipe
        return replace(
            self.recipe,
            tokens=step * self.recipe.tokens_per_step,
            cooldown=(step - self.fall.step) / step,
        )
