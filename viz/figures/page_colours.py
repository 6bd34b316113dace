"""The theme's colours under the names that the styles of our self-contained pages use."""

from viz import theme


def page_colours(dark: bool) -> dict[str, str]:
    """CSS variable name to colour, for one theme."""
    return {
        "ground": theme.background(dark),
        "surface": theme.SURFACE_DARK if dark else theme.SURFACE,
        "text": theme.TEXT_DARK if dark else theme.TEXT,
        "muted": theme.MUTED_DARK if dark else theme.MUTED,
        "accent": theme.accent(dark),
        "ink": theme.PRIMARY_DARK if dark else theme.PRIMARY,
        "more": (theme.DIVERGING_DARK if dark else theme.DIVERGING)[7],
        "less": (theme.DIVERGING_DARK if dark else theme.DIVERGING)[1],
    }
