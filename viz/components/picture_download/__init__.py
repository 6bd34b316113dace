"""Two buttons that save a picture as PNG or SVG, made in the browser and without the network."""

import re

from viz.components.registration import palette, register

_mount = register("picture_download")


def picture_download(svg: str, stem: str, *, key: str) -> None:
    """Offer a picture for saving.

    svg: a whole SVG document with width and height; it may refer to nothing outside itself.
    stem: the file name without its ending; what file systems dislike becomes a hyphen.
    """
    data = {"palette": palette(), "svg": svg, "stem": _file_stem(stem)}
    _mount(key=key, data=data, width="content")


def _file_stem(text: str) -> str:
    return re.sub(r"[^\w.-]+", "-", text).strip("-.")[:100] or "picture"
