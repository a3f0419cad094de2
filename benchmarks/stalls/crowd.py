"""Players who join one after the other, lose their connections all at once, and come back.

Owns their connections.  They read several times a second, which costs the core of the load little
enough that five hundred of them fit beside the load generator; they steer nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final

import attrs
import trio

from benchmarks.hostile.light import LightPlayer
from clients.errors import ConnectionLost
from gameserver.model.schema import Schema

READ_EVERY_S: Final = 0.2
ACKNOWLEDGE_EVERY_S: Final = 1.0
#: How many connect at the same time.
AT_ONCE: Final = 64


@attrs.define
class Crowd:
    """``size`` players of rooms of this ``schema``.  ``back`` counts those that came back.

    ``room_of`` says which room the player of a number joins.
    """

    port: int
    room_of: Callable[[int], str]
    schema: Schema
    size: int
    back: int = 0
    failed: int = 0
    _players: dict[int, LightPlayer] = attrs.field(factory=dict)
    _tokens: dict[int, str] = attrs.field(factory=dict)
    _playing: trio.CancelScope = attrs.field(factory=trio.CancelScope)

    @property
    def playing(self) -> int:
        """The number of players who play."""
        return len(self._players)

    async def join(self, nursery: trio.Nursery) -> None:
        """Have all join, or come back to their seats; they play in ``nursery``."""
        turns = trio.CapacityLimiter(AT_ONCE)
        self._playing = trio.CancelScope()
        async with trio.open_nursery() as joining:
            for number in range(self.size):
                joining.start_soon(self._join, number, turns)
        nursery.start_soon(self._play_all)

    def cut(self) -> None:
        """End all connections at once."""
        self._playing.cancel()
        for player in self._players.values():
            player.cut()
        self._players.clear()

    async def _join(self, number: int, turns: trio.CapacityLimiter) -> None:
        token = self._tokens.get(number)
        async with turns:
            try:
                player = await LightPlayer.join(
                    self.port, self.room_of(number), f"crowd {number}", self.schema, resume=token
                )
            except ConnectionLost:
                self.failed += 1
                return
        self.back += token is not None
        self._players[number] = player
        self._tokens[number] = player.resume_token

    async def _play_all(self) -> None:
        with self._playing:
            async with trio.open_nursery() as nursery:
                for number, player in self._players.items():
                    nursery.start_soon(self._play, player, number / self.size)

    async def _play(self, player: LightPlayer, share: float) -> None:
        """Play, shifted by ``share`` of a round, so that no two players act together."""
        acknowledged_s = trio.current_time() - share * ACKNOWLEDGE_EVERY_S
        await trio.sleep(share * READ_EVERY_S)
        with suppress(ConnectionLost, trio.ClosedResourceError):
            while True:
                await trio.sleep(READ_EVERY_S)
                tick = await player.read_arrived()
                if tick and trio.current_time() - acknowledged_s >= ACKNOWLEDGE_EVERY_S:
                    acknowledged_s = trio.current_time()
                    await player.acknowledge(tick)
