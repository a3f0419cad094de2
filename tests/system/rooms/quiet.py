"""Arenas for the browser tests, served as an author's own rooms are: from the working directory.

Owns rooms in which nothing but the own controls moves a ship, and their list of *hiccups*: ticks
in which an input was late or that were dropped, as happens on a busy machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gameserver.games.arena import room
from gameserver.games.arena.model import Pickup, Rock
from gameserver.games.arena.pickups import Pickups
from gameserver.games.arena.rocks import RockField
from gameserver.simulation.inputs import Input, InputBuffer

if TYPE_CHECKING:
    from gameserver import Player

#: The first and the last tick of each hiccup since somebody last asked.
_hiccups: list[tuple[int, int]] = []
_keep_late = InputBuffer._keep_late


def _note_late(buffer: InputBuffer, entry: Input) -> None:
    _hiccups.append((entry.tick, entry.arrived))
    _keep_late(buffer, entry)


InputBuffer._keep_late = _note_late  # type: ignore[method-assign]


class NoPickups(Pickups):
    """A pickup changes the energy of a ship, which its pilot cannot foresee."""

    def __attrs_post_init__(self) -> None:
        """Lay out none."""

    def tick(self) -> None:
        """Add none."""


class Arena(room.Arena):
    """No rock is in anyone's way, and everyone sees everyone.

    ``hiccups`` said by a player is answered by a text for each hiccup since it was last said, and
    ``no more hiccups``.  The room has read all commands that were sent before the question.
    """

    view = None  # type: ignore[assignment]  # of a room it may be None; the arena's is not
    _ticked = 0

    def on_create(self) -> None:
        super().on_create()
        for kind in (Rock, Pickup):
            for entity in list(self.world.of_class(kind)):
                self.despawn(entity)
        self.rocks = RockField([])
        self.pickups = NoPickups(self, self._free_place)

    def on_say(self, player: Player[Any], text: str) -> str | None:
        if text != "hiccups":
            return text
        for first, last in _hiccups:
            self.say(f"hiccup {first} {last}", to=player)
        _hiccups.clear()
        return "no more hiccups"

    def tick(self) -> None:
        if self.tick_number > self._ticked + 1:
            _hiccups.append((self._ticked + 1, self.tick_number))
        self._ticked = self.tick_number
        super().tick()


class Tiny(Arena):
    """There is room for one."""

    max_players = 1
    hold_s = 1.0  # who waits for the one seat need not wait for long
