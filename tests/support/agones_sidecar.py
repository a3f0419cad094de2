"""A stand-in for the sidecar of Agones, written from the published description of its REST.

Real sockets, real HTTP by h11; no Kubernetes.  It knows the calls that a game server makes, the
states that they lead to, and the stream of changes.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import h11
import trio

STATES = {"/ready": "Ready", "/allocate": "Allocated", "/shutdown": "Shutdown"}


class Sidecar:
    """One sidecar.  ``calls`` has path and body of each call but those of health."""

    def __init__(self) -> None:
        self.port = 0
        self.state = "Scheduled"
        self.deletion_timestamp = "0"
        self.health_period: Any = "1"
        self.calls: list[tuple[str, Any]] = []
        self.pings = 0
        #: Statuses of the next answers, before the calls are understood again.
        self.faults: list[int] = []
        #: Paths whose calls are refused.
        self.refused: Collection[str] = ()
        self._changed = trio.Event()
        self._heard = trio.Event()

    def change(self, state: str, *, deletion_timestamp: str = "0") -> None:
        self.state, self.deletion_timestamp = state, deletion_timestamp
        self._changed.set()
        self._changed = trio.Event()

    async def until(self, path: str, count: int = 1) -> None:
        """Wait until a path was called so often."""
        while [name for name, _ in self.calls].count(path) < count:
            await self._heard.wait()

    async def until_pings(self, count: int) -> None:
        while self.pings < count:
            await self._heard.wait()

    @property
    def body(self) -> dict[str, Any]:
        return {
            "object_meta": {"name": "game-1", "deletion_timestamp": self.deletion_timestamp},
            "spec": {"health": {"disabled": False, "period_seconds": self.health_period}},
            "status": {"state": self.state, "address": "192.0.2.1", "ports": []},
        }

    async def serve(self, stream: trio.SocketStream) -> None:
        wire = h11.Connection(h11.SERVER)
        try:
            while True:
                request, data = await self._request(wire, stream)
                if request is None:
                    return
                await self._answer(request.target.decode(), data, partial(_send, wire, stream))
                wire.start_next_cycle()
        except (trio.BrokenResourceError, h11.RemoteProtocolError):
            return  # the client is gone

    async def _request(
        self, wire: h11.Connection, stream: trio.SocketStream
    ) -> tuple[h11.Request | None, bytes]:
        request, data = None, b""
        while True:
            event = wire.next_event()
            if event is h11.NEED_DATA:
                wire.receive_data(await stream.receive_some())
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                data += event.data
            elif isinstance(event, h11.EndOfMessage):
                return request, data
            else:
                return None, b""

    async def _answer(self, path: str, data: bytes, send: Any) -> None:
        if self.faults:
            await send(self.faults.pop(0), {"error": "not now"})
        elif path in self.refused:
            await send(404, {"error": "not here"})
        elif path == "/watch/gameserver":
            await self._watch(send)
        elif path == "/gameserver":
            await send(200, self.body)
        else:
            self._call(path, json.loads(data))
            await send(200, {})
        self._heard.set()
        self._heard = trio.Event()

    def _call(self, path: str, body: Any) -> None:
        if path == "/health":
            self.pings += 1
            return
        self.calls.append((path, body))
        self.change("Reserved" if path == "/reserve" else STATES[path])

    async def _watch(self, send: Any) -> None:
        await send(200, None)
        while True:
            changed = self._changed
            await send(0, {"result": self.body})
            await changed.wait()


async def _send(wire: h11.Connection, stream: trio.SocketStream, status: int, body: Any) -> None:
    """Answer with ``body``; None begins a stream, and status 0 goes on with it."""
    data = b"" if body is None else json.dumps(body).encode() + b"\n"
    out = b""
    if status:
        length = [] if body is None else [("Content-Length", str(len(data)))]
        headers = [("Content-Type", "application/json"), *length]
        out += wire.send(h11.Response(status_code=status, headers=headers)) or b""
    out += wire.send(h11.Data(data=data)) or b""
    if status and body is not None:
        out += wire.send(h11.EndOfMessage()) or b""
    await stream.send_all(out)


@asynccontextmanager
async def open_sidecar(port: int = 0) -> AsyncIterator[Sidecar]:
    sidecar = Sidecar()
    async with trio.open_nursery() as nursery:
        serve = partial(trio.serve_tcp, sidecar.serve, port, host="127.0.0.1")
        listeners = await nursery.start(serve)
        sidecar.port = listeners[0].socket.getsockname()[1]
        yield sidecar
        nursery.cancel_scope.cancel()
