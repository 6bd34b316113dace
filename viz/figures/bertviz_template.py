"""BertViz's own markup and script for one of its views, taken apart so that our data can go in safely.

BertViz (pinned in requirements.txt) is asked to draw a stand-in of one or two tokens. Its answer is then
- freed of the CDN: the require.js tag and the d3/jQuery addresses go, and `bertviz.js` gives it our copies;
- freed of its second copy of the data (the marker it replaces also stands in a comment);
- filled with the real weights and tokens, escaped for a script, which BertViz's own `json.dumps` is not.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from bertviz import head_view, model_view

View = Literal["head", "model"]
SELF = ("self",)
SENTENCE_PAIR = ("all", "a to a", "b to b", "a to b", "b to a")

_REQUIRE_TAG = re.compile(r'<script src="https://[^"]*/require\.min\.js"></script>')
_LIBRARY_PATH = re.compile(r"'https://[^']*/(?:d3|jquery)\.min'")
_MARKUP = re.compile(r"^(.*?)<script type=\"text/javascript\">\n(.*)\n</script>\s*$", re.DOTALL)
_PARAMETERS = "const params = "


@dataclass(frozen=True, slots=True)
class Template:
    """markup: the view's elements; code: its script around the parameters; parameters: BertViz's own."""

    markup: str
    code_before: str
    code_after: str
    parameters: dict[str, Any]


def template(view: View, names: Sequence[str], layers: Sequence[int], heads: Sequence[int]) -> Template:
    """BertViz's view of stand-ins for the stacks in `names`, ready for real weights and tokens.

    names: SELF, SENTENCE_PAIR, or some of "encoder", "decoder", "cross" in that order.
    Raises RuntimeError where the installed BertViz is built in another way than the pinned one.
    """
    arguments = _stand_ins(tuple(names), layers, heads)
    if view == "head":
        answer = head_view(
            **arguments, include_layers=list(layers), prettify_tokens=False, html_action="return"
        )
    else:
        answer = model_view(
            **arguments,
            include_layers=list(layers),
            include_heads=list(heads),
            prettify_tokens=False,
            html_action="return",
        )
    assert answer is not None, "html_action='return' makes BertViz answer"
    return _taken_apart(str(answer.data))


def _stand_ins(names: tuple[str, ...], layers: Sequence[int], heads: Sequence[int]) -> dict[str, Any]:
    """Arguments of the smallest input for which BertViz builds the same page."""
    width = 2 if names == SENTENCE_PAIR else 1
    attention = [torch.zeros(1, max(heads) + 1, width, width)] * (max(layers) + 1)
    tokens = ["a", "b"][:width]
    if names == SELF:
        return {"attention": attention, "tokens": tokens}
    if names == SENTENCE_PAIR:
        return {"attention": attention, "tokens": tokens, "sentence_b_start": 1}
    stacks: dict[str, Any] = {f"{name}_attention": attention for name in names}
    return stacks | {"encoder_tokens": tokens, "decoder_tokens": tokens}


def _taken_apart(page: str) -> Template:
    page, tags = _REQUIRE_TAG.subn("", page)
    page, paths = _LIBRARY_PATH.subn("''", page)
    parts = _MARKUP.match(page)
    if (tags, paths) != (1, 2) or parts is None or _PARAMETERS not in parts[2]:
        raise RuntimeError(
            "the installed bertviz builds its page differently from the pinned one;"
            " install the version that requirements.txt names"
        )
    markup, code = parts[1].strip(), parts[2]
    start = code.index(_PARAMETERS) + len(_PARAMETERS)
    parameters, end = json.JSONDecoder().raw_decode(code, start)
    identifier = parameters["root_div_id"]
    parameters["root_div_id"] = "bertviz"  # fixed, so that the same input gives the same page
    return Template(
        markup=markup.replace(identifier, "bertviz"),
        code_before=code[:start],
        code_after=";" + code[code.index("\n", end) :],
        parameters=parameters,
    )
