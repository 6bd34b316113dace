"""Text of others (a name, a path, a message) inside what Streamlit reads as Markdown."""

import re

_MEANS_SOMETHING = re.compile(r"([!-/:-@\[-`{-~])")


def escaped(text: object) -> str:
    """The text on one line, escaped so that it is shown as it is; half a character, which no browser can be sent, as "?".

    A name could otherwise be a picture in Markdown, which every browser that sees the message would fetch.
    """
    whole = str(text).encode("utf-8", "replace").decode("utf-8")
    return _MEANS_SOMETHING.sub(r"\\\1", " ".join(whole.split()))
