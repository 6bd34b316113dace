"""The numbers that the program promises, measured: `python -m tests.benchmarks`.

A cost card first, worked out by arithmetic; then every number beside its target. Nothing is asserted: timings depend on
what else the machine does, which is why each is a ratio of two things timed in turn.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from tests.benchmarks import conversion, pruning
from tests.benchmarks import costs as kinds
from tests.benchmarks import removal as smaller
from tests.benchmarks.ancestors import ancestors
from tests.benchmarks.formulas import Cost, as_json, cost, show
from tests.benchmarks.looking import looking
from tests.benchmarks.measuring import __doc__ as how
from tests.benchmarks.memory import memory
from tests.benchmarks.page_bytes import page_bytes
from tests.benchmarks.reading import reading
from tests.benchmarks.report import Line, heading, machine, say, write
from tests.benchmarks.starting import starting
from tests.benchmarks.subjects import Subject, random_gpt2, subject

REAL, PAIR = "smollm2-135m", "minilm"
PARTS = (
    "time",
    "memory",
    "bytes",
    "start",
    "costs",
    "reading",
    "conversion",
    "pruning",
    "removal",
    "ancestors",
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run takes: the lengths for times, the one for memory and for bytes, and how often each is repeated."""

    lengths: tuple[int, ...]
    memory_tokens: int
    view_tokens: int
    rounds: int
    few: int  # repeats of what takes a process of its own


FULL = Plan((128, 512, 1024), 1024, 512, rounds=9, few=3)
QUICK = Plan((16, 48), 48, 32, rounds=2, few=1)


def main(arguments: Sequence[str] | None = None) -> None:
    options = _options(arguments)
    plan = QUICK if options.quick else FULL
    rounds, threads = options.rounds or plan.rounds, options.threads or torch.get_num_threads()
    torch.set_num_threads(threads)
    about = machine(threads) | {"rounds": rounds, "quick": options.quick, "parts": options.only}
    heading(f"{about['device']}, {threads} threads, {about['dtype']}, {about['versions']}, {about['date']}")
    print(how)
    with tempfile.TemporaryDirectory() as scratch:
        subjects = _subjects(Path(scratch), options.quick)
        costs = {s.name: [cost(s.model.module, s.model.geometry, n) for n in plan.lengths] for s in subjects}
        _card(subjects, costs)
        card = [as_json(name, item) for name, items in costs.items() for item in items]
        lines: list[Line] = []
        parts = [
            *_parts(plan, subjects, costs, rounds, threads, options.quick),
            *_reading(options),
            *_converting(options),
            *_pruning(subjects, options.quick, rounds),
            ("ancestors", lambda: ancestors(200 if options.quick else 1, rounds)),
        ]
        for part, measured in parts:
            if part in options.only:
                lines += _said(measured, targets=not options.quick)
                write(
                    options.output, about, card, lines
                )  # what is measured stays, should the rest be broken off
    heading(f"Written to {options.output}. {_summary(lines)}")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke run on tiny random models, in a minute")
    parser.add_argument("--rounds", type=int, help=f"how often times are repeated ({FULL.rounds})")
    parser.add_argument("--threads", type=int, help="threads of PyTorch (its own default)")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="some of the numbers")
    parser.add_argument("--output", type=Path, default=Path("bench.json"), help="where the JSON goes")
    parser.add_argument(
        "--corpus", type=Path, help="the text that the family was trained on, for how well it reads"
    )
    parser.add_argument("--valid", type=Path, help="the text that it was validated on")
    return parser.parse_args(arguments)


def _subjects(scratch: Path, quick: bool) -> list[Subject]:
    if quick:
        tiny = random_gpt2(scratch / "tiny", layers=2, heads=3, width=24)
        return [subject(str(tiny), "tiny random GPT-2")]
    gpt2 = random_gpt2(scratch / "gpt2")
    return [subject(REAL, REAL), subject(str(gpt2), "random GPT-2 12x12")]


def _card(subjects: Sequence[Subject], costs: dict[str, list[Cost]]) -> None:
    heading(
        "By arithmetic, before anything is measured (float32; 1 GFLOP = 1e9 multiplications or additions)"
    )
    for item in subjects:
        show(item.name, item.model.geometry, costs[item.name])


def _parts(
    plan: Plan,
    subjects: Sequence[Subject],
    costs: dict[str, list[Cost]],
    rounds: int,
    threads: int,
    quick: bool,
) -> Iterator[tuple[str, Callable[[], Iterator[Line]]]]:
    """Every number to be measured, in order, not yet begun."""
    for item in subjects:
        for known in costs[item.name]:
            yield "time", lambda item=item, known=known: looking(item, known, rounds)
    for item in subjects:
        longest = next(known for known in costs[item.name] if known.tokens == plan.memory_tokens)
        yield "memory", lambda item=item, longest=longest: memory(item, longest, plan.few, threads)
    for item in subjects[:1]:
        yield "bytes", lambda item=item: page_bytes(item.source, item.name, plan.view_tokens)
    if not quick:
        yield "bytes", lambda: page_bytes(PAIR, PAIR, plan.view_tokens)
        yield "start", lambda: starting(REAL, plan.few, threads)
    yield "costs", lambda: kinds.costs(kinds.QUICK if quick else kinds.FULL, rounds)


def _reading(options: argparse.Namespace) -> Iterator[tuple[str, Callable[[], Iterator[Line]]]]:
    """The family beside a 5-gram model, where the text that they learnt from is at hand."""
    if options.corpus and options.valid:
        yield "reading", lambda: reading(options.corpus, options.valid)


def _converting(options: argparse.Namespace) -> Iterator[tuple[str, Callable[[], Iterator[Line]]]]:
    """What a latent cache costs, where there is text to fit it to and other text to measure it on."""
    if options.corpus and options.valid:
        plan = conversion.QUICK if options.quick else conversion.FULL
        yield "conversion", lambda: conversion.conversion(options.corpus, options.valid, plan)


def _pruning(
    subjects: Sequence[Subject], quick: bool, rounds: int
) -> Iterator[tuple[str, Callable[[], Iterator[Line]]]]:
    """The sweep of the random GPT-2, how many heads of the real model can go, and what removing half of them saves."""
    size, swept, pruned = pruning.QUICK if quick else pruning.FULL, subjects[-1], subjects[0]
    yield "pruning", lambda: pruning.sweeping(swept.source, swept.name, size)
    yield "pruning", lambda: pruning.curves(pruned.source, pruned.name, size)
    yield "removal", lambda: smaller.removal(smaller.QUICK if quick else smaller.FULL, rounds)


def _said(measured: Callable[[], Iterator[Line]], targets: bool) -> Iterator[Line]:
    for line in measured():
        line = line if targets else replace(line, at_most=None)  # tiny sizes are all overhead
        say(line)
        yield line


def _summary(lines: Sequence[Line]) -> str:
    verdicts = [line.verdict for line in lines]
    return f"{verdicts.count('ok')} targets met, {verdicts.count('falls short')} fall short."


if __name__ == "__main__":
    main()
