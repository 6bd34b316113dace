"""What is worked out for the importance of heads, step by step, and how many operations each step takes by formula."""

from __future__ import annotations

from models.pruning.order import ORDERS, Order
from viz.services import importance as service
from viz.services.importance import Evaluation
from viz.views.prune.importance.heads import gradient_refusal
from viz.views.prune.measuring import Step

GRADIENT_PASSES = 3  # forward and backward
PASSES_A_HEAD = 0.55  # of a sweep: a head's run begins in its own layer


def main_steps(evaluation: Evaluation) -> list[Step]:
    """What is worked out first, in the order in which it is worth seeing."""
    steps = [
        Step(
            lambda: service.is_without_known(evaluation, ()),
            lambda progress: service.without(evaluation, (), progress),
            service.measuring_operations(evaluation, 1),
        ),
        sweep_step(evaluation),
    ]
    with_gradient = not gradient_refusal(evaluation)
    if with_gradient:
        steps.append(
            Step(
                lambda: service.is_gradient_known(evaluation),
                lambda progress: service.gradient(evaluation, progress),
                service.ranking_operations(evaluation, GRADIENT_PASSES),
            )
        )
    shown: list[Order] = [
        order for order in ORDERS if order != "iterative" and (order != "gradient" or with_gradient)
    ]
    return [*steps, *(curve_step(evaluation, order) for order in shown)]


def sweep_step(evaluation: Evaluation) -> Step:
    """Leave-one-out importance."""
    return Step(
        lambda: service.is_importance_known(evaluation),
        lambda progress: service.importance(evaluation, progress),
        service.ranking_operations(evaluation, PASSES_A_HEAD * service.head_count(evaluation) + 2),
    )


def curve_step(evaluation: Evaluation, order: Order) -> Step:
    """One curve, its heads ranked already."""
    passes = float(service.POINTS * (service.DRAWS if order == "random" else 1))
    operations = service.measuring_operations(evaluation, passes)
    if order == "iterative":
        # Of the sweeps' heads half are off already, on average.
        sweeps = service.POINTS * (PASSES_A_HEAD * service.head_count(evaluation) / 2 + 4)
        operations += service.ranking_operations(evaluation, sweeps)
    return Step(
        lambda: service.is_curve_known(evaluation, order),
        lambda progress: service.curve(evaluation, order, progress),
        operations,
    )
