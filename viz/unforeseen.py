"""What is said of an error that nobody has foreseen: that it is one, and under which reference the log has it."""

from __future__ import annotations

import logging
import secrets

import torch

import models

_log = logging.getLogger(__name__)
_REFERENCE = "headlight_reference"
_NO_MEMORY = ("out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory")


def sentence(error: BaseException | None, what: str, less: str) -> str:
    """An error for the page: one of ours in its own words, any other with a reference that stands in the log beside it.

    what: what failed, as `“gpt2” on this text`. less: what takes less memory, as `a shorter text`; nothing else is
    advised, since nobody knows what would help.
    """
    if isinstance(error, models.HeadlightError):
        return str(error)
    reference = getattr(error, _REFERENCE, None)
    if reference is None:  # what is on a page is drawn again and again
        reference = secrets.token_hex(4)
        _log.error("[%s] %s failed", reference, what, exc_info=error)
        if error is not None:
            setattr(error, _REFERENCE, reference)
    kind = type(error).__name__
    if _lacks_memory(error):
        return f"There was not enough memory for {what} ({kind}): take {less} (reference {reference} in the server's log)."
    message = " ".join(str(error).split())[:200]
    named = f"{kind}: {message}" if message else kind
    return (
        f"{what[0].upper()}{what[1:]} failed in a way that was not foreseen ({named}): this is a "
        f"fault of the program, and the server's log has it under the reference {reference}."
    )


def _lacks_memory(error: BaseException | None) -> bool:
    text = str(error).lower()
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or any(
        each in text for each in _NO_MEMORY
    )
