"""What a model's attention costs while it writes: time, and bytes counted from the live cache, beside the formula."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from models.errors import BadSelection
from models.measuring.fit import demand_fits, formula_bytes
from models.measuring.one_at_a_time import TURNS
from models.measuring.peak_memory import Peak, PeakIs
from models.measuring.timed_run import Run, Subject, run
from models.progress import Progress, no_progress, part
from models.run.cache_modes import cache_mode
from models.run.head_gates import Heads, distinct, gates
from models.run.model import AttentionModel

WARM_UP_TOKENS = 8


class Repeats(tuple[float, ...]):
    """One number of each repeat, in the order of the repeats."""

    @property
    def median(self) -> float:
        """In the unit of the repeats."""
        return statistics.median(self)

    @property
    def quartiles(self) -> tuple[float, float]:
        """Lower and upper; both the number itself where there is but one."""
        if len(self) == 1:
            return self[0], self[0]
        low, _, high = statistics.quantiles(self, n=4, method="inclusive")
        return low, high

    @property
    def spread(self) -> float:
        """From the lower to the upper quartile, as a share of the median."""
        low, high = self.quartiles
        return (high - low) / self.median


@dataclass(frozen=True, slots=True)
class Contender:
    """One of the things that are measured in turn.

    cache: "auto", "expanded", "latent" or "absorbed", as in `new_cache`. heads_off: (layer, head) that are switched off
    while it is measured, or a HeadsOff; they are computed all the same, so nothing becomes quicker by it.
    """

    name: str
    model: AttentionModel
    cache: str = "auto"
    heads_off: Heads = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "heads_off", distinct(self.heads_off))  # read anew by each of its runs


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one contender took; everything here is measured except formula_bytes.

    cache: the mode that ran; "auto" for a model without latents. prefill_s: seconds for the whole prompt, read in pieces
    of at most 1,024 tokens. decode_ms_per_token: milliseconds a step, in which each text of the batch gets one token.
    tokens_per_s: new tokens of all texts by the median step. cache_bytes: summed from the tensors of the live
    cache, which held prompt_tokens + new_tokens of each text; spare_bytes: room that was preallocated behind them;
    other_bytes: what layers keep beside keys and values. formula_bytes: what cache_bytes should be, None where
    there is no formula. peak_bytes: the most memory that a whole run took beyond what stood before it (weights not
    counted), in one run that was not timed, by what `peak_is` says; None where the system does not tell.
    """

    name: str
    prompt_tokens: int
    new_tokens: int
    batch: int
    cache: str
    prefill_s: Repeats
    decode_ms_per_token: Repeats
    cache_bytes: int
    spare_bytes: int
    other_bytes: int
    formula_bytes: int | None
    peak_bytes: int | None
    peak_is: PeakIs
    weights_bytes: int
    device: str
    dtype: str
    threads: int

    @property
    def tokens_per_s(self) -> float:
        """New tokens a second, of all texts together, by the median step."""
        return 1000 * self.batch / self.decode_ms_per_token.median

    @property
    def off_formula(self) -> float | None:
        """By how much the cache differs from the formula, as a share of it; None without one."""
        return None if not self.formula_bytes else self.cache_bytes / self.formula_bytes - 1


def measure(
    model: AttentionModel,
    prompt_tokens: int = 512,
    new_tokens: int = 32,
    batch: int = 1,
    cache: str = "auto",
    repeats: int = 5,
    *,
    heads_off: Heads = (),
    progress: Progress = no_progress,
) -> Measurement:
    """Time and memory of one decoder that reads a prompt of random tokens and then new ones, one by one.

    One measurement at a time runs in this process; others wait, and their progress is told so. What `progress` raises
    breaks off. Raises BadSelection: numbers below 1, a text longer than the model takes or than fits into memory,
    anything but a decoder that keeps a cache.
    """
    alone = Contender(model.name, model, cache, heads_off)
    return measure_in_turn([alone], prompt_tokens, new_tokens, batch, repeats, progress=progress)[0]


def measure_in_turn(
    contenders: Sequence[Contender],
    prompt_tokens: int = 512,
    new_tokens: int = 32,
    batch: int = 1,
    repeats: int = 5,
    *,
    progress: Progress = no_progress,
) -> tuple[Measurement, ...]:
    """The same of several, in turn: after one run of each that warms up and is weighed, A B C A B C, so that what
    disturbs the machine disturbs all of them alike. Raises BadSelection as `measure`."""
    subjects = [_subject(each, prompt_tokens, new_tokens, batch) for each in contenders]
    _demand_count("repeats", repeats)
    with TURNS.mine(progress):
        for subject in subjects:
            demand_fits(subject)
        tell = _Teller(progress, tuple(each.name for each in contenders), repeats)
        peaks = [_weighed(subject, tell.of(0, index)) for index, subject in enumerate(subjects)]
        runs: list[list[Run]] = [[] for _ in subjects]
        for repeat in range(1, repeats + 1):
            for index, subject in enumerate(subjects):
                runs[index].append(run(subject, tell.of(repeat, index)))
        progress("Measured", 1.0)
    return tuple(
        _measurement(name, subject, done, peak)
        for name, subject, done, peak in zip(tell.names, subjects, runs, peaks, strict=True)
    )


def demand_measurable(
    contender: Contender, prompt_tokens: int = 512, new_tokens: int = 32, batch: int = 1
) -> None:
    """Raise BadSelection, as measuring it would, where it cannot be measured so; nothing runs."""
    demand_fits(_subject(contender, prompt_tokens, new_tokens, batch))


def _subject(contender: Contender, prompt_tokens: int, new_tokens: int, batch: int) -> Subject:
    """The contender and its text, where both can be measured at all."""
    model = contender.model
    _demand_count("prompt tokens", prompt_tokens)
    _demand_count("new tokens", new_tokens)
    _demand_count("texts at once", batch)
    if model.geometry.role != "decoder" or "decoder" not in model.plan.stacks:
        raise BadSelection(
            f"{model.name} does not write one token after the other with a cache of its own text; choose a decoder."
        )
    tokens, context = prompt_tokens + new_tokens, model.geometry.context
    if context is not None and tokens > context:
        raise BadSelection(
            f"A prompt of {prompt_tokens:,} tokens and {new_tokens:,} new ones are {tokens:,}, but {model.name} takes "
            f"{context:,} at most; take a prompt of {max(context - new_tokens, 0):,} or fewer."
        )
    mode = cache_mode(model, contender.cache)
    return Subject(model, mode, prompt_tokens, new_tokens, batch, gates(model, contender.heads_off))


def _demand_count(what: str, count: int) -> None:
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise BadSelection(f"The number of {what} must be a whole number from 1 on, but {count!r} came.")


@dataclass(frozen=True, slots=True)
class _Teller:
    """Says which run of which contender it is; the run that warms up is the 0th."""

    progress: Progress
    names: tuple[str, ...]
    repeats: int

    def of(self, repeat: int, index: int) -> Progress:
        done, total = repeat * len(self.names) + index, (self.repeats + 1) * len(self.names)
        which = f"run {repeat} of {self.repeats}" if repeat else "warming up"
        within = part(self.progress, done / total, (done + 1) / total)
        return lambda doing, share: within(f"{self.names[index]}, {which}: {doing}", share)


def _weighed(subject: Subject, told: Progress) -> Peak:
    """One run that counts for memory alone; a short one goes before, for what libraries set up once."""
    few = min(WARM_UP_TOKENS, subject.prompt_tokens)
    run(replace(subject, prompt_tokens=few, new_tokens=1), told)
    with Peak(subject.model.device) as peak:
        run(subject, told)
    return peak


def _measurement(name: str, subject: Subject, runs: Sequence[Run], peak: Peak) -> Measurement:
    model, held = subject.model, runs[-1].held
    return Measurement(
        name=name,
        prompt_tokens=subject.prompt_tokens,
        new_tokens=subject.new_tokens,
        batch=subject.batch,
        cache=subject.mode,
        prefill_s=Repeats(each.prefill_s for each in runs),
        decode_ms_per_token=Repeats(1000 * each.decode_s / subject.new_tokens for each in runs),
        cache_bytes=held.used,
        spare_bytes=held.spare,
        other_bytes=held.other,
        formula_bytes=formula_bytes(subject),
        peak_bytes=peak.bytes,
        peak_is=peak.is_of,
        weights_bytes=sum(weight.nbytes for weight in model.module.parameters()),
        device=str(model.device),
        dtype=str(model.dtype).removeprefix("torch."),
        threads=torch.get_num_threads(),
    )
