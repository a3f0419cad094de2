"""A durable game, and clients that play it through the end of its server."""

from __future__ import annotations

import trio

from clients import GameClient
from clients.client_types import State

GAME = '''
"""fort.py: an arena that outlives its process."""

from gameserver.games.arena.room import Arena


class Fort(Arena):
    durable = True
'''


async def play_on(game: GameClient, back: trio.Event) -> None:
    """Set ``back`` once the client plays again after it has lost its connection."""
    while (await game.next_state()).state is not State.RECONNECTING:
        pass
    while (await game.next_state()).state is not State.PLAYING:
        pass
    await game.next_delta()
    back.set()


async def next_check(game: GameClient) -> None:
    """Play until the server's checksum has come once more."""
    before = game.statistics().checks
    while game.statistics().checks == before:
        await game.next_delta()
