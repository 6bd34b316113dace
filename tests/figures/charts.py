"""One chart or more of every kind that the page draws, on small material."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

from models.classic.reading_cost import ReadingTime
from models.look.latent_reading import Spectrum
from models.shape import family
from tests.figures.test_cache_growth import COUNTED, LINES
from tests.figures.test_cache_plan import BARS
from tests.figures.test_convert_figures import CURVE
from tests.figures.test_cost_figures import MHA_LINE, styles
from tests.figures.test_family_figures import PATTERN, TOKENS, card, losses
from tests.figures.test_importance_figures import VALUES, curve
from tests.figures.test_removal_speed import READING, WRITING
from tests.figures.test_roofline import PEAKS, row
from viz.figures.against_chance import Compared, against_chance
from viz.figures.ancestors import Line as AncestorLine
from viz.figures.ancestors import accuracy_by_length, draws_differ, learning_curves, reinforce_variance
from viz.figures.cache_growth import Grown, cache_growth
from viz.figures.cache_plan import memory_of_all, users_that_fit
from viz.figures.cache_spectra import effective_ranks, rank_shares, singular_values
from viz.figures.chance_dots import chance_dots
from viz.figures.costs.cache import CacheSeries, Counted, cache_against_context
from viz.figures.costs.quality import Quality, quality_against_cache
from viz.figures.costs.times import Taken, TimeSeries, medians
from viz.figures.few_heads import few_heads
from viz.figures.head_bars import head_bars
from viz.figures.head_grid import head_grid
from viz.figures.healing_loss import healing_loss
from viz.figures.heatmap import difference_heatmap, heatmap
from viz.figures.kinds import KIND_STYLES
from viz.figures.loss_against_cache import loss_against_cache
from viz.figures.loss_change import few_directions, layer_worth, loss_change
from viz.figures.overlap_matrix import CLICKABLE, overlap_matrix, principal_angles
from viz.figures.perplexity_against_cache import Size, perplexity_against_cache
from viz.figures.prune_curves import prune_curves
from viz.figures.rank_scatter import rank_scatter
from viz.figures.removal_speed import removal_speed
from viz.figures.roofline import roofline
from viz.figures.saving_dots import Timed, saving_dots
from viz.figures.score_parts import score_heatmaps
from viz.figures.small_heatmap import small_difference, small_heatmap
from viz.figures.token_losses import token_losses
from viz.figures.what_it_fixed import (
    KeptRow,
    Probability,
    kept,
    places_at_once,
    places_read,
    probabilities,
    reading_times,
    shares,
)

STYLE = styles("a")["a"]
SPECTRA = [Spectrum(torch.tensor([3.0, 1.0]), 2.5, 5, elements) for elements in (7, 11)]
OFF = Counted(512, 4_300_000, 4_194_304, "its layers keep more")
MANY = np.full((CLICKABLE + 1, CLICKABLE + 1), 0.5)
ORIGINAL = Size(4096, 5.5, "tiny")
ANCESTOR = AncestorLine("classic-soft", "Soft", [5, 10], [0.9, 0.8], ["a", "b"])
WORK = Timed("reading", "s", (2.0, 1.9, 2.2), (2.1, 2.0, 2.3), (1.5, 1.4, 1.7), 0.7)
RANDOM = curve("random", [4.0, 5.0, 6.0], [4.0, 4.4, 6.2])

# Each is called with `dark`.
CHARTS: list[Callable[..., Any]] = [
    partial(heatmap, PATTERN, TOKENS, TOKENS),
    partial(heatmap, PATTERN, TOKENS, TOKENS, scale="logarithmic", leave_out_first=True),
    partial(difference_heatmap, PATTERN, PATTERN.T, TOKENS, TOKENS),
    partial(small_heatmap, PATTERN, TOKENS, top=1.0, marked=1),
    partial(small_difference, PATTERN, PATTERN.T, TOKENS),
    partial(token_losses, losses(), TOKENS, selected=2),
    partial(loss_against_cache, [card(kind, 3.5) for kind in family.KINDS]),
    partial(loss_against_cache, [card("mqa", loss, seed=seed) for seed, loss in enumerate((3.5, 3.4))]),
    partial(cache_against_context, [CacheSeries("a", STYLE, MHA_LINE, (OFF,))]),
    partial(cache_against_context, []),
    partial(medians, [TimeSeries("a", STYLE, [Taken(512, 3.0, 2.5, 4.0, "b")])], ("tokens", "ms")),
    partial(quality_against_cache, [Quality("a", STYLE, 8192, "measured", 3.96, "told")]),
    partial(quality_against_cache, []),
    partial(perplexity_against_cache, CURVE, ORIGINAL, CURVE[0]),
    partial(perplexity_against_cache, [], None),
    partial(healing_loss, [(10, 0.5), (20, 0.25)]),
    partial(accuracy_by_length, [ANCESTOR]),
    partial(learning_curves, [ANCESTOR]),
    partial(reinforce_variance, [10, 20], [0.5, 0.25], [0.05, 0.04]),
    partial(draws_differ, "20⏎", [0.1, 0.2, 0.9]),
    partial(roofline, PEAKS, [row(reached=5e9)]),
    partial(roofline, PEAKS, []),
    partial(memory_of_all, BARS, 16 * 10**9, 72e9, "one device"),
    partial(users_that_fit, BARS, "one device"),
    partial(head_bars, [1, 2], [4, 5], [2, 2], [5, 5], measure="norm", mean_of="mean", selected=1, tops=(9, 0)),
    partial(head_bars, [1, 2], [4, 5], [2, 2], [5, 5], measure="norm", mean_of="mean", selected=1),
    partial(effective_ranks, SPECTRA, selected=1),
    partial(singular_values, SPECTRA, selected=0),
    partial(rank_shares, {"a": SPECTRA}, {"a": KIND_STYLES["mla"]}),
    partial(overlap_matrix, np.eye(3), np.full((3, 3), 0.25), pair=(0, 2)),
    partial(overlap_matrix, MANY, MANY, pair=(0, 1)),
    partial(principal_angles, [0.0, 0.5, np.nan]),
    partial(head_grid, VALUES, measure="loss", unit="nats", off=[(1, 2)], beside=("gradient", VALUES)),
    partial(rank_scatter, VALUES, 2 * VALUES, names=("one", "other"), off=[(0, 0)]),
    partial(prune_curves, [curve("importance", [4.0, 4.1, 6.0]), RANDOM], chosen=(3, 4.7), allowed=4.2),
    partial(prune_curves, []),
    partial(against_chance, [Compared("five", 0.2, (0.1, 0.5, 0.3))], quantity="nats"),
    partial(few_heads, (1, 2), (6.0, 5.0), [(7.0, 6.0), (9.0, 5.5)], metric="loss", allowed=5.2),
    partial(saving_dots, [WORK], claimed=0.8),
    partial(cache_growth, LINES, [Grown("a", "gqa", COUNTED)]),
    partial(cache_growth, [], []),
    partial(removal_speed, [READING, WRITING]),
    partial(chance_dots, 0.2, [0.1, 0.5], ["L0 H0", "L0 H1"], "nats"),
    partial(loss_change, [np.nan, 1.0], [np.nan, 3.0], ["a", "b"], selected=1),
    partial(layer_worth, [0, 2], [0.5, -0.1], [np.nan, 0.2]),
    partial(few_directions, [1, 2, 4], [3.0, 2.0, 1.0]),
    partial(reading_times, [ReadingTime(31, 2e-5, 1e-5, 9e-5, 2.0), ReadingTime(512, 1e-4, 1e-5, 9e-4, 10.0)]),
    partial(places_read, ["2", "<"], [3, 5], 7, name="classic-local"),
    partial(places_at_once, ["2", "<"], [[1, 2], [2, 2]], [2, 4]),
    partial(probabilities, [Probability("<a>", 0.5, "<b>"), Probability("c", 1.0, off=True)], title="p"),
    partial(probabilities, [Probability("a", 0.5)], title="p", whole=(0.9, "all")),
    partial(shares, [[0.5, 0.25], [1.0, 0.0]], title="share", tickformat=".0%"),
    partial(kept, [KeptRow("MHA", "mha", 131072, 131072), KeptRow("x", "mha", 9, 9, True)], unit="bytes", title="b"),
    partial(kept, [KeptRow("MLA", "mla", 144, 144)], unit="numbers", title="n"),
    partial(score_heatmaps, PATTERN, PATTERN, np.tril(np.ones((4, 4), bool)), TOKENS, marked=1),
]  # fmt: skip
