"""Weights from the Hugging Face Hub: whether it answers, and fetching, with every refusal as a sentence."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import huggingface_hub as hf
from huggingface_hub import constants
from huggingface_hub.errors import (
    GatedRepoError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from tqdm import tqdm

from models.errors import BrokenWeights, UnknownModel, UnsupportedModel
from models.loading.catalog import Fetched
from models.loading.hub_files import wanted_files
from models.loading.manifest import sha256
from models.progress import Progress, no_progress

_PATIENCE_S = (
    3.0  # a machine without a way out should not wait longer than this for the sentence that says so
)


def reachable() -> bool:
    """Whether the Hub answers within three seconds; False at once where HF_HUB_OFFLINE is set."""
    if constants.HF_HUB_OFFLINE:
        return False
    # A name server that does not answer is not covered by the client's own time limit, hence the thread.
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="hub-reachable")
    try:
        return pool.submit(_answers).result(timeout=_PATIENCE_S)
    except TimeoutError:
        return False
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _answers() -> bool:
    try:
        return hf.get_session().head(constants.ENDPOINT, timeout=_PATIENCE_S).status_code < 500
    except Exception:  # whatever the network layer raises, the Hub is not in reach
        return False


def fetch_pinned(source: Fetched, folder: Path, progress: Progress) -> None:
    """Put the pinned files of a catalogue entry into `folder`, each checked against its sha256."""
    with _sentences(source.hub_id):
        total = source.size_bytes
        _download(source.hub_id, source.hub_revision, list(source.files), total, progress, local_dir=folder)
    shutil.rmtree(folder / ".cache", ignore_errors=True)  # the Hub client's own bookkeeping
    for name, expected in source.files.items():
        if sha256(folder / name) != expected:
            raise BrokenWeights(
                f"{name} of {source.hub_id} is not the file that was expected (its sha256 differs): the "
                "download is damaged; try again."
            )


def snapshot(hub_id: str, progress: Progress) -> Path:
    """The folder with the newest safetensors of a Hub model, in the Hub's own cache, which other tools share.

    Without the Hub in reach, what an earlier download left in that cache. Raises UnknownModel or
    UnsupportedModel where the id does not exist, is gated, or offers nothing that is safe to load.
    """
    with _sentences(hub_id):
        if not reachable():
            return _cached(hub_id)
        info = hf.HfApi().model_info(hub_id, files_metadata=True, timeout=30)
        sizes = {file.rfilename: file.size or 0 for file in info.siblings or ()}
        names = wanted_files(hub_id, sizes)
        total = sum(sizes[name] for name in names)
        _demand_room(hub_id, total)
        return _download(hub_id, info.sha, names, total, progress)


def config_file(hub_id: str) -> Path:
    """The config.json of a Hub model alone, a few kilobytes; without the Hub in reach, what an earlier download left.

    Raises UnknownModel or UnsupportedModel where the id does not exist, is gated or has none.
    """
    with _sentences(hub_id):
        if not reachable():
            return _cached(hub_id) / "config.json"
        return Path(
            hf.hf_hub_download(hub_id, "config.json", tqdm_class=_silent_bar(_Counter("", 0, no_progress)))
        )


def _cached(hub_id: str) -> Path:
    """Where an earlier download lies; LocalEntryNotFoundError where there was none."""
    config = hf.try_to_load_from_cache(hub_id, "config.json")
    if not isinstance(config, str):
        raise LocalEntryNotFoundError(hub_id)
    return Path(config).parent


def _download(
    hub_id: str,
    revision: str | None,
    names: list[str],
    total: int,
    progress: Progress,
    local_dir: Path | None = None,
) -> Path:
    """Fetch the files one after the other (the config first); the folder they lie in."""
    counter = _Counter(f"Fetching {hub_id} ({total / 1e6:,.0f} MB)", total, progress)
    path = ""
    for name in names:
        # The config of an unpinned model is asked for by branch, so that the client notes at which commit the
        # branch stood and finds it again without the network.
        by_branch = local_dir is None and name == names[0]
        path = hf.hf_hub_download(
            hub_id,
            name,
            revision=None if by_branch else revision,
            local_dir=local_dir,
            tqdm_class=_silent_bar(counter),
        )
    return Path(path).parent


class _Counter:
    """Sums up the bytes of several downloads."""

    def __init__(self, message: str, total: int, progress: Progress) -> None:
        self.message, self.total, self.progress, self.done = message, max(total, 1), progress, 0

    def add(self, count: float) -> None:
        self.done += int(count)
        self.progress(self.message, min(self.done / self.total, 1.0))


def _silent_bar(counter: _Counter) -> type[tqdm]:
    """A progress bar that draws nothing and tells `counter`: the Hub client takes a class, not a function."""

    class Bar(tqdm):
        def __init__(self, *args: Any, initial: int = 0, **kwargs: Any) -> None:
            super().__init__(disable=True)
            counter.add(initial)

        def update(self, n: float | None = 1) -> bool | None:
            counter.add(n or 0)
            return None

    return Bar


def _demand_room(hub_id: str, total: int) -> None:
    folder = Path(constants.HF_HUB_CACHE)
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < total:
        raise BrokenWeights(
            f"{hub_id} takes {total / 1e9:.1f} GB, but {folder} has only {free / 1e9:.1f} GB free: free "
            "some space, or set HF_HOME to a folder on a larger disk."
        )


@contextmanager
def _sentences(hub_id: str) -> Iterator[None]:
    """Turn what the Hub client raises into one sentence that says what to do."""
    try:
        yield
    except (BrokenWeights, UnknownModel, UnsupportedModel):
        raise
    except GatedRepoError:
        raise UnsupportedModel(
            f"“{hub_id}” is gated: accept its terms on {constants.ENDPOINT}/{hub_id}, set HF_TOKEN to your "
            "access token, and start again."
        ) from None
    except (RepositoryNotFoundError, RevisionNotFoundError, HFValidationError):
        raise UnknownModel(
            f"The Hugging Face Hub has no public model called “{hub_id}”: check the spelling "
            "(organisation/name), or set HF_TOKEN if it is private."
        ) from None
    except LocalEntryNotFoundError:
        raise UnknownModel(
            f"“{hub_id}” is not on this machine and the Hugging Face Hub is not in reach: connect to the "
            "network, or choose a model of the catalogue or a local folder."
        ) from None
    except OSError as error:
        raise BrokenWeights(f"“{hub_id}” could not be fetched ({error}): try again.") from None
    except Exception as error:
        raise BrokenWeights(
            f"“{hub_id}” could not be fetched from the Hugging Face Hub ({type(error).__name__}: {error}): "
            "try again."
        ) from None
