"""The giving half of a handover: it prepares, freezes, sends, and leaves or goes on.

Owns the stage, the deadline of each step, and the way back.  ``frozen_server.py`` has the parts of
a server, ``messages.py`` the messages.

::

    SERVING ──► STARTING ──► FREEZING ──► SENT ──► GONE
       ▲            │            │         │
       └────────────┴────────────┴─────────┘
            the other process failed, died or was too slow: it is cut off first

STARTING: the other process starts and rehearses with copies, while all play on.  FREEZING: nothing
ticks, reads or writes; the rooms are being sent.  SENT: the other process loads them.  GONE: it has
said that it takes over; this process touches no socket any more.

``Giving`` has what an upgrade and the handover of one room have in common; ``ServerGiving`` hands a
whole server over to a new process, and ``siblings.py`` a room to another node.
"""

from __future__ import annotations

import abc
import enum
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Protocol, TypeVar

import attrs
import structlog
import trio
from typing_extensions import override

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

#: Time for the new process to import the game, to try its rooms and to open the storage.
START_DEADLINE_S: Final = 60.0
#: Time for the rehearsal of one room, and for rooms to finish starting or stopping.
REHEARSE_DEADLINE_S: Final = 30.0
#: Time for writing the waiting submissions to the storage: before the freeze, and within it.
FLUSH_DEADLINE_S: Final = 10.0
LAST_FLUSH_DEADLINE_S: Final = 0.5
#: Time for the other process to read everything, and to load it; nobody plays meanwhile.
SEND_DEADLINE_S: Final = 3.0
LOAD_DEADLINE_S: Final = 5.0
#: Time for the other process to say "taken".
TAKE_DEADLINE_S: Final = 2.0

T = TypeVar("T")


class Stage(enum.Enum):
    """The stage of a handover; the module's docstring draws them."""

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

    async def cut_off(self) -> None:
        """Keep it from taking over, unless it has said "taken", which can still be received."""


@attrs.frozen
class Given:
    """The result of a handover."""

    players: int
    #: Players whose connections stayed, and who come back by themselves.
    coming_back: int
    rooms: int
    #: The time for which nobody played.
    frozen_ms: float


class Giving(abc.ABC):
    """One handover to ``successor`` of what ``freezing`` freezes of ``server``."""

    def __init__(self, server: Server, successor: Successor, freezing: Freezing) -> None:
        self.stage = Stage.SERVING
        self._server: Final = server
        self._successor: Final = successor
        self._freezing: Final = freezing
        #: The port over TLS of the other process, if it is not that of this one.
        self._secure_port: int | None = None

    @abc.abstractmethod
    async def _begin(self) -> None:
        """Have the other process get ready; ``_hear_ready`` waits for it."""

    @abc.abstractmethod
    async def _settle(self) -> None:
        """Wait for what must not be cut in two."""

    @abc.abstractmethod
    async def _pass_claims(self) -> dict[str, int]:
        """Pass the claims to the rooms on, and return the new fences by label."""

    @abc.abstractmethod
    async def _take_claims_back(self) -> None:
        """Undo ``_pass_claims``; harmless if no claim was passed on."""

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
        fences = await self._pass_claims()
        await self._successor.channel.send(["go", fences])
        await self._wait("taken", TAKE_DEADLINE_S)
        self.stage = Stage.GONE
        frozen_ms = 1000 * (trio.current_time() - begun_s)
        players = self._freezing.players
        gone = sum(one.play is not None for one in frozen.sessions) - len(staying)
        self._freezing.leave(staying, self._secure_port)
        return Given(players, max(0, players - gone), len(frozen.rooms), frozen_ms)

    async def _hear_ready(self, labels: Iterable[str]) -> None:
        """Wait until the other process is ready; ``HandoverFailed`` without a kind of ``labels``.

        All that it sends and gets from then on, it sends and gets quickly.
        """
        (kinds,) = await self._wait("ready", START_DEADLINE_S)
        for label in sorted(labels):
            if label.partition("/")[0] not in kinds:
                raise HandoverFailed(f"the new version has no rooms for {label}")

    async def _rehearse(self) -> None:
        """Have the new process make each room as it is now, so that it fails before the freeze."""
        for captured in self._freezing.captures():
            room = await trio.to_thread.run_sync(captured)
            rehearsal = ["rehearse", room.label, room.schema_hash, room.snapshot]
            await self._successor.channel.send(rehearsal)
            await self._wait("rehearsed", REHEARSE_DEADLINE_S)

    async def _flush(self, deadline_s: float) -> None:
        with trio.move_on_after(deadline_s) as patience:
            await self._server.wait_written()
        if patience.cancelled_caught:
            raise HandoverFailed("the storage does not answer, so submissions wait for it")

    async def _send(self, frozen: FrozenServer) -> None:
        """Send everything; nobody plays meanwhile, so this has a deadline as a whole."""
        with trio.move_on_after(SEND_DEADLINE_S) as patience:
            await self._send_all(frozen)
        if patience.cancelled_caught:
            raise HandoverFailed(f"the rooms were not read within {SEND_DEADLINE_S:g} s")

    async def _send_all(self, frozen: FrozenServer) -> None:
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
        """Cut the other process off and serve on, unless its last word was that it takes over.

        Then it had the sockets, dead or not, and this process must not touch them.
        """
        await self._successor.cut_off()
        if self.stage is Stage.SENT and await self._is_taken():
            self.stage = Stage.GONE
            self._freezing.leave((), self._secure_port)
            return
        if self.stage is Stage.SENT:
            await self._take_claims_back()
        if self.stage in (Stage.FREEZING, Stage.SENT):
            self._freezing.thaw()
        self.stage = Stage.SERVING

    async def _is_taken(self) -> bool:
        """Whether the other process, which is cut off, has said that it takes over."""
        try:
            with await self._successor.channel.receive(within_s=1.0) as received:
                expect(received, "taken")
        except (ChannelError, HandoverFailed):
            return False
        return True


class ServerGiving(Giving):
    """The handover of all of ``server`` to a new process of its program.

    ``control`` is the listening control socket, if there is one.
    """

    def __init__(
        self, server: Server, successor: Successor, control: HasFileno | None = None
    ) -> None:
        super().__init__(server, successor, Freezing(server))
        self._control: Final = control

    @override
    async def _begin(self) -> None:
        """Send the listeners, and wait until the new process is ready for rooms."""
        server = self._server
        plain = [one for port in server.ports if port.ssl_context is None for one in port.sockets]
        tls = [one for port in server.ports if port.ssl_context is not None for one in port.sockets]
        descriptors: list[HasFileno | int] = [*plain, *tls]
        lock, control = server.data_lock, self._control
        if lock is not None:
            descriptors.append(lock)
        if control is not None:
            descriptors.append(control)
        begin = ["begin", FORMAT, len(plain), len(tls), lock is not None, control is not None]
        names = [server.owner, server.node]
        await self._successor.channel.send([*begin, *names], descriptors)
        await self._hear_ready(server.lobby.labels)

    @override
    async def _settle(self) -> None:
        """Wait for rooms that start or stop, and for submissions.

        No room starts or stops between the return and the freeze, which no ``await`` separates.
        """
        lobby = self._server.lobby
        with trio.move_on_after(REHEARSE_DEADLINE_S):
            while True:
                await lobby.until_settled()
                await self._flush(FLUSH_DEADLINE_S)
                if lobby.is_settled:
                    return
        raise HandoverFailed("a room has not started or stopped in time")

    @override
    async def _pass_claims(self) -> dict[str, int]:
        self._server.pause_renewals()  # the claims stay those of the same owner
        return {}

    @override
    async def _take_claims_back(self) -> None:
        self._server.go_on_renewing()


def _portions(items: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), most):
        yield items[start : start + most]
