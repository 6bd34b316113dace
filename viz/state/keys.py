"""Every key of a visitor's session that more than one function knows, by page: of what the address keeps, of widgets whose
value is read or set elsewhere, of what is remembered from run to run, and of work in the background.

A widget that only its own function knows names its key there. Tests hold that no two widgets claim one key.
"""

# What the address keeps; viz/state/choices.py says what each may be.
MODEL, DEVICE, DTYPE, TEXT, SECOND, LIMIT = "model", "device", "dtype", "text", "second", "limit"
SOURCE_LANGUAGE, TARGET_LANGUAGE = "source_language", "target_language"  # "": as the model's settings say
LAYER, HEAD, STACK, TOKEN, DIRECTION = "layer", "head", "stack", "token", "direction"
SCALE, FIRST_OUT, VALUE_WEIGHTED, SORT, VIEW = "scale", "first_out", "value_weighted", "sort", "view"
# Of the page Latents.
DIMENSION, LATENT_ORDER, LATENT_VIEW, CUT = "dimension", "latent_order", "latent_view", "cut"
# Of the page Convert: how the size of a latent is given, the three ways to give it, where a converted model keeps the rotary
# part of its keys, and what it is fitted to and measured on.
WAY, SHARE, RANK, BUDGET, ROPE = "way", "share", "rank", "budget", "rope"
CALIBRATION, CALIBRATION_TOKENS, MEASURED_ON = "calibration", "calibration_tokens", "measured_on"
CONVERT_VIEW = "convert_view"
# Of the page Prune: which heads are off (see viz/heads_off.py) and of which stack ("": the model's own choice), what stands
# for them, and the sample whose outputs may; what the importance of heads is measured on.
OFF, OFF_STACK, METHOD, OTHER, PRUNE_VIEW = "off", "off_stack", "method", "other", "prune_view"
EVALUATED_TOKENS = "evaluated_tokens"
# Of the page Compare: names of contenders, contexts and batches as short texts, tokens written and repeats of each.
COMPARE_VIEW, CONTENDERS, CONTEXTS, BATCHES = "cost_view", "contenders", "contexts", "batches"
NEW_TOKENS, REPEATS = "new_tokens", "repeats"
# Of its planner: a model or PASTED_CONFIG, that config, context, users, number format, memory of a device, devices together.
PLANNED, PASTED, PLAN_CONTEXT, USERS = "planned", "pasted", "plan_context", "users"
PLAN_DTYPE, DEVICE_GB, TOGETHER = "plan_dtype", "device_gb", "together"
# Of its roofline: tokens, texts at once, and well-known models beside the contenders.
ROOF_CONTEXT, ROOF_BATCH, ROOF_KNOWN = "roof_context", "roof_batch", "roof_known"
KIND, STEP = "kind", "step"  # of the page Formation: whose training, and the optimizer step
# Of the page Evolution: which step of the timeline, what is shown of it, which of a Transformer's cross heads ("": the mean of
# the last layer's); a date, a story with its question, and any other text.
ANCESTOR, EVOLUTION_VIEW, CROSS_HEAD = "ancestor", "evolution_view", "cross_head"
DATE, STORY, PROSE = "date", "story", "prose"

# What the views of the page Compare draw by turns: whoever draws one keeps the others alive.
OF_COMPARE = (
    CONTENDERS, CONTEXTS, BATCHES, NEW_TOKENS, REPEATS, PLANNED, PASTED, PLAN_CONTEXT, USERS, PLAN_DTYPE, DEVICE_GB,
    TOGETHER, ROOF_CONTEXT, ROOF_BATCH, ROOF_KNOWN,
)  # fmt: skip

# Widgets.
HEADS_TABLE = "all-heads"  # Explore
LAYER_PICKER, OTHER_HEAD = "latents-layer", "latents-overlap-other"  # Latents
POSITION_BARS, DIMENSION_BARS = "latents-position", "latents-dimension"
RANKS_CHART, OVERLAP_MATRIX = "latents-ranks", "latents-overlap"
WORTH_CHART, FEW_DIRECTIONS_CHART = "latent-worth", "latent-worth-few"
CUT_LOSSES, CUT_TOKENS = "latent-cut-loss", "latent-cut-tokens"
SHARE_SLIDER, CALIBRATION_SOURCE, CALIBRATION_FILE = (
    "convert-share",
    "convert-source",
    "convert-upload",
)  # Convert
STACK_PICKER, CHANGED_HEAD = "prune-stack", "prune-changed-head"  # Prune
LEAST_COUNT, IMPORTANCE_FILE = "importance-count", "importance-upload"
IMPORTANCE_GRID, RANKS_SCATTER, STOP_WORDS_GRID = "importance-grid", "importance-ranks", "doubt-words-grid"
CONTENDERS_PICKER, KNOWN_PICKER = "cost-contenders", "roofline-known"  # Compare
SHAPE_PRESET, SHAPE_KIND, SHAPE_CACHES = "shape-preset", "shape-kind", "shape-kept"
LOSSES_TABLE, LOSSES_CHART = "family-losses", "family-loss-lines"  # Family

# What is remembered from run to run.
LAST_REQUEST, CANCELLED_REQUEST = "_last_good_request", "_cancelled_request"  # every page with a text
TEXT_TASK, TEXTS_OF_TASKS = (
    "_text_task",
    "_texts_of_tasks",
)  # of which task the text is, and the last text of each
MODEL_TAKEN = "_made_model_taken"  # Convert and Prune: Explore is to be opened
CONTINUATION = "_written"  # Explore
WORTH_ASKED = "_latent_worth_asked"  # Latents
LAST_CONVERSION, CONVERT_DUET = "_last_conversion", "_convert_written"  # Convert
HISTORY, SHOWN_EFFECT, LEAST_ASKED = "_prune_history", "_prune_shown", "_prune_least_count"  # Prune
PRUNE_DUET, REMOVAL_TAKES = "_prune_written", "_prune_removal_take"
EVALUATION_TEXT, EVALUATION_REFUSED = "_importance_file", "_importance_refused"
UNMEASURED, FIRST_LOOK_TAKEN, LAST_PLAN = "_cost_told", "_cost_looked", "_last_plan"  # Compare
LAST_FAMILY = "_last_good_family"  # Family

# Work in the background, one at a time of each name; see viz/views/working.py.
OTHER_MODEL_JOB, OVERLAP_JOB, SPECTRA_JOB, OTHER_SPECTRA_JOB = (
    "other-model",
    "overlap",
    "spectra",
    "other-spectra",
)
CUT_JOB, WORTH_JOB = "cut-effect", "latent-worth"
CONVERT_JOB, CURVE_JOB, HEALING_JOB = "convert", "measure", "heal"
EFFECT_JOB, CHANCE_JOB, LEAST_JOB, REMOVAL_JOB = (
    "prune-effect",
    "prune-chance",
    "prune-least",
    "prune-removal",
)
IMPORTANCE_JOB, GREEDY_JOB, AGAINST_RANDOM_JOB = "importance", "importance-greedy", "importance-chance"
FEW_HEADS_JOB, INFERENCE_COST_JOB, STOP_WORDS_JOB = "doubt-few", "doubt-cost", "doubt-words"
MENDED_JOB = "mended"
MEASURE_JOB, PLAN_JOB, ROOFLINE_JOB, SELF_CHECK_JOB = "cost", "plan", "roofline", "self-check"


def job(name: str) -> str:
    """Where the work of that name stands."""
    return f"_job-{name}"


def tokens_shown(tokens: int) -> str:
    """The slider for a long text of so many tokens."""
    return f"window-{tokens}"


def cut_dimensions(layer: int, rank: int) -> str:
    """The dimensions that are off in a layer, -1 for every layer, whose latents are so wide."""
    return f"latent-cut-dimensions-{layer}-{rank}"


def size_given(name: str) -> str:
    """The number that gives the size of latents: RANK or BUDGET."""
    return f"convert-size-{name}"


def shape_size(name: str) -> str:
    """A size of a shape without weights, as models.measuring.random_shapes.RandomShape names it."""
    return f"shape-size-{name}"
