"""Keeps Agones informed of the server's state: ready, in use, healthy, ended.

Owns the rules.  A server is *Ready* at its start, *Allocated* while somebody plays, and *Reserved*
for as long as the seats of the last players are held; then Agones itself makes it Ready again.  An
allocation from outside changes nothing here: the server waits for its players.

Health is told only while rooms tick.  When Agones ends the server, it drains.
"""

from __future__ import annotations

import enum
import math
import os
from typing import Final

import structlog
import trio

from gameserver.cluster.agones import AgonesRefused, AgonesSdk, AgonesServer, open_sdk
from gameserver.runtime.server import Server

log = structlog.get_logger(__name__)

#: How often the companion looks whether anybody plays.
LOOK_S: Final = 0.5
#: Pings in one period of Agones, so that a single lost one does no harm.
PINGS_IN_PERIOD: Final = 2
#: Rooms count as stuck if none has ticked for this many intervals of the fastest of them, and for
#: at least this long.
MISSED_TICKS: Final = 3.0
LEAST_MISSED_S: Final = 1.0
#: How long the end waits for an answer of Agones.
SHUTDOWN_PATIENCE_S: Final = 2.0


class Told(enum.Enum):
    """The state that Agones was told last."""

    NOTHING = enum.auto()
    READY = enum.auto()
    ALLOCATED = enum.auto()
    RESERVED = enum.auto()


class AgonesCompanion:
    """Runs beside ``server``."""

    def __init__(self, server: Server, sdk: AgonesSdk, *, look_s: float = LOOK_S) -> None:
        self._server = server
        self._sdk = sdk
        self._look_s = look_s
        self.told = Told.NOTHING
        self._ending = trio.Event()
        self._rounds = -1
        self._ticked_s = -math.inf

    async def run(self) -> None:
        """Report the server's state to Agones until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._tell_health)
            nursery.start_soon(self._sdk.watch, self._notice)
            nursery.start_soon(self._drain_when_told)
            # After an upgrade in place somebody may play already.
            await self._tell(Told.ALLOCATED if self._server.players else Told.READY)
            log.info("ready to be allocated by Agones")
            while True:
                await trio.sleep(self._look_s)
                await self._tell(self._next())

    def _next(self) -> Told:
        if self._server.players:
            return Told.ALLOCATED
        if self.told is Told.ALLOCATED:
            return Told.RESERVED
        return self.told

    async def _tell(self, what: Told) -> None:
        if what is self.told:
            return
        try:
            if what is Told.READY:
                await self._sdk.ready()
            elif what is Told.ALLOCATED:
                await self._sdk.allocate()
            else:
                await self._sdk.reserve(self._held_s())
        except AgonesRefused as refusal:
            log.warning("Agones refuses what it is told", why=str(refusal))
        self.told = what

    def _held_s(self) -> int:
        """Return how long, in seconds, a dropped player's seat is held."""
        return math.ceil(max((room.hold_s for room in self._server.lobby.classes), default=1.0))

    # ------------------------------------------------------------ health

    async def _tell_health(self) -> None:
        try:
            known = await self._sdk.game_server()
        except AgonesRefused as refusal:
            log.warning("Agones refuses what it is told", why=str(refusal))
            known = AgonesServer.read({})  # health is told as often as by default
        if known.health_disabled:
            return
        while True:
            if self.ticks():
                await self._sdk.health()
            else:
                log.error("rooms do not tick, so Agones is told nothing of health")
            await trio.sleep(known.health_period_s / PINGS_IN_PERIOD)

    def ticks(self) -> bool:
        """Whether the rooms tick; true where there are none."""
        now_s = trio.current_time()
        rates = [task.room.tick_rate for _, task in self._server.lobby.rooms]
        rounds = self._server.lobby.loop_figures().rounds
        if rounds != self._rounds or not rates:
            self._rounds, self._ticked_s = rounds, now_s
        patience_s = max(LEAST_MISSED_S, MISSED_TICKS / max(rates, default=1))
        return now_s - self._ticked_s <= patience_s

    # ------------------------------------------------------------ the end

    def _notice(self, known: AgonesServer) -> None:
        if known.is_ending:
            self._ending.set()

    async def _drain_when_told(self) -> None:
        await self._ending.wait()
        log.info("Agones ends this server")
        await self._server.drain(self._server.settings.drain_s)


async def accompany(server: Server) -> None:
    """Run the companion of ``server``, for the sidecar of this pod."""
    async with open_sdk(os.environ) as sdk:
        await AgonesCompanion(server, sdk).run()


async def tell_end() -> None:
    """Ask Agones for the end of the pod, since this process has stopped serving."""
    with trio.move_on_after(SHUTDOWN_PATIENCE_S):
        async with open_sdk(os.environ) as sdk:
            try:
                await sdk.shutdown()
            except AgonesRefused as refusal:
                log.warning("Agones refuses the end", why=str(refusal))
