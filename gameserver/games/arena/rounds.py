"""Rounds: five minutes of play, a podium, and the next.

Owns the ``Round`` entity and its clock.  The room decides what a new round does to ships.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import attrs

from gameserver import Room
from gameserver.games.arena import rules
from gameserver.games.arena.model import Phase, Pilot, Round, RoundEnded, RoundStarted


@attrs.define(eq=False)
class Rounds:
    """The clock of the rounds of a room.  ``start_afresh`` is called as each new round begins."""

    _room: Room
    _start_afresh: Callable[[], None]
    round: Round = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Begin the first round."""
        self.round = self._room.spawn(
            Round(ends_at=self._room.tick_number + rules.ROUND_TICKS, world_size=rules.WORLD_SIZE)
        )

    @property
    def playing(self) -> bool:
        """Whether weapons work, which they do not while the podium is shown."""
        return self.round.phase is Phase.PLAYING

    def tick(self, pilots: Iterable[Pilot]) -> None:
        """Begin the next phase when it is due."""
        if self._room.tick_number < self.round.ends_at:
            return
        if self.playing:
            self._end(pilots)
        else:
            self._begin()

    def _end(self, pilots: Iterable[Pilot]) -> None:
        round_ = self.round
        round_.phase = Phase.PODIUM
        round_.podium = podium(pilots)
        round_.ends_at = self._room.tick_number + rules.PODIUM_TICKS
        self._room.emit(RoundEnded(round_.number, round_.podium))

    def _begin(self) -> None:
        round_ = self.round
        round_.number += 1
        round_.phase = Phase.PLAYING
        round_.podium = ()
        round_.ends_at = self._room.tick_number + rules.ROUND_TICKS
        self._start_afresh()
        self._room.emit(RoundStarted(round_.number))


def podium(pilots: Iterable[Pilot]) -> tuple[int, ...]:
    """Return the seats of the best pilots with a score, best first; fewer deaths break a tie."""
    scored = [pilot for pilot in pilots if pilot.score > 0]
    scored.sort(key=lambda pilot: (-pilot.score, pilot.deaths, pilot.seat))
    return tuple(pilot.seat for pilot in scored[: rules.PODIUM_PLACES])
