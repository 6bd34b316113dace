"""What every message to the person must be."""

from pathlib import Path

import pytest

from models.errors import HeadlightError
from models.loading.loader import load


def assert_sentence(message: object) -> None:
    """One line that begins like a sentence, ends like one, and shows no inside of the program."""
    text = str(message)
    assert "\n" not in text, text
    assert text[0].isupper() or text[0] in "“/" or text.split(" ")[0].count("."), text
    assert text.endswith("."), text
    assert len(text) > 30, text
    assert "Traceback" not in text, text


def refusal(folder: Path) -> str:
    """Why `load` does not take the folder: one sentence."""
    with pytest.raises(HeadlightError) as caught:
        load(str(folder))
    assert_sentence(caught.value)
    return str(caught.value)
