"""How hard attention is taught to look: REINFORCE with a learned baseline, and how much the baseline calms it.

Source: Xu et al. 2015 (arXiv 1502.03044), section 4.1. Beyond the paper: the reward of a place is what the writer did from
there on, not before, which changes no mean and calms the estimate; and the baseline is a linear function of the writer's
state.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.classic.hard import Draw, HardModel
from models.classic.training import DateBatch, cross_entropy


@dataclass(frozen=True, slots=True)
class GradientVariance:
    """Of the gradient that REINFORCE estimates for the weights of the scores, over several draws on the same dates.

    step: of the training. without_baseline, with_baseline: mean square distance of one draw's gradient to their mean, summed
    over all weights. expected: square norm of that mean, with the baseline.
    """

    step: int
    without_baseline: float
    with_baseline: float
    expected: float


class HardLoss(nn.Module):
    """The loss of hard attention, over a training of so many steps.

    At first the batches read the expected annotation, as soft attention does, then fewer and fewer of them, and none after two
    thirds of the steps (the paper: half of the images, always). entropy: what a nat of the places' entropy is worth at first;
    it falls to nothing.
    """

    def __init__(self, hidden_size: int, steps: int, seed: int, entropy: float = 0.02) -> None:
        super().__init__()
        self.baseline = nn.Linear(hidden_size, 1)
        self.generator = torch.Generator().manual_seed(seed)
        self.entropy, self.steps, self.step = entropy, steps, 0

    def forward(self, model: HardModel, batch: DateBatch) -> Tensor:
        """What is written, on the places that were drawn; what is drawn; and the baseline's own error."""
        self.step += 1
        done = self.step / self.steps
        if torch.rand((), generator=self.generator, dtype=torch.float32).item() < 1 - 1.5 * done:
            return cross_entropy(model, batch, choice="expected")
        nats, draws = self.draw(model, batch)
        reward, foretold = to_come(-nats), self.foretell(draws)
        credit = credit_of(draws, reward - foretold)
        surprise = torch.stack([_entropy(draw.probabilities) for draw in draws], dim=1)
        off = (foretold - reward.detach()).square()
        return nats.mean() - credit.mean() - self.entropy * (1 - done) * surprise.mean() + 0.1 * off.mean()

    def draw(self, model: HardModel, batch: DateBatch) -> tuple[Tensor, list[Draw]]:
        """Nats of each character [batch, target], on places that were drawn."""
        draws: list[Draw] = []
        logits = model(**batch.inputs, choice="drawn", generator=self.generator, seen=draws).logits
        nats = nn.functional.cross_entropy(logits.transpose(1, 2), batch.labels, reduction="none")
        return nats, draws

    def foretell(self, draws: list[Draw]) -> Tensor:
        """The baseline, [batch, target]; what it is taught does not change the states that it reads."""
        return torch.stack([self.baseline(draw.state.detach())[:, 0] for draw in draws], dim=1)

    def variance(self, model: HardModel, batch: DateBatch, step: int, draws: int = 16) -> GradientVariance:
        """Measured on a batch of its own; the model's weights and gradients are left as they are."""
        assert model.attention is not None, "hard attention has one"
        taught = list(model.attention.parameters())
        found: dict[bool, list[Tensor]] = {False: [], True: []}
        for _ in range(draws):
            nats, drawn = self.draw(model, batch)
            reward, foretold = to_come(-nats), self.foretell(drawn)
            for with_baseline, advantage in ((False, reward), (True, reward - foretold)):
                credit = credit_of(drawn, advantage).mean()
                parts = torch.autograd.grad(credit, taught, retain_graph=True, allow_unused=True)
                found[with_baseline].append(torch.cat([part.flatten() for part in parts if part is not None]))
        rows = {way: torch.stack(gradients) for way, gradients in found.items()}
        spread = {way: float(row.var(0).sum()) for way, row in rows.items()}
        return GradientVariance(step, spread[False], spread[True], float(rows[True].mean(0).square().sum()))


def credit_of(draws: list[Draw], advantage: Tensor) -> Tensor:
    """Its gradient is REINFORCE's estimate, [batch, target]."""
    drawn = [(draw.probabilities * draw.weights).sum(-1).clamp(min=1e-8).log() for draw in draws]
    return advantage.detach() * torch.stack(drawn, dim=1)


def to_come(reward: Tensor) -> Tensor:
    """Sum of a step's reward and of those behind it, [batch, target]."""
    return reward.flip(1).cumsum(1).flip(1)


def _entropy(probabilities: Tensor) -> Tensor:
    return -(probabilities * probabilities.clamp(min=1e-8).log()).sum(-1)
