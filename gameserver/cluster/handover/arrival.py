"""Rooms and sessions on their way into this process, whichever process they come from.

Owns the messages from "ready" to "taken": an upgrade (``taking.py``) and a node that gets a single
room (``siblings.py``) receive in the same way.  Touches no socket of a client before "go" has come.
"""

from __future__ import annotations

import socket
import time
from typing import Any, Final

import attrs

from gameserver.cluster.descriptors import DescriptorChannel, Received
from gameserver.cluster.handover.frozen_server import (
    Arriving,
    FrozenRoom,
    known_kinds,
    load_rooms,
)
from gameserver.cluster.handover.messages import expect
from gameserver.runtime.http.frozen_connection import FrozenConnection
from gameserver.runtime.server import Server
from gameserver.runtime.sessions.frozen_session import FrozenPlay

#: How long the other process may be silent: it waits for rooms to start, and for its storage.
SILENCE_DEADLINE_S: Final = 90.0


@attrs.frozen(eq=False)
class Taken:
    """The rooms and sockets that this process owns from now on.

    ``fences`` are those of its claims in a directory.
    """

    arriving: Arriving
    sockets: list[socket.socket]
    fences: dict[str, int]


class Arrival:
    """One arrival over ``channel``; ``close`` must follow.

    ``same_owner``: this process has the name, and so the claims, of the one that is to end.
    """

    def __init__(self, channel: DescriptorChannel, *, same_owner: bool) -> None:
        self._channel: Final = channel
        self._same_owner: Final = same_owner
        self._sockets: list[socket.socket] = []

    def close(self) -> None:
        """Close the sockets that were not taken."""
        for sock in self._sockets:
            sock.close()

    async def take(self, server: Server) -> Taken:
        """Receive and load everything for ``server``, and say "taken" once all is given up there.

        ``ChannelError`` if the other process ended or kept it, ``SnapshotError`` if a room fails.
        """
        channel = self._channel
        await channel.send(["ready", dict(known_kinds(server))])
        arriving = await self._load(server)
        await channel.send(["loaded", arriving.staying()])
        with await self._next() as received:
            (fences,) = expect(received, "go")
        await channel.send(["taken"])
        sockets, self._sockets = self._sockets, []
        return Taken(arriving, sockets, fences)

    async def _load(self, server: Server) -> Arriving:
        rooms: list[FrozenRoom] = []
        sessions: list[tuple[FrozenConnection, FrozenPlay | None]] = []
        while True:
            with await self._next() as received:
                match received.body:
                    case ["rehearse", label, schema_hash, snapshot]:
                        copy = FrozenRoom(label, schema_hash, snapshot)
                        await load_rooms(server, [copy], time.monotonic())
                        await self._channel.send(["rehearsed"])
                    case ["room", label, schema_hash, snapshot]:
                        rooms.append(FrozenRoom(label, schema_hash, snapshot))
                    case ["sessions", list(values)]:
                        sessions += [self._session(received, *value) for value in values]
                    case ["all", monotonic_s, list(more)]:
                        loaded = await load_rooms(
                            server, rooms, monotonic_s, same_owner=self._same_owner
                        )
                        return Arriving(server, loaded, monotonic_s, more, sessions)
                    case other:
                        expect(Received(other), "all")

    def _session(
        self, received: Received, connection: Any, play: Any
    ) -> tuple[FrozenConnection, FrozenPlay | None]:
        self._sockets.append(received.take_socket())
        return (
            FrozenConnection.from_plain(connection),
            None if play is None else FrozenPlay.from_plain(play),
        )

    async def _next(self) -> Received:
        return await self._channel.receive(within_s=SILENCE_DEADLINE_S)
