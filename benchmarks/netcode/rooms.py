"""The arena, where it can be measured from outside: rooms for the netcode study.

Owns ``Timed`` (the game as it is, telling the time) and ``Range`` (pairs of a marksman and a
weaving target, each far from all others).  Declared with the public API; served by
``gameserver serve benchmarks.netcode.rooms:Timed benchmarks.netcode.rooms:Range``.
"""

from __future__ import annotations

import re
import time
from typing import Final

import attrs

from gameserver.games.arena import rules
from gameserver.games.arena.flier import Flier
from gameserver.games.arena.model import UNIT, Rock
from gameserver.games.arena.rocks import RockField
from gameserver.games.arena.room import Arena

BEAT_EVERY_TICKS: Final = 10

#: Pairs stand on a grid: farther apart than a pulse reaches.
PAIRS_ACROSS: Final = 3
MAX_PAIRS: Final = PAIRS_ACROSS**2
PAIR_SPACE: Final = 1400 * UNIT
#: Between a marksman and the middle of its target's way.
PAIR_DISTANCE: Final = 250 * UNIT
MARKSMAN: Final = "Marksman"
WEAVER: Final = "Weaver"

_NAME: Final = re.compile(rf"({MARKSMAN}|{WEAVER}) ([0-8])")
_BEAT: Final = re.compile(r"beat (\d+) (\d+)")


@attrs.frozen
class Beat:
    """When a tick began: ``at_us`` on the clock of the machine, ``time.perf_counter``.

    Travels as a text that the room says, so that the room's schema is the arena's.
    """

    tick: int
    at_us: int

    def to_text(self) -> str:
        """Return the text that ``from_text`` reads."""
        return f"beat {self.tick} {self.at_us}"

    @classmethod
    def from_text(cls, text: str) -> Beat | None:
        """Return the beat that ``text`` tells of, None if it is something else."""
        found = _BEAT.fullmatch(text)
        return None if found is None else cls(int(found[1]), int(found[2]))


class Timed(Arena):
    """The arena; it tells the times of its ticks on a clock that all processes share."""

    def tick(self) -> None:
        """Play the tick, and now and then tell the time."""
        if self.tick_number % BEAT_EVERY_TICKS == 0:
            # A room does not look at clocks; this one is there to be measured.
            self.say(Beat(self.tick_number, time.perf_counter_ns() // 1000).to_text())
        super().tick()


class Range(Timed):
    """Marksmen and weavers in pairs: no cover, and nobody dies."""

    def on_create(self) -> None:
        """Clear the field."""
        super().on_create()
        for rock in list(self.world.of_class(Rock)):
            self.despawn(rock)
        self.rocks = RockField([])
        self._place = place_of("")

    def _launch(self, flier: Flier) -> None:
        self._place = place_of(flier.player.name)
        super()._launch(flier)

    def _safe_place(self) -> tuple[int, int]:
        return self._place

    def _hurt(self, victim: Flier, damage: int, by: Flier, where: tuple[int, int]) -> None:
        assert victim.ship is not None
        victim.ship.hull = rules.MAX_HULL + damage
        super()._hurt(victim, damage, by, where)


def name_of(role: str, pair: int) -> str:
    """Return the name under which one of a pair takes its place."""
    return f"{role} {pair}"


def place_of(name: str) -> tuple[int, int]:
    """Return the starting place of this player; outside of a pair, the middle of the world."""
    found = _NAME.fullmatch(name)
    if found is None:
        return rules.WORLD_SIZE // 2, rules.WORLD_SIZE // 2
    row, column = divmod(int(found[2]), PAIRS_ACROSS)
    first = rules.WORLD_SIZE // 2 - (PAIRS_ACROSS - 1) * PAIR_SPACE // 2
    x, y = first + column * PAIR_SPACE, first + row * PAIR_SPACE
    return x, y - PAIR_DISTANCE // 2 + (PAIR_DISTANCE if found[1] == WEAVER else 0)
