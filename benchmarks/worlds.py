"""The benchmark worlds as rooms of this server, declared with the public API.

Owns ``Broadcast``, ``BigWorld``, ``Match``, ``Duel``, ``Idle``, ``IdleDuel``, ``Arrivals``,
``ArenaMatch`` and ``BigArena``; served by ``gameserver serve benchmarks.worlds:BigWorld``.  The
parameters of a run come from the environment, because the server makes the rooms.  Measures
nothing.
"""

from __future__ import annotations

import os
from typing import ClassVar, Final

from benchmarks.moves import HEADINGS, ROOM_SIZES, STEP, VIEW_WIDTH, start_of, world_side
from gameserver import Near, Player, Room, command, entity, number, synced
from gameserver.games.arena.room import Arena
from gameserver.model.grid import Grid

PLAYERS: Final = int(os.environ.get("BENCHMARK_PLAYERS", "100"))
TICK_RATE: Final = int(os.environ.get("BENCHMARK_TICK_RATE", "20"))
#: Movers that nobody steers.
ENTITIES: Final = int(os.environ.get("BENCHMARK_ENTITIES", "0"))
#: The room that the storm of joins enters, where nobody else plays.
JOINING: Final = int(os.environ.get("BENCHMARK_JOINING", "0"))

_UNIT_GRID: Final = Grid(1.0)
_CELLS_ACROSS: Final = round((len(_UNIT_GRID.view(_UNIT_GRID.cell_at(0, 0))) - 1) ** 0.5)
#: So that a view, in whole cells, is as wide as the three cells of the peers.
VIEW_RADIUS: Final = VIEW_WIDTH / (_CELLS_ACROSS * _UNIT_GRID.cell_size)


@entity(at=("x", "y"))
class Mover:
    """Something that always moves."""

    x: float = synced(0.0, step=STEP)
    y: float = synced(0.0, step=STEP)
    colour: int = synced(0)
    dx: float = 0.0
    dy: float = 0.0


@command
class Turn:
    """A new heading for the own mover."""

    heading: int = number(0, len(HEADINGS) - 1)


class BigWorld(Room):
    """Everyone moves at every tick; about 20 others are in view."""

    tick_rate = TICK_RATE
    max_players = PLAYERS
    view: ClassVar[Near | None] = Near(VIEW_RADIUS)
    classes = (Mover, Turn)
    #: How many movers the world is made for.
    crowd = PLAYERS + ENTITIES

    side: int
    made: int
    movers: set[Mover]

    def on_create(self) -> None:
        """Spread the movers that nobody steers."""
        self.side = world_side(self.crowd)
        self.made = 0
        self.movers = set()
        for _ in range(ENTITIES):
            self.make_mover(None)

    def make_mover(self, player: Player | None) -> Mover:
        """Spawn the next mover at its place."""
        self.made += 1
        x, y = start_of(self.made, self.side)
        mover = Mover(x=x * STEP, y=y * STEP, colour=self.made % 256)
        _turn(mover, self.made % len(HEADINGS))
        self.movers.add(mover)
        return self.spawn(mover, owner=player)

    def on_join(self, player: Player) -> None:
        """Give everyone a mover."""
        player.entity = self.make_mover(player)

    def on_leave(self, player: Player, reason: str) -> None:  # noqa: ARG002
        """Take the mover away."""
        self.movers.discard(player.entity)
        self.despawn(player.entity)

    def on_command(self, player: Player, command: Turn) -> None:
        """Turn."""
        _turn(player.entity, command.heading)

    def tick(self) -> None:
        """Move everyone by one step, within the world."""
        limit = self.side * STEP
        for mover in self.movers:
            x = mover.x + mover.dx
            if not 0.0 <= x <= limit:
                mover.dx = -mover.dx
                x = mover.x + mover.dx
            mover.x = x
            y = mover.y + mover.dy
            if not 0.0 <= y <= limit:
                mover.dy = -mover.dy
                y = mover.y + mover.dy
            mover.y = y


class Remembered(BigWorld):
    """The big world with an input at every tick, and the past of all movers: the most to save."""

    input = Turn
    rewinds = (Mover,)


class Broadcast(BigWorld):
    """Everyone sees everyone."""

    view = None


class Match(Broadcast):
    """A room of a few players who see each other; there are many such rooms."""

    max_players = crowd = ROOM_SIZES["matches"]


class Duel(Broadcast):
    """A room of two."""

    max_players = crowd = ROOM_SIZES["duels"]


class Idle(BigWorld):
    """The big world when nothing happens."""

    def tick(self) -> None:
        """Nothing moves."""


class IdleDuel(Duel):
    """A room of two in which nothing happens."""

    def tick(self) -> None:
        """Nothing moves."""


class Arrivals(Idle):
    """A room for a storm of joins, in which only joining is measured."""

    max_players = crowd = JOINING


class ArenaMatch(Arena):
    """The arena with its own rules, for a match of a few."""

    max_players = ROOM_SIZES["arena-matches"]


class BigArena(Arena):
    """The arena with its own rules, open to more players than it is meant for."""

    max_players = PLAYERS


def _turn(mover: Mover, heading: int) -> None:
    dx, dy = HEADINGS[heading]
    mover.dx = dx * STEP
    mover.dy = dy * STEP
