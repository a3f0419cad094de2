"""``growth``: how CPU grows with players, and with entities that nobody steers."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.fit import Line, fit_line
from benchmarks.records import Record
from benchmarks.servers import OURSELVES, Setting
from benchmarks.studies.session import Session


def run_players(session: Session, players: Sequence[int]) -> list[Record]:
    """Measure the big world with these numbers of players."""
    found = [
        session.measure(
            "growth", OURSELVES, Setting(world="bigworld", players=count), session.load(count)
        )
        for _ in range(session.repeats)
        for count in players
    ]
    return [record for record in found if record is not None]


def run_entities(session: Session, players: int, entities: Sequence[int]) -> list[Record]:
    """Measure the big world with a number of players and these numbers of other movers."""
    found = [
        session.measure(
            "growth-entities",
            OURSELVES,
            Setting(world="bigworld", players=players, entities=count),
            session.load(players),
            more={"entities": count},
        )
        for _ in range(session.repeats)
        for count in entities
    ]
    return [record for record in found if record is not None]


def fit_players(records: Sequence[Record]) -> Line | None:
    """Return the line of CPU (milliseconds a tick) against players; None if too few held."""
    return _fit(records, [float(record.players) for record in records])


def fit_entities(records: Sequence[Record]) -> Line | None:
    """Return the line of CPU (milliseconds a tick) against entities; None if too few held."""
    return _fit(records, [float(record.more["entities"]) for record in records])


def _fit(records: Sequence[Record], xs: Sequence[float]) -> Line | None:
    """Fit the records that delivered everything, because an overloaded room does less."""
    points = [
        (x, record.cpu_share / record.tick_rate * 1000)
        for x, record in zip(xs, records, strict=True)
        if record.valid and record.in_full
    ]
    if len({x for x, _ in points}) < 2:
        return None
    return fit_line([x for x, _ in points], [y for _, y in points])
