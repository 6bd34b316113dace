"""What every message to the person must be."""


def assert_sentence(message: object) -> None:
    """One line that begins like a sentence, ends like one, and shows no inside of the program."""
    text = str(message)
    assert "\n" not in text, text
    assert text[0].isupper() or text[0] in "“/" or text.split(" ")[0].count("."), text
    assert text.endswith("."), text
    assert len(text) > 30, text
    assert "Traceback" not in text, text
