"""Heal a converted model: `python -m models.conversion heal --model FOLDER --teacher NAME --corpus PATH --out DIR`.

The model learns from the one it was converted from to predict the same, on a text file in UTF-8 (plain, .xz, .gz or .bz2).
Started again with the same arguments, it goes on where it stopped; Ctrl-C writes a checkpoint first; once the healed model
is saved, the checkpoints are deleted. On several GPUs:
`accelerate launch -m models.conversion heal ...`. DIR/model then opens by `models.load`.

With --json every line of output is a JSON object, for a program to read; see models.conversion.healing.run.

`python -m models.conversion convert --model NAME --share 0.5 --out FOLDER` makes such a model, its latents half as large
as the cache was, shared out over the layers alike (or with --by-spectrum by what they hold).
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.conversion.calibration import CHARACTERS_PER_TOKEN, excerpt, token_row
from models.conversion.convert import convert_to_mla, latent_spectra, ranks_for_budget
from models.conversion.healing.folder import MODEL, alone_in, drop_checkpoints, healed_model
from models.conversion.healing.heal import Healed, Healing, check_pair, heal, run_identity
from models.conversion.healing.run import demand_accelerate
from models.conversion.perplexity import measure_perplexity
from models.errors import BadText, HeadlightError
from models.loading.loader import load
from models.loading.saved_folder import save
from models.run.model import AttentionModel
from models.shape.family import CONTEXT
from models.training.run import Place
from models.training.texts import read_text

MOST_WINDOWS = 32  # of 512 tokens, that the perplexity is measured on
HELD_OUT = 0.05  # of the corpus, where no other text to validate on is given


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 where the work came to its end, 1 where it was refused, 2 where it was broken off."""
    asked = _parser().parse_args(arguments)
    if asked.threads:
        torch.set_num_threads(asked.threads)
    try:
        if asked.command == "convert":
            return _convert(asked)
        demand_accelerate()
        with alone_in(asked.out):
            return _heal(asked)
    except HeadlightError as error:
        _tell(asked, str(error), "failed", message=str(error), file=sys.stderr)
        return 1


def _tell(asked: argparse.Namespace, sentence: str, event: str, file: Any = None, **values: Any) -> None:
    """Print a sentence, or with --json what it says as one line of JSON."""
    if getattr(asked, "json", False):
        print(json.dumps({"event": event} | values), flush=True)
    elif sentence:
        print(sentence, file=file, flush=True)


def _convert(asked: argparse.Namespace) -> int:
    model = load(asked.model, device=asked.device)
    spectra = latent_spectra(model, [read_text(path) for path in asked.corpus] or None)
    shape = model.geometry
    elements = shape.kv_heads * (shape.d_head + shape.v_head_dim)
    if asked.by_spectrum:
        budget = round(asked.share * elements * shape.layers) * model.dtype.itemsize
        rank = ranks_for_budget(model, budget, spectra)
    else:
        rank = round(asked.share * elements)
    made = convert_to_mla(model, rank, spectra)
    place = save(made, asked.out)
    print(f"{made.note} Written to {place}.")
    return 0


def _heal(asked: argparse.Namespace) -> int:
    _tell(asked, "", "loading")
    student = load(asked.model, device=asked.device, dtype="float32")
    teacher = load(asked.teacher, device=asked.device, dtype="float32")
    check_pair(student.module, teacher.module)
    train, held = _texts(asked, student)
    _tell(asked, "", "measuring")
    before, original = (_perplexity(model, held) for model in (student, teacher))
    told = f"perplexity {before:.2f} before healing, {original:.2f} of {asked.teacher}"
    _tell(asked, told, "measured", before=before, original=original)
    healing = Healing(
        int(asked.tokens), asked.seed, asked.tokens_per_step, rate=asked.rate, norms=asked.norms
    )
    there = healed_model(asked.out, run_identity(student.module, train, healing))
    if there is not None:
        _already_healed(asked, there, held)
        return 0
    place = Place(
        asked.out, asked.device, asked.save_every, tuple(asked.report_to), asked.quiet or asked.json
    )
    done = heal(
        student.module,
        teacher.module,
        train,
        healing,
        place,
        lambda step: _tell(asked, "", "step", **asdict(step)),
    )
    if done is None:  # one of several processes; the first one writes the model
        return 0
    if not done.finished:
        told = f"Stopped after {done.tokens_seen:,} tokens; the same command goes on from there."
        _tell(asked, told, "stopped", message=told)
        return 2
    _tell(asked, "", "measuring")
    after = _perplexity(student, held)
    _write(asked, student, done, {"before": before, "after": after, "of the original": original})
    return 0


def _already_healed(asked: argparse.Namespace, folder: Path, held: str) -> None:
    """The same command once more, after its end: measured again, not healed again."""
    drop_checkpoints(asked.out)  # what is left where the first one was killed just after saving
    _tell(asked, "", "measuring")
    after = _perplexity(load(str(folder), device=asked.device, dtype="float32"), held)
    told = f"Healed already: perplexity {after:.2f}. It lies in {folder}."
    _tell(asked, told, "done", after=after, folder=str(folder))


def _perplexity(model: AttentionModel, text: str) -> float:
    return measure_perplexity(model, text, max_tokens=MOST_WINDOWS * CONTEXT).perplexity


def _write(
    asked: argparse.Namespace, student: AttentionModel, done: Healed, perplexity: dict[str, float]
) -> None:
    """Save the healed model with what was done to it, and say so."""
    measured = ", ".join(f"{value:.2f} {when}" for when, value in perplexity.items())
    told = f"Healed on {done.tokens_seen:,} tokens: perplexity {measured}."
    config = student.module.config
    config.note = f"{config.note} {told}".strip()
    config.provenance = (config.provenance or {}) | {
        "healed_tokens": done.tokens_seen,
        "healed_on": ", ".join(path.name for path in asked.corpus),
        "perplexity": perplexity,
    }
    folder = save(student, asked.out / MODEL)
    drop_checkpoints(asked.out)
    _tell(asked, f"{told} Written to {folder}.", "done", after=perplexity["after"], folder=str(folder))


def _texts(asked: argparse.Namespace, model: AttentionModel) -> tuple[NDArray[np.int64], str]:
    """What is learnt from, int64 [token], and a text to measure on, of one window of 512 tokens at least."""
    text = "\n".join(read_text(path) for path in asked.corpus)
    if asked.valid:
        held = "\n".join(read_text(path) for path in asked.valid)
    else:
        cut = text.rfind("\n", 0, int(len(text) * (1 - HELD_OUT))) + 1 or int(len(text) * (1 - HELD_OUT))
        text, held = text[:cut], text[cut:]
    row = token_row(model, [excerpt(text, CHARACTERS_PER_TOKEN // 2 * int(asked.tokens))])
    count = len(token_row(model, [excerpt(held, CHARACTERS_PER_TOKEN * CONTEXT)])) if held else 0
    if count < CONTEXT:
        raise BadText(
            f"The text to measure on has {count} tokens, but one window of {CONTEXT} is the least: give a longer corpus, or "
            "another text with --valid."
        )
    return row.numpy(), held


def _share(text: str) -> float:
    share = float(text)
    if not 0 < share <= 1:
        raise argparse.ArgumentTypeError(f"must lie above 0 and go up to 1, but {text} came")
    return share


def _step(text: str) -> int:
    tokens = int(text)
    if tokens < CONTEXT or tokens % CONTEXT:
        raise argparse.ArgumentTypeError(f"must be a multiple of {CONTEXT}, but {text} came")
    return tokens


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m models.conversion",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    convert = commands.add_parser("convert", help="make a model that caches latents")
    convert.add_argument(
        "--share", type=_share, default=0.5, help="of the model's cache that latents take (0.5)"
    )
    convert.add_argument("--by-spectrum", action="store_true", help="more to the layers that need more")
    convert.add_argument("--corpus", type=Path, nargs="*", default=[], help="texts to fit the latents to")
    convert.add_argument("--out", type=Path, required=True, help="a new folder for the model")
    heal = commands.add_parser("heal", help="train a converted model towards its original")
    heal.add_argument("--teacher", required=True, help="what it was converted from")
    heal.add_argument("--corpus", type=Path, nargs="+", required=True, help="text files to learn from")
    heal.add_argument("--valid", type=Path, nargs="*", default=[], help="to measure on (else 5%% held out)")
    heal.add_argument("--out", type=Path, required=True, help="folder for checkpoints and the healed model")
    heal.add_argument("--tokens", type=float, default=1e6, help="how many tokens to learn from (1e6)")
    heal.add_argument("--rate", type=float, default=3e-4, help="of learning (3e-4)")
    heal.add_argument("--norms", action="store_true", help="let the norms learn as well")
    heal.add_argument("--seed", type=int, default=0, help="of the order of the windows (0)")
    heal.add_argument("--save-every", type=int, default=50, metavar="STEPS", help="between checkpoints (50)")
    heal.add_argument("--report-to", nargs="*", default=[], metavar="NAME", help="tensorboard, wandb ...")
    heal.add_argument("--tokens-per-step", type=_step, default=2048, help="a multiple of 512 (2048)")
    heal.add_argument("--quiet", action="store_true", help="no progress bar")
    heal.add_argument("--json", action="store_true", help="say all of it in lines of JSON, each step too")
    for command in (convert, heal):
        command.add_argument("--model", required=True, help="a name of the catalogue, a Hub id or a folder")
        command.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")
        command.add_argument("--threads", type=int, default=0, help="processor threads (all)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
