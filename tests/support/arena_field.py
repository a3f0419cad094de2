"""An arena without sockets: players, ticks and events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from gameserver.games.arena import rules
from gameserver.games.arena.flier import Flier
from gameserver.games.arena.model import Pilot, Play, Ship, Steer
from gameserver.games.arena.rocks import RockField
from gameserver.games.arena.room import Arena
from gameserver.room import Player
from gameserver.simulation.commands import Commands
from gameserver.testing import Rehearsal
from tests.support.frame_sinks import NoSink

E = TypeVar("E")
MIDDLE = rules.WORLD_SIZE // 2


class Field:
    """A room, stepped by hand.  ``events`` holds the events of the last step, in order."""

    def __init__(self, *, seed: int = 1, rocks: bool = True) -> None:
        self.room = Arena(seed=seed)
        if not rocks:
            self.room.rocks = RockField([])
        self.events: list[Any] = []
        self._rehearsal = Rehearsal(self.room)
        self.stepper = self._rehearsal._stepper

    def join(self, seat: int, name: str = "") -> Player:
        seated = self.stepper.join(seat, NoSink(), name)
        self._rehearsal._raise_failure()
        return seated.player

    def commands(self, player: Player) -> Commands:
        seated = self.stepper.find(player)
        assert seated is not None
        return seated.commands

    def play(self, seat: int, name: str = "", *, bot: bool = False, at: Any = None) -> Flier:
        """Seat a player who flies, with weapons ready; with a place given, also vulnerable."""
        player = self.join(seat, name)
        self.tell(player, Play(name, bot=bot))
        self.step()
        flier = self.room.fliers[seat]
        assert flier.ship is not None
        flier.ship.fire_wait = flier.ship.mine_wait = 0
        if at is not None:
            self.put(flier, *at)
        return flier

    def put(self, flier: Flier, x: int, y: int, heading: int = 0) -> Ship:
        """Place a flier's ship at rest, vulnerable."""
        ship = flier.ship
        assert ship is not None
        ship.x, ship.y, ship.vx, ship.vy, ship.heading, ship.aim = x, y, 0, 0, heading, heading
        flier.life.protected_until = 0
        self._rehearsal.settle()
        return ship

    def tell(self, player: Player, command: Any) -> None:
        self._rehearsal.give(player, command)

    def steer(self, flier: Flier, **controls: Any) -> None:
        if flier.ship is not None:
            controls.setdefault("aim", flier.ship.aim)
        self.tell(flier.player, Steer(**controls))

    def step(self, ticks: int = 1) -> list[Any]:
        """Play some ticks; return all their events."""
        told: list[Any] = []
        for _ in range(ticks):
            self.events = self._rehearsal.step()
            told += self.events
        return told

    def until(self, done: Callable[[], Any], *, limit: int = 20_000) -> list[Any]:
        told: list[Any] = []
        for _ in range(limit):
            if done():
                return told
            told += self.step()
        raise AssertionError("it never came to that")

    def leap(self, tick: int) -> None:
        """Make the next step simulate a much later tick, as after dropped ticks."""
        self.room.tick_number = tick - 1

    def all(self, cls: type[E]) -> list[E]:
        return list(self.room.world.of_class(cls))

    def pilots(self) -> dict[int, Pilot]:
        return {pilot.seat: pilot for pilot in self.all(Pilot)}

    def told(self, cls: type[E]) -> list[E]:
        return [event for event in self.events if type(event) is cls]


def of(events: list[Any], cls: type[E]) -> Iterator[E]:
    return (event for event in events if type(event) is cls)
