"""Heads forming during a training: a slider over its records, the wall of all heads, curves; played in the browser."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from viz import theme
from viz.components.head_wall import legend_entry
from viz.components.registration import palette, register
from viz.components.selection import on_pick, order, read_integers
from viz.figures.formation_film import FOLLOWED, Curve, Film
from viz.figures.kinds import KIND_STYLES
from viz.figures.token_text import visible

WALL_HEIGHT = 330
# How a score is drawn where all are drawn of one head: as its role is, and by a dash of its own.
SCORE_ROLES = {"induction": "induction", "previous_token": "previous token", "first_token": "first token"}
TITLES = {"induction": "induction", "previous_token": "previous-token", "first_token": "first-token"}
DASHES = {"induction": "solid", "previous_token": "dash", "first_token": "dot"}

_mount = register(
    "formation_player",
    "../head_wall/layout.js",
    "../head_wall/drawing.js",
    "../head_wall/wall.js",
    "chart.js",
    more_styles=("../head_wall/head_wall.css",),
)


class Shown(NamedTuple):
    """What the player shows: which record, and the head that is shown large."""

    record: int
    layer: int
    head: int


def formation_player(
    film: Film,
    curve: Curve,
    curves: Sequence[Curve],
    probe: Sequence[str],
    *,
    key: str,
    selected: Shown,
    on_select: Callable[[Shown], None] | None = None,
) -> None:
    """Show the player.

    film and curve: of the model whose heads are shown. curves: of all models, drawn side by side. probe: the text that
    all was measured on, one string a token. selected: see `head_wall` for how it goes with the browser's own
    selection; the browser tells where the slider and the head have come to rest, not what passes by while it plays.
    """

    def read(raw: Any) -> Shown | None:
        found = read_integers(raw, 3)
        if found is None:
            return None
        shown = Shown(*found)
        known = 0 <= shown.record < len(curve.steps) and 0 <= shown.layer < film.layers
        return shown if known and 0 <= shown.head < film.heads else None

    names = [name for name in theme.ROLES if any(name in row for row in film.roles)]
    data = {
        "key": key,
        "palette": palette(),
        "atlas": {
            "url": film.atlas.data_url,
            "key": film.atlas.key,
            "size": film.atlas.size,
            "columns": film.atlas.columns,
            "heads": [film.heads] * film.layers,
        },
        "roles": [legend_entry(name) for name in names],
        "role": [[names.index(role) if role else -1 for role in row] for row in film.roles],
        "scores": [
            {"name": name.replace("_", " "), "values": values, "chance": film.chance[name]}
            for name, values in film.scores.items()
        ],
        "followed": [
            {
                **legend_entry(SCORE_ROLES[name]),
                "name": name,
                "title": TITLES[name],
                "dash": DASHES[name],
            }
            for name in FOLLOWED
        ],
        "kind": curve.kind,
        "curves": [_sent(one) for one in curves],
        "probe": [visible(token) for token in probe],
        "maxHeight": WALL_HEIGHT,
        "selection": order(key, selected),
    }
    _mount(key=key, data=data, on_pick_change=on_pick(key, read, on_select))


def _sent(curve: Curve) -> dict[str, Any]:
    style = KIND_STYLES[curve.kind]  # pyright: ignore[reportArgumentType]
    return {
        "kind": curve.kind,
        "name": curve.kind.upper(),
        "light": style.light,
        "dark": style.dark,
        "dash": style.dash,
        "steps": curve.steps,
        "tokens": curve.tokens,
        "loss": curve.loss,
        "best": curve.best,
        "whose": curve.whose,
        "chance": curve.chance,
    }
