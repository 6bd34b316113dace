"""Headlight's engine: load a model, look at its attention. Imports neither Streamlit nor Plotly.

model = models.load("smollm2-135m")
run = models.capture(model, "When Mary and John went to the store, John gave a drink to")
run.pattern(layer=5, head=3)        # float32 [query, key]
run.scores().values["induction"]    # float32 [layer, head]
"""

from models.classic.answering import DateAnswer, answer_dates
from models.classic.card import TaskCard, task_card
from models.classic.date_reading import DateSaid, read_date
from models.classic.hard_reading import HardReading, read_hard
from models.classic.local_reading import LocalReading, read_local
from models.classic.memory_reading import (
    MemoryReading,
    WithoutSentences,
    read_memories,
    without_each_sentence,
)
from models.classic.milestones import Milestone, MilestoneCost
from models.classic.papers import Paper
from models.classic.timeline import TIMELINE
from models.conversion.calibration import Calibration, LayerMoments
from models.conversion.convert import (
    LatentSpectra,
    convert_to_mla,
    latent_spectra,
    ranks_for_budget,
)
from models.conversion.factors import Factors, Spectrum
from models.conversion.healing.progress import Stage
from models.conversion.healing.run import HealingProgress, HealingRun, start_healing
from models.conversion.perplexity import Perplexity, RankPoint, measure_perplexity, original_point, rank_curve
from models.conversion.ranks import Rope, ranks_for_share
from models.costs.kinds import as_kind
from models.costs.lines import Line
from models.costs.model_anatomy import Anatomy, Layers
from models.costs.model_cost import Cost, Work, cost
from models.costs.peaks import Peaks
from models.costs.planner import Serving, ServingPlan, plan_serving
from models.costs.sources import Source, anatomy
from models.costs.weights import WeightPart, Weights
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
from models.loading.card import Card
from models.loading.catalog import CATALOG, DEFAULT, Entry, Fetched, Shipped, Task, Wheel
from models.loading.loader import load, wrap
from models.loading.saved_folder import save
from models.loading.source import card_of
from models.loading.store import cache_folder
from models.look.captured import Candidate, Capture
from models.look.capturing import capture
from models.look.evaluation_texts import cut_into_texts, evaluation_text
from models.look.generation import WritingStep, stream
from models.look.latent_views import ScoreParts
from models.look.pattern_changes import HeadChange, change_per_query, most_changed, pattern_change
from models.look.scores import Scores
from models.look.token_losses import token_loss
from models.measuring.measurement import Contender, Measurement, Repeats, measure, measure_in_turn
from models.measuring.peak_memory import PeakIs
from models.measuring.random_shapes import RandomShape, random_shape
from models.measuring.roofline import device_peaks
from models.progress import Progress, no_progress
from models.pruning.ablation import Ablation, Baseline, Method, ablate, baseline
from models.pruning.chance import ChanceLoss, chance_ablations
from models.pruning.curve import PruneCurve, prune_curve
from models.pruning.head_outputs import mean_outputs, other_outputs
from models.pruning.importance_by_gradient import GradientImportance, gradient_importance
from models.pruning.importance_by_sweep import HeadImportance, Metric, sweep
from models.pruning.order import Order
from models.pruning.quality import Quantity
from models.pruning.ways import Passes
from models.removal.forecast import RemovalCost, removal_cost
from models.removal.groups import equal_per_group, whole_groups
from models.removal.remove import remove_heads
from models.run.attention_call import AttentionCall
from models.run.cache_modes import CacheBytes, cache_bytes, new_cache
from models.run.head_gates import HeadOutputs, Heads, HeadsOff
from models.run.inputs import Encoded, Text, count_tokens
from models.run.latent_cut import LatentCut
from models.run.latent_record import LatentRecord
from models.run.model import AttentionModel
from models.run.plan import Plan, Site
from models.run.records import FinishedPatterns, LayerRecord
from models.run.switched_off import StoodIn, SwitchedOff
from models.run.translator_languages import Languages, languages, with_languages
from models.shape.architecture import Role
from models.shape.attention_geometry import Form, Geometry, Kind, geometry
from models.shape.cache_size import CacheMode
from models.shape.layer_kinds import Keeps
from models.shape.removed_heads import Head, RemovedHeads

__all__ = [
    "CATALOG",
    "DEFAULT",
    "TIMELINE",
    "Ablation",
    "Anatomy",
    "AttentionCall",
    "AttentionModel",
    "BadCard",
    "BadSelection",
    "BadText",
    "Baseline",
    "BrokenWeights",
    "CacheBytes",
    "CacheMode",
    "Calibration",
    "Candidate",
    "Capture",
    "Card",
    "ChanceLoss",
    "Contender",
    "Cost",
    "DateAnswer",
    "DateSaid",
    "Encoded",
    "Entry",
    "Factors",
    "Fetched",
    "FinishedPatterns",
    "Form",
    "Geometry",
    "GradientImportance",
    "HardReading",
    "Head",
    "HeadChange",
    "HeadImportance",
    "HeadOutputs",
    "HeadlightError",
    "Heads",
    "HeadsOff",
    "HealingProgress",
    "HealingRun",
    "Keeps",
    "Kind",
    "Languages",
    "LatentCut",
    "LatentRecord",
    "LatentSpectra",
    "LayerMoments",
    "LayerRecord",
    "Layers",
    "Line",
    "LocalReading",
    "Measurement",
    "MemoryReading",
    "Method",
    "Metric",
    "Milestone",
    "MilestoneCost",
    "Order",
    "Paper",
    "Passes",
    "PeakIs",
    "Peaks",
    "Perplexity",
    "Plan",
    "Progress",
    "PruneCurve",
    "Quantity",
    "RandomShape",
    "RankPoint",
    "RemovalCost",
    "RemovedHeads",
    "Repeats",
    "Role",
    "Rope",
    "ScoreParts",
    "Scores",
    "Serving",
    "ServingPlan",
    "Shipped",
    "Site",
    "Source",
    "Spectrum",
    "Stage",
    "StoodIn",
    "SwitchedOff",
    "Task",
    "TaskCard",
    "Text",
    "TextTooLong",
    "UnknownModel",
    "UnsupportedModel",
    "WeightPart",
    "Weights",
    "Wheel",
    "WithoutSentences",
    "Work",
    "WritingStep",
    "ablate",
    "anatomy",
    "answer_dates",
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
    "read_date",
    "read_hard",
    "read_local",
    "read_memories",
    "removal_cost",
    "remove_heads",
    "save",
    "start_healing",
    "stream",
    "sweep",
    "task_card",
    "token_loss",
    "whole_groups",
    "with_languages",
    "without_each_sentence",
    "wrap",
]
