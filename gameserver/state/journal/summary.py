"""The summary of a journal, made without the game: players, durations, and counts of events.

Owns the counting; never plays a record.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import attrs

from gameserver.simulation.recording import (
    Commanded,
    Dropped,
    Joined,
    Left,
    Published,
    Resumed,
    Said,
    Stepped,
)
from gameserver.state.journal.records import (
    Check,
    Disagreed,
    Ended,
    Header,
    KeyFrame,
    Record,
)


@attrs.define
class Stay:
    """A player's time in the room, in ticks; ``left_tick`` is None if it was there to the end."""

    seat: int
    name: str
    joined_tick: int
    left_tick: int | None = None
    reason: str = ""
    commands: int = 0
    drops: int = 0


@attrs.define
class Summary:
    """Counts of a journal.  ``events`` are the game's, by class name, with the ticks of each."""

    header: Header
    first_tick: int = 0
    last_tick: int = 0
    ticks: int = 0
    ticks_dropped: int = 0
    records: int = 1
    key_frames: list[int] = attrs.field(factory=list)
    checks: int = 0
    texts: int = 0
    stays: list[Stay] = attrs.field(factory=list)
    events: dict[str, list[int]] = attrs.field(factory=dict)
    disagreements: list[Disagreed] = attrs.field(factory=list)
    #: Why the room ended; None: the journal does not say.
    ended: str | None = None

    @property
    def length_s(self) -> float:
        """The length of the journal, in game time."""
        return (self.last_tick - self.first_tick) / self.header.tick_rate

    def counts(self) -> Counter[str]:
        """Return how many events there were of each class."""
        return Counter({name: len(ticks) for name, ticks in self.events.items()})


def summarise(header: Header, records: Iterable[Record]) -> Summary:
    """Count the records that follow ``header``."""
    summary = Summary(header)
    names = _event_names(header)
    present: dict[int, Stay] = {}
    tick = 0
    for record in records:
        summary.records += 1
        match record:
            case KeyFrame(tick):
                if not summary.key_frames:
                    summary.first_tick = summary.last_tick = tick
                summary.key_frames.append(tick)
            case Check():
                summary.checks += 1
            case Stepped(tick):
                summary.ticks += 1
                summary.ticks_dropped += tick - summary.last_tick - 1
                summary.last_tick = tick
            case Published(_, events):
                for kind in events:
                    name = names[kind] if kind < len(names) else f"event {kind}"
                    summary.events.setdefault(name, []).append(record.tick)
            case Joined(seat, name):
                present[seat] = Stay(seat, name, tick)
                summary.stays.append(present[seat])
            case Left(seat, reason):
                if (stay := present.pop(seat, None)) is not None:
                    stay.left_tick, stay.reason = tick, reason
            case Commanded(seat):
                if seat in present:
                    present[seat].commands += 1
            case Dropped(seat):
                if seat in present:
                    present[seat].drops += 1
            case Said():
                summary.texts += 1
            case Disagreed():
                summary.disagreements.append(record)
            case Ended(_, reason):
                summary.ended = reason
            case Resumed():
                pass
    return summary


def _event_names(header: Header) -> list[str]:
    try:
        return [str(name) for name, _ in header.schema[2]]
    except (TypeError, ValueError, LookupError):
        return []
