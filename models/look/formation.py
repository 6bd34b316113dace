"""What was recorded of a model's heads while it was trained, and the file that it lies in."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import HeadlightError
from models.look.array_file import ArrayFile, Unsound
from models.look.scores import NAMES, Scores

FORMAT = "headlight-formation"
VERSION = 1
LONGEST_NAME = 1_000


@dataclass(frozen=True, slots=True)
class Formation:
    """Every head at some steps of a training run, on one fixed probe text. Everything in it was measured.

    steps: optimizer steps done at each record, rising. tokens_seen: training tokens read by then (-1: not counted).
    validation_loss: float32 [record], nats per token, NaN where none was measured.
    scores[name]: float32 [record, layer, head]; chance[name]: float32 [layer, head]; support[name]: queries the mean is
    taken over; names and sources as in models.look.scores. tiles: uint8 [record, layer, head, size, size], read by `weights`.
    token_strings: the probe text, one string a token.
    """

    steps: tuple[int, ...]
    tokens_seen: tuple[int, ...]
    validation_loss: NDArray[np.float32]
    scores: dict[str, NDArray[np.float32]]
    chance: dict[str, NDArray[np.float32]]
    support: dict[str, int]
    tiles: NDArray[np.uint8]
    token_strings: tuple[str, ...]
    kind: str
    model_name: str

    @staticmethod
    def empty(layers: int, heads: int, tokens: tuple[str, ...], kind: str, name: str, size: int) -> Formation:
        """No record yet, of a model of this shape on this probe."""
        return Formation(
            steps=(),
            tokens_seen=(),
            validation_loss=np.zeros(0, np.float32),
            scores={score: np.zeros((0, layers, heads), np.float32) for score in NAMES},
            chance={score: np.full((layers, heads), np.nan, np.float32) for score in NAMES},
            support=dict.fromkeys(NAMES, 0),
            tiles=np.zeros((0, layers, heads, size, size), np.uint8),
            token_strings=tokens,
            kind=kind,
            model_name=name,
        )

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def layers(self) -> int:
        return self.tiles.shape[1]

    @property
    def heads(self) -> int:
        return self.tiles.shape[2]

    def weights(self, record: int) -> NDArray[np.float32]:
        """Every head's tile at a record, float32 [layer, head, size, size]: the attention of a block of queries to a
        block of keys together, as in models.look.overview, to within 1/255 of its square root."""
        return np.square(self.tiles[record].astype(np.float32) / 255)

    def strongest(self, name: str) -> tuple[NDArray[np.float32], list[tuple[int, int]]]:
        """The highest score of all heads at each record, float32 [record], and whose it is: (layer, head)."""
        flat = self.scores[name].reshape(len(self), -1)
        best = np.nan_to_num(flat, nan=-np.inf).argmax(axis=1)
        where = [(int(at) // self.heads, int(at) % self.heads) for at in best]
        return flat[np.arange(len(self)), best], where

    def scores_at(self, record: int) -> Scores:
        """The scores of a record as a capture gives them, so that roles are told by the same convention."""
        import torch

        return Scores(
            {name: torch.from_numpy(values[record].copy()) for name, values in self.scores.items()},
            {name: torch.from_numpy(values.copy()) for name, values in self.chance.items()},
            dict(self.support),
        )

    def with_record(
        self,
        step: int,
        scores: Scores,
        weights: NDArray[np.float32],
        *,
        tokens_seen: int,
        validation_loss: float,
    ) -> Formation:
        """One record more; weights: float32 [layer, head, size, size], each in 0..1."""
        if self.steps and step <= self.steps[-1]:
            raise ValueError(f"records rise: step {step} cannot follow step {self.steps[-1]}")
        # The square root keeps the many weak weights apart that 256 even levels would all call none.
        stored = np.rint(255 * np.sqrt(np.clip(np.nan_to_num(weights), 0, 1))).astype(np.uint8)
        return replace(
            self,
            steps=(*self.steps, step),
            tokens_seen=(*self.tokens_seen, tokens_seen),
            validation_loss=np.append(self.validation_loss, np.float32(validation_loss)),
            scores={
                name: np.concatenate([self.scores[name], scores.values[name].numpy()[None]]) for name in NAMES
            },
            chance={name: scores.chance[name].numpy() for name in NAMES},
            support=dict(scores.support),
            tiles=np.concatenate([self.tiles, stored[None]]),
        )

    def with_last_loss(self, loss: float) -> Formation:
        """The same with the last record's validation loss, where it is measured after the heads."""
        losses = self.validation_loss.copy()
        losses[-1] = loss
        return replace(self, validation_loss=losses)

    def upto(self, step: int) -> Formation:
        """The records of this step and before."""
        count = sum(known <= step for known in self.steps)
        return replace(
            self,
            steps=self.steps[:count],
            tokens_seen=self.tokens_seen[:count],
            validation_loss=self.validation_loss[:count],
            scores={name: values[:count] for name, values in self.scores.items()},
            tiles=self.tiles[:count],
        )

    def save(self, path: str | Path) -> None:
        """Write it as a compressed .npz without pickles; a file that is there is replaced in one move."""
        head = {
            "format": FORMAT,
            "version": VERSION,
            "steps": self.steps,
            "tokens_seen": self.tokens_seen,
            "support": self.support,
            "token_strings": self.token_strings,
            "kind": self.kind,
            "model_name": self.model_name,
        }
        arrays: dict[str, np.ndarray] = {"validation_loss": self.validation_loss, "tiles": self.tiles}
        arrays |= {f"scores.{name}": values for name, values in self.scores.items()}
        arrays |= {f"chance.{name}": values for name, values in self.chance.items()}
        arrays["head"] = np.frombuffer(json.dumps(head).encode(), dtype=np.uint8)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
        path = Path(path)
        partial = path.with_name(f"{path.name}.partial")
        partial.write_bytes(buffer.getvalue())
        partial.replace(path)

    @staticmethod
    def load(path: str | Path) -> Formation:
        """Reopen a saved file. Raises HeadlightError where it is missing, damaged, or something else."""
        try:
            with ArrayFile(Path(path)) as file:
                head = _head(file)
                shapes = _shapes(head, file)
                arrays = {name: file.array(name) for name in shapes}
        except FileNotFoundError:
            raise HeadlightError(f"There is no file {path}; give the path of a formation.npz.") from None
        except Unsound as error:
            raise HeadlightError(
                f"{path} is damaged, or no record of a training by Headlight: {error}; copy it again, or train again."
            ) from None
        return Formation(
            steps=tuple(head["steps"]),
            tokens_seen=tuple(head["tokens_seen"]),
            validation_loss=arrays["validation_loss"],
            scores={name: arrays[f"scores.{name}"] for name in NAMES},
            chance={name: arrays[f"chance.{name}"] for name in NAMES},
            support={name: int(head["support"][name]) for name in NAMES},
            tiles=arrays["tiles"],
            token_strings=tuple(head["token_strings"]),
            kind=head["kind"],
            model_name=head["model_name"],
        )


def _head(file: ArrayFile) -> dict[str, Any]:
    """The description, where it is one of this format and version and sound in itself."""
    head = file.text()
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise Unsound("it was not saved by Headlight")
    if head.get("version") != VERSION:
        raise Unsound(f"it is of version {str(head.get('version'))[:20]}, but version {VERSION} is read here")
    steps, seen, support = head.get("steps"), head.get("tokens_seen"), head.get("support")
    if not isinstance(steps, list) or not isinstance(seen, list) or not all(map(_is_whole, (*steps, *seen))):
        raise Unsound("its steps are no whole numbers")
    if steps != sorted({*steps}) or len(steps) != len(seen):
        raise Unsound("its steps do not rise, or are not as many as its records")
    if not isinstance(support, dict) or not all(_is_whole(support.get(name)) for name in NAMES):
        raise Unsound("it does not say over how many queries its scores are means")
    told, tokens = (head.get("kind"), head.get("model_name")), head.get("token_strings")
    if not all(isinstance(word, str) and len(word) <= LONGEST_NAME for word in told):
        raise Unsound("it does not name its model")
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        raise Unsound("its probe is no text")
    return head


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -1 <= value < 2**62


def _shapes(head: dict[str, Any], file: ArrayFile) -> dict[str, tuple[int, ...]]:
    """Every array's shape, by its header, once all fit together: so that no page breaks on them later."""
    tiles = file.header("tiles")
    records, layers, heads, *size = tiles.shape if len(tiles.shape) == 5 else (0, 0, 0)
    if tiles.dtype != np.uint8 or len(size) != 2 or size[0] != size[1] or not size[0]:
        raise Unsound("its tiles are no square pictures")
    if records != len(head["steps"]):
        raise Unsound("its records are not as many as its steps")
    shapes: dict[str, tuple[int, ...]] = {"validation_loss": (records,)}
    shapes |= {f"scores.{name}": (records, layers, heads) for name in NAMES}
    shapes |= {f"chance.{name}": (layers, heads) for name in NAMES}
    told = {name: file.header(name) for name in shapes}
    if any(told[name].shape != shape or told[name].dtype != np.float32 for name, shape in shapes.items()):
        raise Unsound("its numbers do not fit its tiles")
    return shapes | {"tiles": tiles.shape}
