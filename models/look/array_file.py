"""A .npz file from a stranger: what is in it is known from its headers, and only what is asked for is read."""

from __future__ import annotations

import json
import zipfile
import zlib
from dataclasses import dataclass
from math import prod
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np

MOST_BYTES = 2**28  # that a file may unpack to, where it is not as large as that itself
MOST_TEXT = 2**25  # bytes of the line of JSON
HEAD = "head"
_MOST_AXES = 5
_KINDS = "fiub"  # floats, whole numbers and truth values: no objects, no records, no strings
# What reading a broken or foreign file can raise in zipfile and NumPy.
_DAMAGE = (
    *(OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, EOFError, RuntimeError),
    *(SyntaxError, zipfile.BadZipFile, zlib.error, MemoryError, NotImplementedError),
)


class Unsound(ValueError):
    """Why a file cannot be used, as a clause behind its name."""


@dataclass(frozen=True, slots=True)
class Array:
    """One array, by its header. start: where its numbers begin in the member; fortran: whether the first axis varies first."""

    dtype: np.dtype
    shape: tuple[int, ...]
    fortran: bool
    start: int

    @property
    def nbytes(self) -> int:
        return self.dtype.itemsize * prod(self.shape)


class ArrayFile:
    """The arrays of a .npz file, without pickles, each read once and only when asked for.

    Raises Unsound for anything that is not as it should be, FileNotFoundError where nothing is there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = zipfile.ZipFile(path)
        except FileNotFoundError:
            raise
        except _DAMAGE:
            raise Unsound("it is no archive of arrays") from None
        self._most = max(path.stat().st_size, MOST_BYTES)
        self._headers: dict[str, Array] = {}
        self._read: dict[str, np.ndarray] = {}
        self._taken = 0

    def __enter__(self) -> ArrayFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def text(self) -> Any:
        """What the line of JSON says."""
        told = self.header(HEAD)
        if told.dtype != np.uint8 or len(told.shape) != 1 or told.nbytes > MOST_TEXT:
            raise Unsound(f"its description is no line of at most {MOST_TEXT:,} bytes")
        try:
            return json.loads(self.array(HEAD).tobytes())
        except (ValueError, RecursionError):
            raise Unsound("its description is no JSON") from None

    def header(self, name: Any) -> Array:
        """Type and shape of an array; nothing of it is read."""
        info = self._info(name)
        if name not in self._headers:
            self._headers[name] = self._checked(info, repr(name[:40]))
        return self._headers[name]

    def _checked(self, info: zipfile.ZipInfo, name: str) -> Array:
        try:
            with self._file.open(info) as member:
                found = _header(member)
        except Unsound:
            raise
        except _DAMAGE:
            raise Unsound(f"its array {name} has no header that can be read") from None
        if found.dtype.kind not in _KINDS or found.dtype.hasobject or len(found.shape) > _MOST_AXES:
            raise Unsound(f"its array {name} holds something else than numbers")
        if any(size < 0 for size in found.shape) or found.start + found.nbytes != info.file_size:
            raise Unsound(f"its array {name} is not as long as its header says")
        return found

    def array(self, name: Any) -> np.ndarray:
        """The array, writable."""
        if isinstance(name, str) and name in self._read:
            return self._read[name]
        told = self.header(name)
        self._taken += told.nbytes
        if self._taken > self._most:
            raise Unsound(f"it unpacks to more than {self._most:,} bytes")
        try:
            with self._file.open(self._info(name)) as member:
                member.read(told.start)
                content = _exactly(member, told.nbytes)
        except _DAMAGE:
            raise Unsound(f"its array {name[:40]!r} cannot be read whole") from None
        flat = np.frombuffer(content, told.dtype)
        self._read[name] = flat.reshape(told.shape, order="F" if told.fortran else "C")
        return self._read[name]

    def _info(self, name: Any) -> zipfile.ZipInfo:
        try:
            return self._file.getinfo(f"{name}.npy" if isinstance(name, str) else "")
        except KeyError:
            raise Unsound(f"its array {str(name)[:40]!r} is missing") from None


def _header(member: IO[bytes]) -> Array:
    version = np.lib.format.read_magic(member)
    if version not in ((1, 0), (2, 0)):
        raise Unsound("its arrays are of another version of NumPy's format")
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(member)
    return Array(dtype, shape, fortran, member.tell())


def _exactly(member: IO[bytes], count: int) -> bytearray:
    content, filled = bytearray(count), 0
    view = memoryview(content)
    while filled < count:
        got = member.readinto(view[filled:])  # pyright: ignore[reportAttributeAccessIssue] - of a zip's member
        if not got:
            raise EOFError
        filled += got
    if member.read(1):  # at whose end the check sum is compared
        raise EOFError
    return content
