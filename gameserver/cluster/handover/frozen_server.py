"""A server, or some of its rooms, between two processes: frozen in one, continued in the other.

Owns which parts of a server go, and in which order they stop and start.  Never talks to the other
process (``giving.py``, ``taking.py``).  Freezing changes nothing that thawing does not undo: the
rooms, seats and sockets stay in the old process until ``leave``.

Of a whole server these go: the rooms with their players, the open plain connections with everything
that they had begun, those that have not said hello yet, and what the server remembers: used tokens,
reserved seats, lives that are over, and what addresses have left of their allowances.  These stay:
encrypted connections (their keys are in the old process), those that are closing, and HTTP requests
under way.  The seats of players whose connections stay are held in the new process.

Of some rooms, the players with their connections go, the reserved seats, and the lives that are
over.  Nobody joins any room of the server meanwhile.
"""

from __future__ import annotations

import functools
import socket
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final

import attrs
import trio

from gameserver.runtime.admission.connection_limits import Peer
from gameserver.runtime.http.endpoint import Handler
from gameserver.runtime.http.frozen_connection import FrozenConnection
from gameserver.runtime.net.websocket import WebSocket
from gameserver.runtime.rooms.handed_over import HandedOver, load_room
from gameserver.runtime.server import Server
from gameserver.runtime.sessions.frozen_session import FrozenPlay
from gameserver.runtime.sessions.session import Session
from gameserver.state.snapshot import Captured

GOES_ON: Final = "the game goes on in a new process"


@attrs.frozen
class FrozenRoom:
    """A room of ``kind``, as bytes; ``schema_hash`` is that of the version that froze it."""

    label: str
    schema_hash: str
    snapshot: bytes

    @property
    def kind(self) -> str:
        """The kind of the room."""
        return self.label.partition("/")[0]


@attrs.frozen(eq=False)
class FrozenSession:
    """A session that goes; ``descriptor`` is its socket's."""

    descriptor: int
    connection: FrozenConnection
    play: FrozenPlay | None


@attrs.frozen(eq=False)
class FrozenServer:
    """All that goes.  ``monotonic_s`` is when, by the clock that all processes of a host share."""

    monotonic_s: float
    rooms: Sequence[FrozenRoom]
    sessions: Sequence[FrozenSession]
    #: ``Lobby.freeze_more`` and ``ConnectionLimits.freeze``.
    more: list[Any]


class Freezing:
    """The old process' half: ``freeze``, then ``thaw`` or ``leave``.

    ``labels`` are the rooms that go; None: the whole server.
    """

    def __init__(self, server: Server, labels: Collection[str] | None = None) -> None:
        self._server: Final = server
        self._labels: Final = labels
        self._sessions: list[Session] = []

    @property
    def players(self) -> int:
        """The number of players in the rooms that go."""
        rooms = self._server.lobby.open_rooms
        return sum(room.players for room in rooms if self._goes(room.task.label))

    def _goes(self, label: str | None) -> bool:
        return self._labels is None or label in self._labels

    def captures(self) -> Iterator[Callable[[], FrozenRoom]]:
        """Yield what returns each room as it is at that moment: for a rehearsal, while all play.

        It may be called in a thread.
        """
        for label, captured in self._server.lobby.handing_over.captures(self._labels):
            yield functools.partial(_frozen_room, label, captured)

    def freeze(self) -> FrozenServer:
        """Stop all ticks, reading and writing at one moment, and return everything that goes.

        ``LocalProtocolError`` names what cannot be saved; then ``thaw`` must follow.
        """
        server, now_s = self._server, trio.current_time()
        monotonic_s = time.monotonic()
        handing_over = server.lobby.handing_over
        captured = handing_over.freeze(now_s, self._labels)
        sessions = []
        for session in list(server.sessions):
            if self._goes(session.plays_in) and (frozen := session.freeze()) is not None:
                self._sessions.append(session)
                sessions.append(FrozenSession(session.descriptor, *frozen))
        more: list[Any]
        if self._labels is None:
            more = [handing_over.freeze_more(now_s), server.connection_limits.freeze(now_s)]
        else:
            more = [handing_over.freeze_more_of(self._labels, now_s), None]
        rooms = [_frozen_room(label, one) for label, one in captured]
        return FrozenServer(monotonic_s, rooms, sessions, more)

    def thaw(self) -> None:
        """Go on as if nothing had been; harmless if nothing is frozen."""
        self._server.lobby.handing_over.thaw()
        for session in self._sessions:
            session.thaw()
        self._sessions.clear()

    def leave(self, staying: Sequence[int] = (), secure_port: int | None = None) -> None:
        """Give up what went, without a word to any player: the new process has it.

        ``staying`` are the indexes of sessions whose connections the new process did not take.
        Their players, and those whose connections could not go, are moved to the other process;
        those over TLS to its ``secure_port``, if it has another one.
        """
        server = self._server
        stay = set(staying)
        gone = {each for index, each in enumerate(self._sessions) if index not in stay}
        left = [session for session in server.sessions if self._goes(session.plays_in)]
        server.lobby.handing_over.leave_off(self._labels)
        for session in left:
            if session in gone:
                session.abandon()
            else:
                session.thaw_to_move(GOES_ON, secure_port)
        if self._labels is None:
            server.leave()


def _frozen_room(label: str, captured: Captured) -> FrozenRoom:
    return FrozenRoom(label, captured.room.schema().hash, captured.encode())


# ---------------------------------------------------------------- the new process


async def load_rooms(
    server: Server, rooms: Sequence[FrozenRoom], monotonic_s: float, *, same_owner: bool = False
) -> list[HandedOver]:
    """Make rooms of those that were frozen at ``monotonic_s``; ``SnapshotError`` if one fails."""
    began_s = trio.current_time() - (time.monotonic() - monotonic_s)
    return [
        await load_room(
            server.lobby.class_of(room.label),
            room.label,
            room.schema_hash,
            room.snapshot,
            began_s,
            server.room_storage(),
            same_owner=same_owner,
        )
        for room in rooms
    ]


@attrs.frozen(eq=False)
class Arriving:
    """The new process' half: a server that has loaded ``rooms`` and is about to go on with them."""

    server: Server
    rooms: Sequence[HandedOver]
    monotonic_s: float
    more: list[Any]
    sessions: Sequence[tuple[FrozenConnection, FrozenPlay | None]]

    def staying(self) -> list[int]:
        """Return the indexes of the sessions whose connections must stay in the old process.

        Their room has another schema now, which a client learns only when it connects.
        """
        fitting = {room.label for room in self.rooms if room.same_schema}
        return [
            index
            for index, (_, play) in enumerate(self.sessions)
            if play is not None and play.room not in fitting
        ]

    @property
    def _began_s(self) -> float:
        return trio.current_time() - (time.monotonic() - self.monotonic_s)

    def restore(self) -> None:
        """Take in what the other process remembered, and the rooms; then come the connections."""
        lobby, limits = self.more
        if limits is not None:
            self.server.connection_limits.go_on(limits, self._began_s)
        self.server.lobby.handing_over.go_on(self.rooms, lobby, self._began_s)

    async def adopt(self, sockets: Sequence[socket.socket]) -> None:
        """Go on with the connections, then with the ticks; all ``sockets`` are the server's now."""
        staying = set(self.staying())
        waiting = len(self.sessions) - len(staying)
        all_begun = trio.Event()

        def count() -> None:
            nonlocal waiting
            waiting -= 1
            if not waiting:
                all_begun.set()

        for index, (connection, play) in enumerate(self.sessions):
            if index in staying:
                sockets[index].close()
            else:
                begin = _Beginning(self.server, play, self._began_s, count).begin
                self.server.adopt_session(sockets[index], connection, begin)
        if waiting:
            await all_begun.wait()
        self.server.lobby.start_adopted([room.label for room in self.rooms])


@attrs.frozen(eq=False)
class _Beginning:
    """Begins the session of one adopted connection."""

    server: Server
    play: FrozenPlay | None
    began_s: float
    begun: Callable[[], None]

    def begin(self, ws: WebSocket, peer: Peer) -> Handler:
        try:
            return self.server.go_on_with(ws, peer, self.play, self.began_s)
        finally:
            self.begun()


def known_kinds(server: Server) -> Mapping[str, str]:
    """Return the kinds of rooms that a server has, and the hash of the schema of each."""
    return {kind: server.lobby.class_of(kind).schema().hash for kind in server.lobby.kinds}
