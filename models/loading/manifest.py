"""The list of checksums beside a fetched model, by which a broken or half-written copy is noticed."""

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"
_BLOCK = 1 << 20  # bytes read at once while hashing


def sha256(path: Path) -> str:
    """The file's sha256, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def write(folder: Path, source: str, note: str) -> None:
    """List every file of `folder` with its checksum, where it came from, and what must be said of it."""
    files = {
        str(path.relative_to(folder)): {"sha256": sha256(path), **_stamp(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }
    _save(folder, {"source": source, "note": note, "files": files})


def read(folder: Path) -> dict[str, Any] | None:
    """The manifest of `folder`, or None where there is none that can be read."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return manifest if isinstance(manifest, dict) and manifest.get("files") else None


def intact(folder: Path) -> bool:
    """Whether every listed file is as it was written.

    Size and time of change are compared first, which costs nothing; where they differ (a copied cache, a
    touched file), the file is hashed, and a file that is sound after all gets its new stamp.
    """
    manifest = read(folder)
    if manifest is None:
        return False
    restamped = False
    for name, known in manifest["files"].items():
        path = folder / name
        if not path.is_file():
            return False
        if _stamp(path) == {key: known.get(key) for key in ("size", "mtime_ns")}:
            continue
        if sha256(path) != known.get("sha256"):
            return False
        known.update(_stamp(path))
        restamped = True
    if restamped:
        _restamp(folder, manifest)
    return True


def _stamp(path: Path) -> dict[str, int]:
    status = path.stat()
    return {"size": status.st_size, "mtime_ns": status.st_mtime_ns}


def _restamp(folder: Path, manifest: dict[str, Any]) -> None:
    with suppress(OSError):  # a cache mounted read-only is still a good cache; it is hashed again next time
        _save(folder, manifest)


def _save(folder: Path, manifest: dict[str, Any]) -> None:
    half = folder / f"{MANIFEST}.half"
    half.write_text(json.dumps(manifest, indent=1), "utf-8")
    half.replace(folder / MANIFEST)
