"""What lies in the file that W&B writes offline, read with W&B's own message classes.

The file is LevelDB's log format behind seven bytes of W&B's: blocks of 32 KiB; a record is one piece or several.
"""

import json
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wandb.proto import wandb_internal_pb2

OPENING, BLOCK = 7, 32768
WAIT_S = 30
PIECE = struct.Struct("<IHB")  # checksum, length, whether whole (1), first (2), middle (3) or last (4)


def history(path: Path) -> list[dict[str, Any]]:
    """What was logged, one dict a call of `wandb.log`. W&B's own process may still be writing when `wandb.finish` returns."""
    end = time.monotonic() + WAIT_S
    records = _messages(path)
    while not any(record.WhichOneof("record_type") == "exit" for record in records):
        assert time.monotonic() < end, f"{path} has no end after {WAIT_S} s"
        time.sleep(0.05)
        records = _messages(path)
    return [
        {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
        for record in records
        if record.WhichOneof("record_type") == "history"
    ]


def _messages(path: Path) -> list[Any]:
    messages = []
    for raw in _records(path.read_bytes()):
        record = wandb_internal_pb2.Record()  # pyright: ignore
        record.ParseFromString(raw)
        messages.append(record)
    return messages


def _records(data: bytes) -> Iterator[bytes]:
    assert data.startswith(b":W&B")
    place, pieces = OPENING, b""
    while place + PIECE.size <= len(data):
        if BLOCK - place % BLOCK < PIECE.size:
            place += BLOCK - place % BLOCK
            continue
        _, length, part = PIECE.unpack_from(data, place)
        place += PIECE.size
        if place + length > len(data):
            return  # not written to its end yet
        pieces += data[place : place + length]
        place += length
        if part in (1, 4):
            yield pieces
            pieces = b""
