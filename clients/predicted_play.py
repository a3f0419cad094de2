"""Playing with prediction over a connection: the loop of ``Steering``, in real time.

Owns waiting for the next tick, and sending.  ``steering.py`` decides when a tick is due and what to
send; ``game_client.py`` passes the server's messages to it.
"""

from __future__ import annotations

from typing import Any, Final, Generic, Protocol, TypeVar

import trio

from clients.errors import ConnectionLost
from clients.netcode.steering import Steering
from clients.remote import RemoteEntity
from gameserver.protocol.closing import CloseCode

S = TypeVar("S")
C = TypeVar("C")


class Sender(Protocol):
    """The part of a client that this loop needs; ``GameClient`` implements it."""

    async def send(self, command: Any, *, tick: int = 0, rendered: int | None = None) -> int:
        """Send a command."""

    async def wait_for_clock(self) -> None:
        """Wait until the server's tick is known."""

    def check(self) -> None:
        """Raise ``ConnectionLost`` if the connection has ended."""


class PredictedPlay(Generic[S, C]):
    """The client's own loop of ticks, as an async iterator of tick numbers.

    The loop runs ahead of the server, so that commands arrive in time.  Its body looks at ``own``
    (the predicted state of this tick) and at ``place_of`` others (where the screen shows them),
    decides, and calls ``await steer(command)``.  The loop ends when the connection closes normally;
    otherwise it raises ``ConnectionLost``.  ``steering`` has all figures, and the effects.
    """

    def __init__(self, sender: Sender, steering: Steering[S, C]) -> None:
        self.steering: Final = steering
        self._sender = sender

    def __aiter__(self) -> PredictedPlay[S, C]:
        return self

    async def __anext__(self) -> int:
        """Wait for the next tick of the loop; missed ticks are skipped."""
        try:
            return await self._next_tick()
        except ConnectionLost as lost:
            if lost.code == CloseCode.NORMAL:
                raise StopAsyncIteration from None
            raise

    async def _next_tick(self) -> int:
        if not self.steering.clock.known:
            await self._sender.wait_for_clock()
        elif self.steering.lead.started:
            await trio.sleep_until(self.steering.next_due_s())
        while True:
            self._sender.check()
            tick = self.steering.due(trio.current_time())
            if tick is not None:
                return tick
            await trio.sleep_until(self.steering.next_due_s())

    async def steer(self, command: C) -> None:
        """Give ``command`` for this tick: predict it, and send it if the server needs it.

        Does nothing while there is no entity to steer.
        """
        order = self.steering.steer(command, trio.current_time())
        if order is None:
            await trio.lowlevel.checkpoint()
        else:
            await self._sender.send(order.command, tick=order.tick, rendered=order.rendered)

    @property
    def own(self) -> S | None:
        """The predicted state of the own entity at this tick; None if there is none."""
        return self.steering.own

    def place_of(self, entity: RemoteEntity) -> tuple[float, float] | None:
        """Return where the screen shows ``entity`` of another player; None: nowhere yet."""
        return self.steering.place_of(entity)
