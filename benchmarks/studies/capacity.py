"""``capacity``: the largest number of players at which a server holds its rate."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from benchmarks.fit import largest_that_holds
from benchmarks.servers import Contender, Setting
from benchmarks.studies.compare import chosen
from benchmarks.studies.session import Session

SMALLEST = 125
#: So noisy is a shared machine: a number that failed is tried once more.
_TRIES = 2


def run(
    session: Session, world: str, servers: Sequence[str], limit: int, delta_bytes: int
) -> dict[str, int]:
    """Return server → the median, over the repeats, of the largest number that held."""
    found: dict[str, list[int]] = {}
    for number in range(session.repeats):
        for contender in chosen(servers):
            session.say(f"search {number + 1} of {session.repeats}: {contender.name}")
            largest = _search(session, contender, world, limit, delta_bytes)
            if contender.name not in session.missing:
                found.setdefault(contender.name, []).append(largest)
                session.say(f"{contender.name} held {largest}")
    return {name: round(statistics.median(numbers)) for name, numbers in found.items()}


def _search(
    session: Session, contender: Contender, world: str, limit: int, delta_bytes: int
) -> int:
    held: dict[int, bool] = {}
    while (players := largest_that_holds(SMALLEST, limit, held)) is not None:
        held[players] = any(
            _holds(session, contender, world, players, delta_bytes) for _ in range(_TRIES)
        )
    return max((n for n, ok in held.items() if ok), default=0)


def _holds(
    session: Session, contender: Contender, world: str, players: int, delta_bytes: int
) -> bool:
    setting = Setting(world=world, players=players, delta_bytes=delta_bytes)
    record = session.measure("capacity", contender, setting, session.load(players))
    if record is None:
        return False
    if not record.valid:
        session.say("this number says nothing about the server: the load generator was too slow")
    return record.valid and record.held
