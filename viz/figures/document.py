"""Self-contained HTML pages: every script and style inline, and a policy that lets nothing be fetched."""

import json
from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ASSETS = Path(__file__).parent / "assets"
VENDOR = Path(__file__).parent / "vendor"

# The browser itself refuses every request, even if a library or a token tried one.
_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"


@cache
def asset(name: str) -> str:
    """Text of one of our own scripts or styles."""
    return (ASSETS / name).read_text(encoding="utf-8")


@cache
def vendored(name: str) -> str:
    """Text of a library kept beside the program, so that no page asks a CDN for it."""
    return (VENDOR / name).read_text(encoding="utf-8")


def script(code: str) -> str:
    """A script element holding trusted code; data goes in through `script_json`."""
    if "</script" in code.lower() or "<!--" in code:
        raise ValueError("script code must not hold '</script' or '<!--': they would end the element early")
    return f"<script>\n{code}\n</script>\n"


def script_json(value: Any) -> str:
    """JSON that is also safe inside a script element.

    Everything beyond ASCII is escaped (so U+2028 and lone surrogates are harmless), and so are the three
    characters with which text could close the script or open a comment.
    """
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def packed(values: NDArray[Any], dtype: str) -> dict[str, Any]:
    """An array as {shape, data} with base64 of its little-endian bytes; `unpack.js` reads it."""
    array = np.ascontiguousarray(values, dtype=np.dtype(dtype).newbyteorder("<"))
    return {"shape": list(array.shape), "type": dtype, "data": b64encode(array.tobytes()).decode("ascii")}


def custom_properties(colours: Mapping[str, str]) -> str:
    """CSS variables on the root element, from names to colours."""
    return ":root{" + "".join(f"--{name}:{value};" for name, value in colours.items()) + "}\n"


def html_document(title: str, body: str, *, style: str = "", dark: bool = False) -> str:
    """A whole page around `body` (trusted markup). `title` is plain text and is escaped here."""
    scheme = "dark" if dark else "light"
    return (
        f'<!DOCTYPE html>\n<html lang="en" data-theme="{scheme}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f'<meta name="color-scheme" content="{scheme}">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )
