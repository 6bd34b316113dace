"""A head's pattern as CSV: one row a query, one column a key, labels that no reader can misread.

A label is `position|token`, the token written as the inside of a JSON string: line breaks, quotes,
backslashes, control characters and lone surrogates become `\\n`, `\\"`, `\\\\`, `\\u0000`. Because every
label begins with a digit, no spreadsheet takes one for a formula, whatever the token begins with, and equal
tokens stay apart; because of the bar, none is taken for a number or a time. Nothing is lost: `token_of`
gives the token back.
"""

import csv
import io
import json
import re
from typing import Any

from viz.figures.one_head import head_weights

# Kept by JSON as they are, but ends of lines to some readers, or not encodable.
_BEYOND_JSON = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def pattern_csv(pattern: Any, query_tokens: tuple[str, ...], key_tokens: tuple[str, ...]) -> str:
    """The weights of one head as CSV text (RFC 4180 quoting, CRLF), each with the digits float32 needs to
    come back.

    pattern: [query, key]. Write it as UTF-8 with newline="". Raises BadSelection where tokens and weights
    disagree.
    """
    weights = head_weights(pattern, query_tokens, key_tokens)
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["query|key", *(_label(position, token) for position, token in enumerate(key_tokens))])
    for position, (token, row) in enumerate(zip(query_tokens, weights.astype(str), strict=True)):
        writer.writerow([_label(position, token), *row])
    return out.getvalue()


def token_of(label: str) -> str:
    """The token a label stands for: the way back from `pattern_csv`."""
    return json.loads(f'"{label.partition("|")[2]}"')


def _label(position: int, token: str) -> str:
    inside = json.dumps(token, ensure_ascii=False)[1:-1]
    return f"{position}|" + _BEYOND_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", inside)
