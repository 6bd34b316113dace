"""A story, a row a sentence: what each hop of a memory network reads of it, and what the answer owes to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from viz import theme

_STYLE = """<style>
.hop-table { width: 100%; border-collapse: separate; border-spacing: 2px; font-size: 14px; line-height: 1.3; }
.hop-table th { padding: 3px 8px; text-align: center; font-size: 12px; font-weight: 500; color: var(--muted); }
.hop-table th:first-child, .hop-table td:first-child { text-align: left; width: 45%; }
.hop-table td { padding: 4px 8px; border-radius: 4px; text-align: center; font-variant-numeric: tabular-nums; }
.hop-table .asked td { padding-top: 9px; font-weight: 600; }
.hop-table .other { color: var(--accent); font-weight: 600; }
.hop-table .same { color: var(--muted); }
</style>"""


@dataclass(frozen=True, slots=True)
class ToldSentence:
    """weights: of each hop, 0 to 1. adds: what its readings add to the answer's logit. without: the answer where it is taken
    out, and the probability that the whole story's answer has then.
    """

    text: str
    weights: Sequence[float]
    adds: float
    without: tuple[str, float]


def hop_table(
    told: Sequence[ToldSentence],
    question: str,
    after_hops: Sequence[tuple[str, float]],
    *,
    dark: bool = False,
) -> str:
    """HTML of the table, under it the question with what is answered (word, probability) after each hop."""
    hops = len(after_hops)
    titles = ["", *(f"hop {hop + 1}" for hop in range(hops)), "adds to the answer", "answer without it"]
    head = "".join(f"<th>{escape(title)}</th>" for title in titles)
    answer = after_hops[-1][0]
    rows = "".join(_row(one, answer, dark) for one in told)
    asked = "".join(
        f'<td title="{escape(f"{word}: {share:.6g}")}">{escape(word)} {100 * share:.3g}%</td>'
        for word, share in after_hops
    )
    foot = f'<tr class="asked"><td>{escape(question)}?</td>{asked}<td></td><td></td></tr>'
    colours = f"--muted:{theme.muted(dark)};--accent:{theme.accent(dark)}"
    return f'{_STYLE}<table class="hop-table" style="{colours}"><tr>{head}</tr>{rows}{foot}</table>'


def _row(one: ToldSentence, answer: str, dark: bool) -> str:
    weights = "".join(_weight(weight, dark) for weight in one.weights)
    word, share = one.without
    kind = "same" if word == answer else "other"
    without = f'<td class="{kind}" title="{escape(f"{answer} then has {share:.6g}")}">{escape(word)}</td>'
    return f'<tr><td>{escape(one.text)}</td>{weights}<td title="{one.adds:.6g}">{one.adds:+.1f}</td>{without}</tr>'


def _weight(weight: float, dark: bool) -> str:
    """Shaded by the square root, as heatmaps are; on the theme's ground."""
    steps = theme.ink(dark)
    place = round((len(steps) - 1) * max(weight, 0.0) ** 0.5)
    ground = steps[place]
    light = place <= len(steps) // 2
    text = theme.text(dark) if light else theme.background(dark)
    return f'<td style="background:{ground};color:{text}" title="{weight:.6g}">{weight:.2f}</td>'
