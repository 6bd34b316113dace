"""From what a person typed (a catalogue name, a Hub id, a folder) to a folder that can be loaded."""

import hashlib
import re
from pathlib import Path

from models import gguf_conversion, hub, store
from models.catalog import CATALOG, entry
from models.errors import UnknownModel, UnsupportedModel
from models.folder_check import check_folder
from models.progress import Progress

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def find(name: str, progress: Progress) -> tuple[Path, str]:
    """The checked folder of the model `name`, and a sentence that must stand beside it ("" where none must).

    A folder on this machine goes before a Hub id of the same spelling. Raises UnknownModel, UnsupportedModel
    or BrokenWeights with what to do.
    """
    name = name.strip()
    if name in CATALOG:
        folder = store.folder(entry(name), progress)
        return folder, store.note(folder)
    path = _existing(name)
    if path is not None:
        return _local(path, progress), ""
    if _looks_like_path(name):
        raise UnknownModel(
            f"There is no folder {name}: check the path, or give a Hub id such as openai-community/gpt2."
        )
    if _HUB_ID.fullmatch(name):
        folder = hub.snapshot(name, progress)
        check_folder(name, folder)
        return folder, ""
    entry(name)  # raises, with the names there are
    raise AssertionError(name)


def _existing(name: str) -> Path | None:
    """What lies under that path, if it can be a path at all."""
    try:
        path = Path(name).expanduser()
        return path if name and path.exists() else None
    except (OSError, RuntimeError, ValueError):  # too long, of an unknown user, with a zero byte
        return None


def _looks_like_path(name: str) -> bool:
    return (
        name.startswith(("/", "./", "../", "~", "\\")) or name.count("/") > 1 or name.endswith((".gguf", "/"))
    )


def _local(path: Path, progress: Progress) -> Path:
    if path.is_file():
        if path.suffix != ".gguf":
            raise UnsupportedModel(f"{path} is a file: give the folder that it lies in, or a .gguf file.")
        return _converted(path, progress)
    ggufs = sorted(path.glob("*.gguf"))
    if not (path / "config.json").is_file() and ggufs:
        if len(ggufs) > 1:
            raise UnsupportedModel(
                f"{path} holds {len(ggufs)} GGUF files: give the path of one, such as {ggufs[0]}."
            )
        return _converted(ggufs[0], progress)
    check_folder(str(path), path)
    return path


def _converted(gguf: Path, progress: Progress) -> Path:
    """A GGUF file is converted once, and again when it changes."""
    gguf = gguf.resolve()
    status = gguf.stat()
    identity = hashlib.sha256(f"{gguf}\0{status.st_size}\0{status.st_mtime_ns}".encode()).hexdigest()[:16]

    def make(folder: Path, report: Progress) -> tuple[str, str]:
        gguf_conversion.convert(gguf, folder, report)
        return str(gguf), ""

    return store.keep(f"gguf-{identity}", make, progress)
