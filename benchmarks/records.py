"""Results of measurements: one ``Record`` each, kept as lines of JSON.

Owns the fields of a result, what is derived from them, and the file.  Pure but for ``append``
and ``load``.
"""

from __future__ import annotations

import json
import pathlib
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import attrs

#: A server holds its rate if it delivers this share of the deltas and p99 of the intervals between
#: two deltas stays under one tick and a half.  A timer that sets itself anew after each tick, as in
#: Node's setInterval, loses a few per cent without being overloaded.
HELD_SHARE: Final = 0.95
HELD_P99_TICKS: Final = 1.5


def _texts(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(texts)


@attrs.frozen(kw_only=True)
class Record:
    """One server, one world, one number of players, one window."""

    study: str
    server: str
    world: str
    players: int
    tick_rate: int = 20
    seconds: float
    #: CPU seconds of the server in the window.
    cpu_s: float
    #: For so long the server's core was another machine's: no CPU time, but late.
    stolen_s: float = 0.0
    rss_bytes: int
    #: Resident memory before anyone joined.
    rss_empty_bytes: int = 0
    deltas: int
    delta_bytes: int
    #: Deltas of those who came and went beside the players, and who of them was turned away or
    #: dropped.
    passing_deltas: int = 0
    not_passed: int = 0
    #: Milliseconds: between two deltas of a client.
    interval_p50_ms: float
    interval_p99_ms: float
    interval_p999_ms: float
    interval_max_ms: float
    #: Players still connected at the end, and how fast they joined.
    playing: int
    joins_per_s: float
    load_cpu_share: float
    #: Why this result cannot be believed.
    complaints: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    #: Further figures of the study.
    more: Mapping[str, Any] = attrs.field(factory=dict)
    machine: Mapping[str, Any] = attrs.field(factory=dict)
    when: str = ""

    @property
    def valid(self) -> bool:
        """Whether the load generator kept up."""
        return not self.complaints

    @property
    def cpu_per_delta_us(self) -> float:
        """Microseconds of CPU per delivered delta; infinite if none was delivered."""
        delivered = self.deltas + self.passing_deltas
        return self.cpu_s / delivered * 1e6 if delivered else float("inf")

    @property
    def cpu_share(self) -> float:
        """The share of a core that the server used."""
        return self.cpu_s / self.seconds

    @property
    def stolen(self) -> float:
        """The share of the window in which the host had the server's core for somebody else."""
        return self.stolen_s / self.seconds

    @property
    def hz(self) -> float:
        """Deltas per second and player."""
        return self.deltas / self.seconds / max(self.playing, 1)

    @property
    def bytes_per_delta(self) -> float:
        """Bytes of a delta without its frame header."""
        return self.delta_bytes / self.deltas if self.deltas else 0.0

    @property
    def rss_per_player_bytes(self) -> float:
        """Resident memory that came with the players, for each of them."""
        return (self.rss_bytes - self.rss_empty_bytes) / max(self.playing, 1)

    @property
    def in_full(self) -> bool:
        """Whether deltas came at the tick rate; else CPU is that of another amount of work."""
        return self.hz >= HELD_SHARE * self.tick_rate

    @property
    def held(self) -> bool:
        """Whether everyone joined, stayed or left in peace, and got deltas at the tick rate."""
        return (
            self.playing == self.players
            and not self.not_passed
            and self.in_full
            and self.interval_p99_ms < HELD_P99_TICKS * 1000 / self.tick_rate
        )


@attrs.frozen
class Largest:
    """The largest number of players that a search found to hold.

    ``at_least``: the server might hold more; the limit of the search, or the load generator, was
    reached first.
    """

    players: int
    at_least: bool


def median_of(records: Sequence[Record], value: Callable[[Record], float]) -> float:
    """Return the median of a value over the valid records; NaN if there is none."""
    values = [value(record) for record in records if record.valid]
    return statistics.median(values) if values else float("nan")


def grouped(records: Iterable[Record]) -> dict[tuple[str, str, int], list[Record]]:
    """Return world, server and players → the records of the repeats, in the order seen."""
    groups: dict[tuple[str, str, int], list[Record]] = {}
    for record in records:
        groups.setdefault((record.world, record.server, record.players), []).append(record)
    return groups


def append(file: pathlib.Path, record: attrs.AttrsInstance) -> None:
    """Add one line: a ``Record``, or one of another study, which has a ``study`` as well."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as out:
        out.write(json.dumps(attrs.asdict(record)) + "\n")


def load(file: pathlib.Path, study: str | None = None) -> list[Record]:
    """Return the records of a file, of one study or all; fields of other versions are left out."""
    known = {field.name for field in attrs.fields(Record)}
    records = []
    for line in file.read_text().splitlines():
        values = {k: v for k, v in json.loads(line).items() if k in known}
        if study is None or values["study"] == study:
            records.append(Record(**values))
    return records
