"""The old process' half of a handover: it starts, freezes, sends, and leaves or goes on.

Owns the stage, the deadline of each step, and the way back.  ``frozen_server.py`` has the parts of
a server, ``messages.py`` the messages.

::

    SERVING ──► STARTING ──► FREEZING ──► SENT ──► GONE
       ▲            │            │         │
       └────────────┴────────────┴─────────┘
            the new process failed, died or was too slow: it is killed first

STARTING: the new process starts and rehearses with copies, while all play on.  FREEZING: nothing
ticks, reads or writes; the rooms are being sent.  SENT: the new process loads them.  GONE: it has
said that it takes over; this process touches no socket any more.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol, TypeVar

import attrs
import structlog
import trio

from gameserver.cluster.descriptors import (
    MAX_DESCRIPTORS,
    ChannelError,
    DescriptorChannel,
    HasFileno,
)
from gameserver.cluster.handover.frozen_server import Freezing, FrozenServer
from gameserver.cluster.handover.messages import FORMAT, HandoverFailed, expect
from gameserver.errors import GameServerError
from gameserver.runtime.server import Server

log = structlog.get_logger(__name__)

#: For the new process to import the game, to try its rooms and to open the storage.
START_DEADLINE_S: Final = 60.0
#: For a rehearsal with one room, and for rooms that start or stop to have done so.
REHEARSE_DEADLINE_S: Final = 30.0
#: For the submissions that wait for the storage: before the freeze, and within it.
FLUSH_DEADLINE_S: Final = 10.0
LAST_FLUSH_DEADLINE_S: Final = 0.5
#: For the new process to load everything, while nobody plays; it has rehearsed that.
LOAD_DEADLINE_S: Final = 5.0
#: For its last word before it takes over.
TAKE_DEADLINE_S: Final = 2.0

T = TypeVar("T")


class Stage(enum.Enum):
    """How far a handover is; see the module."""

    SERVING = "serving"
    STARTING = "starting"
    FREEZING = "freezing"
    SENT = "sent"
    GONE = "gone"


class Successor(Protocol):
    """The new process, as the old one uses it."""

    @property
    def channel(self) -> DescriptorChannel:
        """The channel to it."""

    async def kill(self) -> None:
        """End it at once; returns when it is dead, so that it can touch no socket any more."""


@attrs.frozen
class Given:
    """How a handover went."""

    players: int
    #: Players whose connections stayed, and who come back by themselves.
    coming_back: int
    rooms: int
    #: For how long nobody played.
    frozen_ms: float


class Giving:
    """One handover of ``server`` to ``successor``.

    ``control`` is the listening control socket, if there is one.
    """

    def __init__(
        self, server: Server, successor: Successor, control: HasFileno | None = None
    ) -> None:
        self.stage = Stage.SERVING
        self._server: Final = server
        self._successor: Final = successor
        self._control: Final = control
        self._freezing: Final = Freezing(server)

    async def run(self) -> Given:
        """Hand everything over; ``HandoverFailed`` says why the server serves on instead."""
        try:
            return await self._give()
        except HandoverFailed:
            raise
        except GameServerError as error:  # a room that cannot be saved, or the channel
            raise HandoverFailed(str(error)) from error
        finally:
            if self.stage is not Stage.GONE:
                with trio.CancelScope(shield=True):
                    await self._go_back()
            self._successor.channel.close()

    async def _give(self) -> Given:
        self.stage = Stage.STARTING
        await self._begin()
        await self._rehearse()
        await self._settle()
        self.stage = Stage.FREEZING
        begun_s = trio.current_time()
        frozen = self._freezing.freeze()
        await self._flush(LAST_FLUSH_DEADLINE_S)
        await self._send(frozen)
        self.stage = Stage.SENT
        (staying,) = await self._wait("loaded", LOAD_DEADLINE_S)
        await self._successor.channel.send(["go"])
        await self._wait("taken", TAKE_DEADLINE_S)
        self.stage = Stage.GONE
        frozen_ms = 1000 * (trio.current_time() - begun_s)
        players = self._server.players
        gone = sum(one.play is not None for one in frozen.sessions) - len(staying)
        self._freezing.leave(staying)
        return Given(players, max(0, players - gone), len(frozen.rooms), frozen_ms)

    async def _begin(self) -> None:
        """Send the listeners, and wait until the new process is ready for rooms."""
        server = self._server
        if server.membership is not None:
            raise HandoverFailed("a server with a directory cannot be upgraded in place: drain it")
        if server.keeps_rooms:
            raise HandoverFailed(
                "durable rooms in a database cannot be handed over yet: restart, and they recover"
            )
        plain = [one for port in server.ports if port.ssl_context is None for one in port.sockets]
        tls = [one for port in server.ports if port.ssl_context is not None for one in port.sockets]
        descriptors: list[HasFileno | int] = [*plain, *tls]
        lock, control = server.data_lock, self._control
        if lock is not None:
            descriptors.append(lock)
        if control is not None:
            descriptors.append(control)
        begin = ["begin", FORMAT, len(plain), len(tls), lock is not None, control is not None]
        await self._successor.channel.send(begin, descriptors)
        (kinds,) = await self._wait("ready", START_DEADLINE_S)
        for label in sorted(server.lobby.labels):
            if label.partition("/")[0] not in kinds:
                raise HandoverFailed(f"the new version has no rooms for {label}")

    async def _rehearse(self) -> None:
        """Have the new process make each room as it is now, so that it fails before the freeze."""
        for captured in self._freezing.captures():
            room = await trio.to_thread.run_sync(captured)
            rehearsal = ["rehearse", room.label, room.schema_hash, room.snapshot]
            await self._successor.channel.send(rehearsal)
            await self._wait("rehearsed", REHEARSE_DEADLINE_S)

    async def _settle(self) -> None:
        """Wait for what must not be cut in two: rooms that start or stop, and submissions."""
        with trio.move_on_after(REHEARSE_DEADLINE_S) as patience:
            await self._server.lobby.until_settled()
        if patience.cancelled_caught:
            raise HandoverFailed("a room has not started or stopped in time")
        await self._flush(FLUSH_DEADLINE_S)

    async def _flush(self, deadline_s: float) -> None:
        if self._server.storage is None:
            return
        with trio.move_on_after(deadline_s) as patience:
            await self._server.storage.wait_written()
        if patience.cancelled_caught:
            raise HandoverFailed("the storage does not answer, so submissions wait for it")

    async def _send(self, frozen: FrozenServer) -> None:
        channel = self._successor.channel
        for room in frozen.rooms:
            await channel.send(["room", room.label, room.schema_hash, room.snapshot])
        for some in _portions(frozen.sessions, MAX_DESCRIPTORS):
            values = [
                [one.connection.to_plain(), None if one.play is None else one.play.to_plain()]
                for one in some
            ]
            await channel.send(["sessions", values], [one.descriptor for one in some])
        await channel.send(["all", frozen.monotonic_s, frozen.more])

    async def _wait(self, kind: str, within_s: float) -> list[Any]:
        try:
            # Not the deadline of the channel, which would close it: see ``_is_taken``.
            with trio.fail_after(within_s):
                with await self._successor.channel.receive() as received:
                    return expect(received, kind)
        except ChannelError as error:
            raise HandoverFailed(f"the new process ended before it was {kind}: {error}") from error
        except trio.TooSlowError:
            raise HandoverFailed(f"the new process was not {kind} within {within_s:g} s") from None

    # ------------------------------------------------------------ the way back

    async def _go_back(self) -> None:
        """Kill the new process and serve on, unless its last word was that it takes over.

        Then it had the sockets, dead or not, and this process must not touch them.
        """
        await self._successor.kill()
        if self.stage is Stage.SENT and await self._is_taken():
            self.stage = Stage.GONE
            self._freezing.leave()
            return
        if self.stage in (Stage.FREEZING, Stage.SENT):
            self._freezing.thaw()
        self.stage = Stage.SERVING

    async def _is_taken(self) -> bool:
        """Whether the new process, which is dead, has said that it takes over."""
        try:
            with await self._successor.channel.receive(within_s=1.0) as received:
                expect(received, "taken")
        except (ChannelError, HandoverFailed):
            return False
        return True


def _portions(items: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), most):
        yield items[start : start + most]
