"""The theme's colours under the names that the styles of our self-contained pages use."""

from viz import theme


def page_colours(dark: bool) -> dict[str, str]:
    """CSS variable name to colour, for one theme."""
    return {
        "ground": theme.background(dark),
        "surface": theme.surface(dark),
        "text": theme.text(dark),
        "muted": theme.muted(dark),
        "accent": theme.accent(dark),
        "ink": theme.primary(dark),
        "more": theme.more(dark),
        "less": theme.less(dark),
    }
