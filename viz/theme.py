"""Colours, in one place, for the light and the dark theme.

The ink scale says "how much attention": one hue, its lightness even from step to step (OKLCH), so a tile reads the
same in print, in grey and to colour-blind eyes. On the dark theme it is turned round: more attention is brighter.
"""

from dataclasses import dataclass

PRIMARY = "#495fc5"
PRIMARY_DARK = "#8ba6f5"

BACKGROUND = "#ffffff"
BACKGROUND_DARK = "#111218"
SURFACE = "#f3f5fa"
SURFACE_DARK = "#1b1e28"
TEXT = "#1a1d29"
TEXT_DARK = "#e8ebf4"
MUTED = "#5b6276"
MUTED_DARK = "#9aa3ba"

# What is selected or switched off. Orange lies opposite the indigo ink for every kind of colour vision.
ACCENT = "#d55e00"
ACCENT_DARK = "#ff9a3c"
# The second selection of a comparison.
SECOND = "#007f73"
SECOND_DARK = "#3fd0bd"

# What contradicts its formula; marked by a sign and in words, too.
ALARM = "#c3262e"
ALARM_DARK = "#ff7b7b"

INK = ("#ffffff", "#d4dff3", "#adc0e9", "#86a0e1", "#6480d6", "#495fc5", "#3642a3", "#252a78", "#15154d")
INK_DARK = ("#111218", "#222742", "#333e72", "#4456a3", "#5772cf", "#7192ed", "#95b4f9", "#bfd5ff", "#eaf6ff")

# Less (orange) to more (indigo), through the ground.
DIVERGING = (
    "#803100", "#b3580e", "#d28d5d", "#e8c4a9", "#fafafa", "#b8c7e8", "#7b93d7", "#485dc2", "#272a91",
)  # fmt: skip
DIVERGING_DARK = (
    "#ffb96e", "#cf853e", "#915a2c", "#543520", "#15161b", "#313a62", "#5163ae", "#7993e8", "#b3c9ff",
)  # fmt: skip

# Lines of a chart's grid; faint on either ground.
GRID = "rgba(128, 134, 152, 0.22)"

Colorscale = list[tuple[float, str]]


@dataclass(frozen=True, slots=True)
class RoleStyle:
    """How a head's role is marked: a letter, as colour must never be the only sign, and a colour for each theme.

    without_ground: written without a coloured ground.
    """

    letter: str
    colour: str
    colour_dark: str
    without_ground: bool = False

    def on(self, dark: bool) -> str:
        """The colour for one theme."""
        return self.colour_dark if dark else self.colour


# After Okabe & Ito's colour-blind safe palette, darkened or lightened until a badge stands out from its ground.
# The first-token sink is a grey letter: it is what most heads do, and the least worth looking at.
ROLES: dict[str, RoleStyle] = {
    "previous token": RoleStyle("P", "#0072b2", "#56b4e9"),
    "induction": RoleStyle("I", "#b0357f", "#e89ac7"),
    "duplicate token": RoleStyle("D", "#007a5a", "#2fc79b"),
    "first token": RoleStyle("F", "#6b7280", "#9aa3b2", without_ground=True),
    "self": RoleStyle("S", "#8f6a00", "#e6c84f"),
}

# What tells keys apart for a head of latent attention: two of the same palette, and grey for neither.
SCORE_KINDS: dict[str, RoleStyle] = {
    "content head": RoleStyle("C", "#b0357f", "#e89ac7"),
    "mixed head": RoleStyle("M", "#6b7280", "#9aa3b2", without_ground=True),
    "position head": RoleStyle("P", "#007a5a", "#2fc79b"),
}


def role_style(role: str) -> RoleStyle:
    """The badge of a role, which must not be ""; an unlisted role gets its initial in grey."""
    return (ROLES | SCORE_KINDS).get(
        role, RoleStyle(role[0].upper(), "#6b7280", "#9aa3b2", without_ground=True)
    )


def ink(dark: bool) -> tuple[str, ...]:
    """The steps of the ink scale, from none (the ground) to all."""
    return INK_DARK if dark else INK


def diverging(dark: bool) -> tuple[str, ...]:
    """The steps of the diverging scale, from less through the ground to more."""
    return DIVERGING_DARK if dark else DIVERGING


def ink_scale(dark: bool) -> Colorscale:
    """Plotly colour scale for weights from none (the ground) to all."""
    return _even(ink(dark))


def diverging_scale(dark: bool) -> Colorscale:
    """Plotly colour scale for differences, orange below zero and indigo above; centre it on zero (`zmid=0`)."""
    return _even(diverging(dark))


def less(dark: bool) -> str:
    """The colour of a fall, as on the diverging scale."""
    return diverging(dark)[1]


def more(dark: bool) -> str:
    """The colour of a rise, as on the diverging scale."""
    return diverging(dark)[7]


def primary(dark: bool) -> str:
    """The colour of what a chart is about."""
    return PRIMARY_DARK if dark else PRIMARY


def background(dark: bool) -> str:
    """The page's ground."""
    return BACKGROUND_DARK if dark else BACKGROUND


def surface(dark: bool) -> str:
    """The ground of what lies on the page."""
    return SURFACE_DARK if dark else SURFACE


def text(dark: bool) -> str:
    """The colour of what is written."""
    return TEXT_DARK if dark else TEXT


def muted(dark: bool) -> str:
    """The colour of what stands behind: titles of axes, notes, what others are held against."""
    return MUTED_DARK if dark else MUTED


def accent(dark: bool) -> str:
    """The colour of what is selected or switched off."""
    return ACCENT_DARK if dark else ACCENT


def second(dark: bool) -> str:
    """The colour of the second of a comparison."""
    return SECOND_DARK if dark else SECOND


def alarm(dark: bool) -> str:
    """The colour of what cannot be right."""
    return ALARM_DARK if dark else ALARM


def translucent(colour: str, opacity: float) -> str:
    """`colour`, #rrggbb, so that what lies below can be seen. opacity: 0 to 1."""
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {opacity})"


def _even(stops: tuple[str, ...]) -> Colorscale:
    return [(index / (len(stops) - 1), colour) for index, colour in enumerate(stops)]
