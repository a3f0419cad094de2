"""The rooms in which the loop is watched: those of the worlds, and one that is made and closed.

Owns ``Watched``, ``WatchedMatch``, ``WatchedDuel`` and ``Annexe``, for ``gameserver serve
benchmarks.stalls.rooms:Watched …``.  The watch begins with the first room, and writes what it saw
on SIGUSR1.
"""

from __future__ import annotations

import functools
import os
import pathlib
import signal
from typing import Final

from benchmarks.stalls.watch import Watch
from benchmarks.worlds import BigWorld, Duel, Idle, Match

#: Movers of the room that is made and closed.
ANNEXE_MOVERS: Final = 500

#: The room of each world in which the loop can be watched.
WATCHED: Final = {
    "bigworld": "Watched",
    "matches": "WatchedMatch",
    "duels": "WatchedDuel",
    "churn": "WatchedMatch",
}


@functools.cache
def _begin_to_watch() -> None:
    """Watch the loop that the first room runs on."""
    watch = Watch()
    watch.begin()
    file = pathlib.Path(os.environ["BENCHMARK_STALLS"])
    signal.signal(signal.SIGUSR1, lambda _number, _frame: watch.write(file))


class Watched(BigWorld):
    """The big world; watches the loop that it runs on."""

    async def on_start(self) -> None:
        """Begin to watch."""
        _begin_to_watch()


class WatchedMatch(Match):
    """A match; watches the loop that it runs on."""

    async def on_start(self) -> None:
        """Begin to watch."""
        _begin_to_watch()


class WatchedDuel(Duel):
    """A duel; watches the loop that it runs on."""

    async def on_start(self) -> None:
        """Begin to watch."""
        _begin_to_watch()


class Annexe(Idle):
    """A room that is made and closed again while the others play."""

    max_players = 10
    crowd = ANNEXE_MOVERS

    def on_create(self) -> None:
        """Fill it."""
        super().on_create()
        for _ in range(ANNEXE_MOVERS):
            self.make_mover(None)
