"""Which contenders the visitor has chosen: names as they stand in the address, and what each of them is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import models
from models.loading.catalog import CATALOG
from models.shape.family import family_name
from viz import heads_off
from viz.services.contenders import MODES, Entrant, on_this_machine
from viz.services.conversions import Conversion
from viz.services.removals import Removal
from viz.state import keys, session
from viz.views.compare.shape_names import read_shape, shape_label

SEPARATOR, MODE_SIGN = "|", "@"
MOST = 12  # in one run: more cannot be told apart in a chart
CONVERTED, PRUNED = "converted", "pruned"  # of this visitor, kept in the session alone
LONGEST_LABEL = 44


def chosen_names() -> list[str]:
    """As kept, each once, without what this session does not have."""
    names = [name.strip() for name in session.get(keys.CONTENDERS).split(SEPARATOR)]
    own = _own()
    return [
        name for name in dict.fromkeys(names) if name and (name not in (CONVERTED, PRUNED) or name in own)
    ][:MOST]


def offered_names() -> list[str]:
    """What the picker lists: decoders that are on this machine, MLA once for each way to keep its cache, and the
    visitor's own."""
    names = [
        name
        for name, row in CATALOG.items()
        if row.role == "decoder" and row.kind != "mla" and on_this_machine(name)
    ]
    modes = [f"{family_name('mla')}{MODE_SIGN}{mode}" for mode in MODES]
    looked_at = (session.get(keys.MODEL) or models.DEFAULT).strip()
    looked_at = [] if looked_at in CATALOG else [looked_at]
    return list(dict.fromkeys([*names, *modes, *looked_at, *_own(), *chosen_names()]))


def entrants() -> tuple[Entrant, ...]:
    """What the visitor has chosen."""
    return tuple(_entrant(name) for name in chosen_names())


def label_of(name: str) -> str:
    """How the page names a contender."""
    own = _own().get(name)
    if own is not None:
        return own.label
    model, mode = _split(name)
    shape = read_shape(model)
    if shape is not None:
        model = shape_label(shape)
    short = model if len(model) <= LONGEST_LABEL else f"…{model[1 - LONGEST_LABEL :]}"
    return short if mode == "auto" else f"{short}, {mode}"


def add(names: Sequence[str]) -> None:
    """Tick more contenders; for callbacks."""
    session.put({keys.CONTENDERS: SEPARATOR.join(dict.fromkeys([*chosen_names(), *names]))})


def _entrant(name: str) -> Entrant:
    own = _own().get(name)
    if own is not None:
        return own
    model, mode = _split(name)
    source = read_shape(model) or model
    return Entrant(label_of(name), source, session.get(keys.DEVICE), session.get(keys.DTYPE), mode)


def _split(name: str) -> tuple[str, str]:
    model, sign, mode = name.rpartition(MODE_SIGN)
    return (model.strip(), mode) if sign and model and mode in MODES else (name, "auto")


def _own() -> Mapping[str, Entrant]:
    """What the visitor made on other pages: the conversion of Convert, and the model less the heads that are off in Prune."""
    found = {}
    conversion, _ = session.find(keys.LAST_CONVERSION, (None, None))
    if isinstance(conversion, Conversion):
        fitting = conversion.fitting
        size = f"latent {conversion.rank}" if conversion.rank else f"{conversion.budget:,} B a token"
        label = f"{fitting.model} as MLA, {size}"
        found[CONVERTED] = Entrant(label, conversion, fitting.device, fitting.dtype)
    off = heads_off.read(session.get(keys.OFF))
    if off:
        model = (session.get(keys.MODEL) or models.DEFAULT).strip()
        label = f"{model} less {len(off)} head{'s' if len(off) > 1 else ''}"
        place = session.get(keys.DEVICE), session.get(keys.DTYPE)
        found[PRUNED] = Entrant(label, Removal(model, *place, "decoder", off), *place)
    return found
