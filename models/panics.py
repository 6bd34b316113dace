"""Panics of extensions written in Rust, told as errors: they pass every `except Exception`, and end a server's thread."""

from collections.abc import Iterator
from contextlib import contextmanager

from models.errors import BadText, HeadlightError


@contextmanager
def panics_told(what: str, kind: type[HeadlightError] = BadText) -> Iterator[None]:
    """Raise `kind` in place of a panic inside. what: whose fault it is, as `The tokenizer of “gpt2”`."""
    try:
        yield
    except BaseException as error:
        if type(error).__module__ != "pyo3_runtime":
            raise
        reason = str(error).strip().split("\n")[0][:200]
        raise kind(
            f"{what} broke off inside its own code ({reason}): nothing here can mend that; try another text, or choose "
            "another model."
        ) from None
