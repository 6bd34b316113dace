"""A visitor without a browser, who speaks Streamlit's protocol: what is timed is the server, not a screen full of Chromium."""

from __future__ import annotations

import json
import time
from typing import Self
from urllib.parse import urlencode

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.state.session_state import STREAMLIT_INTERNAL_KEY_PREFIX
from websockets.asyncio.client import ClientConnection, connect

# As the front end names a component's triggers.
_EVENTS = f"{STREAMLIT_INTERNAL_KEY_PREFIX}_{{}}__events"


class LightVisitor:
    """One visitor of Explore: the page is opened, then heads are chosen on the wall."""

    def __init__(self, socket: ClientConnection, query: dict[str, str]) -> None:
        self._socket, self._query = socket, urlencode(query)
        self._wall = self._fragment = self._page = ""

    @classmethod
    async def arriving(cls, address: str, query: dict[str, str]) -> Self:
        stream = f"{address.replace('http', 'ws', 1)}/_stcore/stream"
        return cls(await connect(stream, subprotocols=["streamlit"], max_size=None), query)  # pyright: ignore[reportArgumentType]

    async def open(self) -> float:
        """Seconds until the wall has come."""
        await self._ask(BackMsg())
        return await self._until_wall()

    async def click(self, layer: int, head: int) -> float:
        """Seconds from the click until the head's title has come."""
        asked = BackMsg()
        asked.rerun_script.fragment_id = self._fragment
        asked.rerun_script.page_script_hash = self._page
        event = asked.rerun_script.widget_states.widgets.add()
        event.id = _EVENTS.format(self._wall)
        event.json_trigger_value = json.dumps([{"event": "pick", "value": [layer, head]}])
        await self._ask(asked)
        return await self._until_title(f"L{layer} H{head}")

    async def leave(self) -> None:
        await self._socket.close()

    async def _ask(self, asked: BackMsg) -> None:
        asked.rerun_script.query_string = self._query
        await self._socket.send(asked.SerializeToString())

    async def _until_wall(self) -> float:
        began, took = time.monotonic(), 0.0
        while (told := await self._told()).WhichOneof("type") != "script_finished":
            component = told.delta.new_element.bidi_component
            if component.id.endswith("-wall-decoder"):
                took = time.monotonic() - began
                self._wall, self._fragment = component.id, told.delta.fragment_id
                self._page = told.metadata.active_script_hash
        assert self._wall, "the page ended without a wall"
        return took

    async def _until_title(self, title: str) -> float:
        began, took = time.monotonic(), 0.0
        while (told := await self._told()).WhichOneof("type") != "script_finished":
            if title in told.delta.new_element.markdown.body and not took:
                took = time.monotonic() - began
        assert took, f"the page ended without {title}"
        return took

    async def _told(self) -> ForwardMsg:
        told = ForwardMsg()
        message = await self._socket.recv()
        assert isinstance(message, bytes)
        told.ParseFromString(message)
        return told
