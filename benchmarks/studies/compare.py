"""``compare``: every server on the same worlds, interleaved, as CPU per delivered delta."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.machine import BenchmarkError
from benchmarks.records import Record
from benchmarks.servers import CONTENDERS, OURSELVES, Contender, Setting
from benchmarks.studies.session import Session

#: Bytes that the floor writes where our server was not measured before it.
_USUAL_BYTES = 100
#: A server below this share of the tick rate is not asked to hold more players.
_HOPELESS = 0.5


def chosen(names: Sequence[str]) -> list[Contender]:
    """Return the contenders of these names, all if there are none, ourselves first."""
    wanted = names or list(CONTENDERS)
    for name in wanted:
        if name not in CONTENDERS:
            raise BenchmarkError(f"there is no server {name}; there are {', '.join(CONTENDERS)}")
    return [contender for name, contender in CONTENDERS.items() if name in wanted]


def having(world: str, names: Sequence[str]) -> list[Contender]:
    """Return the chosen contenders that have this world."""
    found = [contender for contender in chosen(names) if world in contender.worlds]
    if not found:
        raise BenchmarkError(f"none of these servers has the world {world}")
    return found


def run(
    session: Session, world: str, players: Sequence[int], servers: Sequence[str]
) -> list[Record]:
    """Measure all servers once a round, so that what drifts meets all alike."""
    found: list[Record] = []
    hopeless: set[str] = set()
    for count in players:
        contenders = [c for c in having(world, servers) if c.name not in hopeless]
        for number in range(session.repeats):
            session.say(f"{world}, {count} players, round {number + 1} of {session.repeats}")
            found += _round(session, world, count, contenders)
        for contender in contenders:
            hz = [r.hz for r in found if r.server == contender.name and r.players == count]
            if hz and max(hz) < _HOPELESS * 20:
                hopeless.add(contender.name)
                session.say(f"{contender.name} fell to {max(hz):.1f} Hz: not asked to hold more")
    return found


def _round(
    session: Session, world: str, count: int, contenders: Sequence[Contender]
) -> list[Record]:
    found = []
    delta_bytes = _USUAL_BYTES
    for contender in contenders:
        setting = Setting(world=world, players=count, delta_bytes=delta_bytes)
        record = session.measure("compare", contender, setting, session.load_of(world, count))
        if record is not None:
            found.append(record)
            if contender is OURSELVES:
                delta_bytes = round(record.bytes_per_delta)
    return found
