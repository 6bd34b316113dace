"""Headlight's engine: load a model, look at its attention. Imports neither Streamlit nor Plotly.

model = models.load("smollm2-135m")
run = models.capture(model, "When Mary and John went to the store, John gave a drink to")
run.pattern(layer=5, head=3)        # float32 [query, key]
run.scores().values["induction"]    # float32 [layer, head]
"""

from models.caches.modes import CacheBytes, cache_bytes, new_cache
from models.capture import Candidate, Capture
from models.capturing import capture
from models.cards.card import Card
from models.catalog import CATALOG, DEFAULT
from models.conversion.convert import (
    LatentSpectra,
    convert_to_mla,
    latent_spectra,
    ranks_for_budget,
    save_converted,
)
from models.conversion.healing_run import HealingProgress, HealingRun, start_healing
from models.conversion.measure import Perplexity, RankPoint, measure_perplexity, original_point, rank_curve
from models.conversion.ranks import ranks_for_share
from models.cost import Anatomy, Cost, Work, anatomy, cost
from models.cost.kinds import as_kind
from models.cost.planner import Serving, ServingPlan, plan_serving
from models.errors import (
    BadCard,
    BadSelection,
    BadText,
    BrokenWeights,
    HeadlightError,
    TextTooLong,
    UnknownModel,
    UnsupportedModel,
)
from models.evaluation_text import cut_into_texts, evaluation_text
from models.generation import WritingStep, stream
from models.geometry import Geometry, geometry
from models.head_gates import HeadsOff
from models.inputs import count_tokens
from models.languages import Languages, languages, with_languages
from models.latents.cut import LatentCut
from models.loading import load, wrap
from models.measuring.measure import Contender, Measurement, Repeats, measure, measure_in_turn
from models.measuring.roofline import Peaks, device_peaks
from models.model import AttentionModel
from models.obtaining.source import card_of
from models.obtaining.store import cache_folder
from models.pattern_change import HeadChange, change_per_query, most_changed, pattern_change
from models.progress import Progress, no_progress
from models.pruning.ablation import Ablation, Baseline, ablate, baseline
from models.pruning.chance import ChanceLoss, chance_ablations
from models.pruning.curve import PruneCurve, prune_curve
from models.pruning.gradient_importance import GradientImportance, gradient_importance
from models.pruning.head_outputs import mean_outputs, other_outputs
from models.pruning.sweep import HeadImportance, sweep
from models.random_shape import RandomShape, random_shape
from models.removal.cost import RemovalCost, removal_cost
from models.removal.export import export
from models.removal.groups import equal_per_group, whole_groups
from models.removal.record import RemovedHeads
from models.removal.remove import remove_heads
from models.scores import Scores
from models.token_loss import token_loss

__all__ = [
    "CATALOG",
    "DEFAULT",
    "Ablation",
    "Anatomy",
    "AttentionModel",
    "BadCard",
    "BadSelection",
    "BadText",
    "Baseline",
    "BrokenWeights",
    "CacheBytes",
    "Candidate",
    "Capture",
    "Card",
    "ChanceLoss",
    "Contender",
    "Cost",
    "Geometry",
    "GradientImportance",
    "HeadChange",
    "HeadImportance",
    "HeadlightError",
    "HeadsOff",
    "HealingProgress",
    "HealingRun",
    "Languages",
    "LatentCut",
    "LatentSpectra",
    "Measurement",
    "Peaks",
    "Perplexity",
    "Progress",
    "PruneCurve",
    "RandomShape",
    "RankPoint",
    "RemovalCost",
    "RemovedHeads",
    "Repeats",
    "Scores",
    "Serving",
    "ServingPlan",
    "TextTooLong",
    "UnknownModel",
    "UnsupportedModel",
    "Work",
    "WritingStep",
    "ablate",
    "anatomy",
    "as_kind",
    "baseline",
    "cache_bytes",
    "cache_folder",
    "capture",
    "card_of",
    "chance_ablations",
    "change_per_query",
    "convert_to_mla",
    "cost",
    "count_tokens",
    "cut_into_texts",
    "device_peaks",
    "equal_per_group",
    "evaluation_text",
    "export",
    "geometry",
    "gradient_importance",
    "languages",
    "latent_spectra",
    "load",
    "mean_outputs",
    "measure",
    "measure_in_turn",
    "measure_perplexity",
    "most_changed",
    "new_cache",
    "no_progress",
    "original_point",
    "other_outputs",
    "pattern_change",
    "plan_serving",
    "prune_curve",
    "random_shape",
    "rank_curve",
    "ranks_for_budget",
    "ranks_for_share",
    "removal_cost",
    "remove_heads",
    "save_converted",
    "start_healing",
    "stream",
    "sweep",
    "token_loss",
    "whole_groups",
    "with_languages",
    "wrap",
]
