"""``compare``: every server on the same worlds, interleaved, as CPU per delivered delta."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.records import Record
from benchmarks.servers import CONTENDERS, OURSELVES, Contender, Setting
from benchmarks.studies.session import Session

#: What the floor writes where we were not measured before it.
_USUAL_BYTES = 100
#: A server below this share of the tick rate is not asked to hold more players.
_HOPELESS = 0.5


def chosen(names: Sequence[str]) -> list[Contender]:
    """Return the contenders of these names, all if there are none, ourselves first."""
    wanted = names or list(CONTENDERS)
    return [contender for name, contender in CONTENDERS.items() if name in wanted]


def run(
    session: Session, world: str, players: Sequence[int], servers: Sequence[str]
) -> list[Record]:
    """Measure all servers once a round, so that what drifts meets all alike."""
    found: list[Record] = []
    hopeless: set[str] = set()
    for count in players:
        contenders = [c for c in chosen(servers) if world in c.worlds and c.name not in hopeless]
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
        record = session.measure("compare", contender, setting, session.load(count))
        if record is not None:
            found.append(record)
            if contender is OURSELVES:
                delta_bytes = round(record.bytes_per_delta)
    return found
