"""The four models of the family on one text: all that can be run, and a sentence about each that cannot."""

from __future__ import annotations

from dataclasses import dataclass, replace

import streamlit as st
from torch import Tensor

import models
from models.progress import Progress, part
from models.shape import family
from models.shape.attention_geometry import Kind
from viz import services
from viz.services import Request
from viz.state import keys, session
from viz.views import obtain

STACK = "decoder"


@dataclass(frozen=True, slots=True)
class Member:
    """One model of the family, run on the text. loss: [pos], nats per token; see models.token_loss."""

    kind: Kind
    request: Request
    model: models.AttentionModel
    run: models.Capture
    loss: Tensor

    @property
    def name(self) -> str:
        return self.kind.upper()


def obtain_family(request: Request) -> tuple[Member, ...]:
    """Those of the four that could be run, in the order of models.shape.family.KINDS; what went wrong is said on the page.

    Falls back to what this visitor saw before where none could; empty where there is nothing.
    """
    request = replace(request, model="", second="")  # one name for all four, to be cancelled by
    if obtain.was_cancelled(request):
        return _last()
    members, failed = _run_all(request, can_cancel=True)
    _complain(failed)
    if not members:
        return _last()
    session.put({keys.LAST_FAMILY: request})
    obtain.warn_of_replacements(request)
    return members


def _last() -> tuple[Member, ...]:
    last = session.find(keys.LAST_FAMILY)
    members = () if last is None else _run_all(last)[0]
    if members:
        st.caption("Below is what was shown before.")
    return members


def _run_all(request: Request, can_cancel: bool = False) -> tuple[tuple[Member, ...], dict[Kind, str]]:
    """The members that could be run, and for the others a sentence."""
    if all(services.is_captured(_request(kind, request)) for kind in family.KINDS):
        return _attempts(request, models.no_progress)
    with obtain.progress_bar(request, can_cancel) as progress:
        return _attempts(request, progress)


def _attempts(request: Request, progress: Progress) -> tuple[tuple[Member, ...], dict[Kind, str]]:
    members: list[Member] = []
    failed: dict[Kind, str] = {}
    share = 1 / len(family.KINDS)
    for place, kind in enumerate(family.KINDS):
        own = _request(kind, request)
        try:
            members.append(_member(kind, own, part(progress, place * share, (place + 1) * share)))
        except Exception as error:  # the others must still be seen
            failed[kind] = obtain.sentence(error, own)
    return tuple(members), failed


def _member(kind: Kind, request: Request, progress: Progress) -> Member:
    run = services.capture(request, progress)
    return Member(kind, request, services.model_of(request), run, services.token_loss(request))


def _request(kind: Kind, request: Request) -> Request:
    return replace(request, model=family.family_name(kind))


def _complain(failed: dict[Kind, str]) -> None:
    """Each sentence once, with the names of those it is about where it is not about all."""
    for message in dict.fromkeys(failed.values()):
        kinds = [kind.upper() for kind, other in failed.items() if other == message]
        whose = "" if len(kinds) == len(family.KINDS) else f"{' and '.join(kinds)}: "
        obtain.complain(whose + message)
