"""Text to train on: a file of one's own, plain or compressed, or a data set of the Hub."""

from __future__ import annotations

import bz2
import gzip
import lzma
from pathlib import Path

from models.errors import BadText

_OPENERS = {".xz": lzma.open, ".gz": gzip.open, ".bz2": bz2.open}


def read_text(path: Path) -> str:
    """The text of a UTF-8 file (.txt, or compressed as .xz, .gz or .bz2). Raises BadText where there is none."""
    opener = _OPENERS.get(path.suffix, open)
    try:
        with opener(path, "rt", encoding="utf-8") as file:
            text = str(file.read())
    except FileNotFoundError:
        raise BadText(f"There is no corpus file {path}: check the path.") from None
    except UnicodeDecodeError as error:
        raise BadText(
            f"{path} is not UTF-8 text (byte {error.start} is {error.object[error.start]:#04x}): convert it first, "
            "for example with iconv."
        ) from None
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise BadText(f"{path} cannot be read ({error}): give a text file in UTF-8.") from None
    if not text.strip():
        raise BadText(f"{path} is empty: give a text file with something to learn from.")
    return text


def read_dataset(name: str, column: str, characters: int) -> list[str]:
    """The first rows of a data set's training split, a Hub id or a folder, until `characters` are reached.

    Raises BadText where the data set or its column cannot be read.
    """
    try:
        import datasets
    except ImportError:
        raise BadText("Data sets need one more package: pip install -r requirements-train.txt") from None
    try:
        rows = datasets.load_dataset(name, split="train", streaming=True)
        texts, length = [], 0
        for row in rows:
            texts.append(str(row[column]))
            length += len(texts[-1])
            if length >= characters:
                break
    except KeyError:
        raise BadText(f"The data set {name} has no column “{column}”: name one with --column.") from None
    except Exception as error:  # the library raises what its formats and its network raise
        reason = str(error).strip().split("\n")[0][:200]
        raise BadText(f"The data set {name} cannot be read ({type(error).__name__}: {reason}).") from None
    if not length:
        raise BadText(f"Column “{column}” of the data set {name} holds no text.")
    return texts
