"""``capacity``: the largest number of players at which a server holds its rate."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.fit import largest_that_holds
from benchmarks.records import Largest
from benchmarks.servers import Contender, Setting
from benchmarks.studies.compare import having
from benchmarks.studies.session import Session

SMALLEST = 125
#: So noisy is a shared machine: a number that failed is tried once more.
_TRIES = 2


def run(
    session: Session, world: str, servers: Sequence[str], limit: int, delta_bytes: int
) -> dict[str, list[Largest]]:
    """Return server → the largest number that held, of every repeat."""
    found: dict[str, list[Largest]] = {}
    for number in range(session.repeats):
        for contender in having(world, servers):
            if contender.name in session.missing:
                continue
            session.say(f"search {number + 1} of {session.repeats}: {contender.name}")
            largest = _Search(session, contender, world, delta_bytes).run(limit)
            if contender.name not in session.missing:
                found.setdefault(contender.name, []).append(largest)
                session.say(f"{contender.name} held {largest.players}")
    return found


class _Search:
    """One search for one server."""

    def __init__(
        self, session: Session, contender: Contender, world: str, delta_bytes: int
    ) -> None:
        self._session = session
        self._contender = contender
        self._world = world
        self._delta_bytes = delta_bytes
        #: Players → whether it failed only because the load generator was too slow.
        self._refused: dict[int, bool] = {}

    def run(self, limit: int) -> Largest:
        held: dict[int, bool] = {}
        while (players := largest_that_holds(SMALLEST, limit, held)) is not None:
            held[players] = any(self._holds(players) for _ in range(_TRIES))
        largest = max((n for n, ok in held.items() if ok), default=0)
        above = min((n for n, ok in held.items() if not ok and n > largest), default=None)
        at_least = largest == limit or (above is not None and self._refused.get(above, False))
        return Largest(largest, at_least=at_least)

    def _holds(self, players: int) -> bool:
        setting = Setting(world=self._world, players=players, delta_bytes=self._delta_bytes)
        load = self._session.load_of(self._world, players)
        record = self._session.measure("capacity", self._contender, setting, load)
        if record is None:
            return False
        # Where the server itself failed, it does not matter how the load generator did.
        self._refused[players] = not record.valid and record.held
        return record.valid and record.held
