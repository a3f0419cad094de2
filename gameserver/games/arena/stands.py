"""The stands: the view of players who do not fly.

Owns the choice of the point to watch.  All spectators share it, so the server encodes their delta
only once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs

from gameserver import Player
from gameserver.games.arena import rules
from gameserver.games.arena.flier import Flier


@attrs.define(eq=False)
class Stands:
    """A camera that follows one pilot at a time: the last one to fight, or else the leader."""

    focus: tuple[int, int] = (rules.WORLD_SIZE // 2, rules.WORLD_SIZE // 2)
    _followed: int = 0
    _cut_at: int = 0

    def tick(self, tick: int, fliers: Mapping[int, Flier], players: Iterable[Player]) -> None:
        """Move the camera, and with it the view of all who have no pilot."""
        self._follow(tick, fliers)
        for player in players:
            if player.seat not in fliers:
                player.focus = self.focus

    def _follow(self, tick: int, fliers: Mapping[int, Flier]) -> None:
        followed = fliers.get(self._followed)
        if followed is None or followed.ship is None:
            self._cut_at = min(self._cut_at, tick + rules.WRECK_TICKS)
        if tick >= self._cut_at:
            followed = max((f for f in fliers.values() if f.ship), key=_liveliness, default=None)
            if followed is not None:
                self._followed = followed.seat
                self._cut_at = tick + rules.CUT_TICKS
        if followed is not None and followed.ship is not None:
            self.focus = (followed.ship.x, followed.ship.y)


def _liveliness(flier: Flier) -> tuple[int, int, int]:
    return flier.fought_at, flier.pilot.score, -flier.seat
