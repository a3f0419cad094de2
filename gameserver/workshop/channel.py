"""The channel between ``gameserver dev`` and the pages that are open: JSON in text messages.

Owns the pages' queues, and which room's world each page watches.  A page that does not read loses
what its queue cannot hold; it gets the newest faults when it connects again.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any, Final

import attrs
import trio

from gameserver.runtime.admission.connection_limits import Peer
from gameserver.runtime.net.websocket import WebSocket

#: Messages that wait for a page; further ones are dropped.
WAITING: Final = 256
#: How often a page gets the whole world that it watches.
WORLD_EVERY_S: Final = 0.2
MAX_ROOM_LENGTH: Final = 128

Message = dict[str, Any]


@attrs.define(eq=False)
class _Page:
    """One open page."""

    out: trio.MemorySendChannel[Message]
    #: The label of the room whose world it gets; empty for none.
    room: str = ""


class Channel:
    """All open pages.  ``world`` returns a room's whole world by its label, None without it."""

    def __init__(self, world: Callable[[str], Message | None]) -> None:
        self._world = world
        self._pages: set[_Page] = set()
        #: The first message to each page.
        self.greeting: Message = {"type": "faults", "faults": []}

    def tell(self, message: Message) -> None:
        """Send a message to all pages."""
        for page in self._pages:
            try:
                page.out.send_nowait(message)
            except trio.WouldBlock:  # this page does not read
                continue

    async def join(self, ws: WebSocket, peer: Peer) -> None:  # noqa: ARG002 - a handler
        """Serve one page until it goes."""
        out, waiting = trio.open_memory_channel[Message](WAITING)
        page = _Page(out)
        out.send_nowait(self.greeting)
        self._pages.add(page)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write, ws, waiting)
                nursery.start_soon(self._show_world, page)
                while True:
                    page.room = _room_in(await ws.receive())
        finally:
            self._pages.discard(page)

    async def _write(self, ws: WebSocket, waiting: trio.MemoryReceiveChannel[Message]) -> None:
        async for message in waiting:
            await ws.send(json.dumps(message))

    async def _show_world(self, page: _Page) -> None:
        while True:
            if page.room and (world := self._world(page.room)) is not None:
                with contextlib.suppress(trio.WouldBlock):  # it gets the next one
                    page.out.send_nowait({"type": "world", **world})
            await trio.sleep(WORLD_EVERY_S)


def _room_in(message: str | bytes) -> str:
    """Return the room in a page's request ``{"watch": "kind/name"}``; empty if it is none."""
    try:
        asked = json.loads(message)
    except ValueError:
        return ""
    room = asked.get("watch") if isinstance(asked, dict) else None
    return room if isinstance(room, str) and len(room) <= MAX_ROOM_LENGTH else ""
