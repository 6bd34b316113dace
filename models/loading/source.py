"""From what a person typed (a catalogue name, a Hub id, a folder) to a folder that can be loaded."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from models.errors import UnknownModel, UnsupportedModel
from models.loading import adapters, card, gguf_conversion, hub, store
from models.loading.card import Card
from models.loading.catalog import CATALOG, Entry, Shipped, entry
from models.loading.folder_check import check_folder
from models.progress import Progress

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True, slots=True)
class Found:
    """Where a model lies. folder: config and weights, checked; tokenizer: the folder of its tokenizer.

    note: "" or one sentence that must stand beside the model. adapter: the folder of an adapter to be merged into it.
    """

    folder: Path
    tokenizer: Path
    note: str = ""
    adapter: Path | None = None


def find(name: str, progress: Progress) -> Found:
    """Where the model `name` lies on this machine, fetched first where it does not.

    A folder on this machine goes before a Hub id of the same spelling. Raises UnknownModel, UnsupportedModel
    or BrokenWeights with what to do.
    """
    name = name.strip()
    if name in CATALOG:
        return _catalogued(entry(name), progress)
    path = _existing(name)
    if path is not None:
        return _in_folder(name, _local(path, progress), progress)
    if _looks_like_path(name):
        raise UnknownModel(
            f"There is no folder {name}: check the path, or give a Hub id such as openai-community/gpt2."
        )
    if _HUB_ID.fullmatch(name):
        folder = hub.snapshot(name, progress)
        return _in_folder(name, folder, progress)
    entry(name)  # raises, with the names there are
    raise AssertionError(name)


def _in_folder(name: str, folder: Path, progress: Progress) -> Found:
    """What a folder of a model, of an adapter, or of both holds, checked."""
    if not adapters.has_adapter(folder):
        check_folder(name, folder)
        return Found(folder, folder)
    if (folder / "config.json").is_file():
        adapters.demand_peft(name, folder)
        check_folder(name, folder)
        return Found(folder, folder, f"The adapter in its folder ({adapters.CONFIG}) is applied.", folder)
    base_name = adapters.base_of(name, folder)
    base = find(base_name, progress)
    if base.adapter is not None:
        raise UnsupportedModel(
            f"“{name}” is an adapter of “{base_name}”, which has an adapter itself: merge that one first "
            "(merge_and_unload, then save_pretrained)."
        )
    own = any((folder / file).is_file() for file in ("tokenizer.json", "tokenizer_config.json"))
    note = f"This is “{base_name}” with an adapter applied. {base.note}".strip()
    return Found(base.folder, folder if own else base.tokenizer, note, folder)


def card_of(name: str | Path) -> Card | None:
    """The card that lies beside a model that comes with Headlight or lies in a folder; None where there is none.

    Reads that one small file alone, and nothing from the network. Raises BadCard where the card is not sound.
    """
    folder = _folder_on_this_machine(str(name).strip())
    return Card.read(folder) if folder is not None and (folder / card.FILE).is_file() else None


def _folder_on_this_machine(name: str) -> Path | None:
    """Where a model lies that nobody has to fetch."""
    if name not in CATALOG:
        return _existing(name)
    source = entry(name).source
    return source.folder if isinstance(source, Shipped) else None


def _catalogued(row: Entry, progress: Progress) -> Found:
    folder = store.folder(row, progress)
    if isinstance(row.source, Shipped):
        check_folder(row.name, folder)
        return Found(folder, row.source.tokenizer)
    return Found(folder, folder, store.note(folder))


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
