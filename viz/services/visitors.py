"""Who a visitor is to this server, and whether they are still here: what they had begun ends some time after they have left."""

from __future__ import annotations

import time

from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

GRACE_S = 60.0  # a connection that broke on a busy server is taken up again within that; a reload comes as a new visitor
LOOK_EVERY_S = 1.0


def visitor() -> str:
    """The visitor whose page is being drawn; "" where nobody's is, as in a script or a thread."""
    context = get_script_run_ctx(suppress_warning=True)
    return "" if context is None else context.session_id


class Presence:
    """Whether one visitor is here. Asked as often as you like: it looks once in a while."""

    def __init__(self, who: str) -> None:
        self._who = who
        self._seen = self._looked = time.monotonic()

    @property
    def gone(self) -> bool:
        """Whether the visitor's tab has been closed for so long that they will not come back."""
        now = time.monotonic()
        if now - self._looked >= LOOK_EVERY_S:
            self._looked = now
            if _is_connected(self._who):
                self._seen = now
        return now - self._seen > GRACE_S


def _is_connected(who: str) -> bool:
    if not who or not runtime.exists():  # nobody's work, or no server: nothing that could be left
        return True
    return runtime.get_instance().is_active_session(who)
