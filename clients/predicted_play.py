"""Playing with prediction over a connection: the loop that ``Steering`` wants, in real time.

Owns waiting for the next tick, and sending.  What to wait for and what to send is
``steering.py``'s; what came is given to it by ``game_client.py``.
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
    """What playing needs of a connection; ``GameClient`` is the real one."""

    async def send(self, command: Any, *, tick: int = 0, rendered: int | None = None) -> int:
        """Send a command."""

    async def wait_for_clock(self) -> None:
        """Wait until the server's time is known."""

    def check(self) -> None:
        """Raise ``ConnectionLost`` if there is no connection any more."""


class PredictedPlay(Generic[S, C]):
    """The client's own loop of ticks, as an async iterator of tick numbers.

    It runs ahead of the server by as much as commands need to arrive in time. In its body, look at
    ``own`` (the state that is predicted for now) and at ``place_of`` others (where the screen shows
    them), decide, and ``await steer(command)``.  The loop ends when the connection ends in peace;
    else it raises ``ConnectionLost``.  ``steering`` has all the figures, and the effects.
    """

    def __init__(self, sender: Sender, steering: Steering[S, C]) -> None:
        self.steering: Final = steering
        self._sender = sender

    def __aiter__(self) -> PredictedPlay[S, C]:
        return self

    async def __anext__(self) -> int:
        """Wait for the next tick of the loop; ticks that were slept through are passed over."""
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
        """Give ``command`` for this tick: it is predicted at once, and sent if it is any news.

        Nothing happens while there is nothing to steer.
        """
        order = self.steering.steer(command, trio.current_time())
        if order is None:
            await trio.lowlevel.checkpoint()
        else:
            await self._sender.send(order.command, tick=order.tick, rendered=order.rendered)

    @property
    def own(self) -> S | None:
        """The state of the own thing at this tick, as predicted; None: there is none."""
        return self.steering.own

    def place_of(self, entity: RemoteEntity) -> tuple[float, float] | None:
        """Return where the screen shows another's ``entity``; None: nowhere yet."""
        return self.steering.place_of(entity)
