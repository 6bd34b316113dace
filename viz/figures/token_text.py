"""How a token is written where it must be seen: nothing invisible, nothing that a file format forbids."""

import unicodedata

_LINE_MARKS = {"\n": "⏎", "\t": "⇥", "\r": "␍"}
# Joiners hold emoji and Indic letters together; they are part of the writing.
_KEPT_FORMATS = {"\u200c", "\u200d"}
_UNSHOWABLE = {"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"}


def visible(token: str) -> str:
    """The token with every unprintable character replaced by something that can be seen.

    Line breaks and tabs become arrows, other control characters their pictures (U+2400 block), and what has
    no picture (lone surrogates, bidirectional overrides, unassigned code points) its `\\uXXXX` escape.
    Spaces stay. The result is legal in XML 1.0 and can always be encoded as UTF-8.
    """
    if token.isprintable():  # as most tokens are
        return token
    return "".join(_visible_character(character) for character in token)


def visible_lines(text: str) -> str:
    """`visible(text)` with its line breaks kept."""
    return "\n".join(visible(line) for line in text.split("\n"))


def label(token: str, width: int) -> str:
    """`visible(token)` with outer spaces shown as dots, cut to `width` characters with an ellipsis."""
    text = visible(token)
    inner = text.strip(" ")
    leading = len(text) - len(text.lstrip(" "))
    trailing = len(text) - leading - len(inner)
    return shortened("·" * leading + inner + "·" * trailing, width)


def shortened(text: str, width: int) -> str:
    """The text cut to `width` characters, the last of them an ellipsis where something is left out."""
    return text if len(text) <= width else text[: width - 1] + "…"


def _visible_character(character: str) -> str:
    if character in _LINE_MARKS:
        return _LINE_MARKS[character]
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    if unicodedata.category(character) in _UNSHOWABLE and character not in _KEPT_FORMATS:
        return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
    return character
