"""Strangers' text in Markdown."""

import string

import pytest

from viz.markdown import escaped


def test_every_sign_that_may_mean_something_is_escaped():
    assert escaped(string.punctuation) == "".join("\\" + sign for sign in string.punctuation)
    assert escaped("![x](http://a.b/c.png)") == r"\!\[x\]\(http\:\/\/a\.b\/c\.png\)"


@pytest.mark.parametrize("text", ["a sentence as it is", "Straße, 猫, кот", "“name”"[1:-1]])
def test_letters_stay(text: str):
    assert escaped(text).replace("\\", "") == text


def test_lines_become_one():
    assert escaped("a\n\n# b\t c") == r"a \# b c"
