"""The text, token by token, coloured by what the clicked token looks at in the selected head."""

from __future__ import annotations

from viz.components.token_strip import DIRECTIONS, TokenPick, token_strip
from viz.state import keys, session
from viz.views.selected_head import Selection

STRIP_HEIGHT = 120  # four lines; what is above the wall and the heatmap pushes them out of sight


def tokens(chosen: Selection) -> None:
    """A click on a token shows what it looks at, or what looks at it."""
    same = chosen.run.reads_itself(chosen.stack)
    token_strip(
        chosen.query_tokens,
        chosen.run.pattern(chosen.layer, chosen.head, chosen.stack).numpy(),
        key=f"tokens-{chosen.stack}",
        selected=_pick(chosen),
        key_tokens=None if same else chosen.key_tokens,
        skip_first=session.get(keys.FIRST_OUT),
        max_height=STRIP_HEIGHT,
        on_select=_select,
    )


def _pick(chosen: Selection) -> TokenPick:
    """The clicked token, moved inside the text; the last one where none was clicked."""
    direction = session.get(keys.DIRECTION)
    count = len(chosen.query_tokens if direction == DIRECTIONS[0] else chosen.key_tokens)
    index = session.get(keys.TOKEN)
    return TokenPick(count - 1 if index is None else min(index, count - 1), direction)


def _select(pick: TokenPick) -> None:
    session.put({keys.TOKEN: pick.place, keys.DIRECTION: pick.direction})
