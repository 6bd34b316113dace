"""Text of others (a name, a path, a message) inside what Streamlit reads as Markdown."""

import re

_MEANS_SOMETHING = re.compile(r"([!-/:-@\[-`{-~])")


def plain(text: object) -> str:
    """The text on one line, escaped so that it is shown as it is.

    A name could otherwise be a picture in Markdown, which every browser that sees the message would fetch.
    """
    return _MEANS_SOMETHING.sub(r"\\\1", " ".join(str(text).split()))
