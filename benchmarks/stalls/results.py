"""Results of the study of stalls: when the loop stopped, for how long and by what; the table.

Owns the judgement of what a stop is and whose.  Pure.

The work of a tick grows with its players and comes at every tick.  What the ticks of the same room
around it take as well is no stop, but the *regular* work of a room so full: up to half more than
their median, for ticks differ.  A stop is what a turn of the loop took besides.  The time for which
others had the server's core is not the server's own.
"""

from __future__ import annotations

import json
import pathlib
import statistics
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import attrs
import cattrs

from benchmarks.stalls.watch import OF_ROOMS, READ, STEP, Turn
from benchmarks.tables import markdown

#: Stops shorter than this are not told.
SHORTEST_STOP_MS: Final = 5.0
#: The server's own may take no longer than this.
MOST_MS: Final = 10.0
#: How much regular work there may be, by the median of so many ticks.
REGULAR_SHARE: Final = 1.5
TICKS_AROUND: Final = 41
#: A room that ticked less often than this has no regular work.
FEWEST_TICKS: Final = 6
#: Of a stop, at most so many stages are named, if they take this share of it.
_NAMED: Final = 3
_NAMED_SHARE: Final = 0.1


@attrs.frozen
class Stop:
    """A stop of the loop: ``own_ms`` of the server's own, and ``taken_ms`` taken by others.

    ``at_s`` is since the beginning of its ``phase``; ``who`` → own time in ms, the longest first.
    """

    phase: str
    at_s: float
    own_ms: float
    taken_ms: float
    who: Mapping[str, float]


@attrs.frozen
class Phase:
    """Something that happened to the server.

    ``tick_ms``: the median turn with a tick.  ``stolen``: the share of the phase in which the host
    had the server's core for somebody else.
    """

    name: str
    seconds: float
    players: int
    tick_ms: float
    stolen: float
    stops: tuple[Stop, ...]

    @property
    def too_long(self) -> list[Stop]:
        """Stops of the server's own that are longer than wanted."""
        return [stop for stop in self.stops if stop.own_ms > MOST_MS]


@attrs.frozen(kw_only=True)
class StallsRecord:
    """One run of the study."""

    study: str = "stalls"
    phases: tuple[Phase, ...]
    #: Players who did not come in, or not back to their seats.
    not_joined: int
    not_back: int
    machine: Mapping[str, Any] = attrs.field(factory=dict)
    when: str = ""


@attrs.frozen
class Mark:
    """The start of a phase, its players at the end, and the stolen time counted at its start."""

    name: str
    at_s: float
    players: int
    stolen_s: float


def read_turns(file: pathlib.Path) -> list[Turn]:
    """Return the turns that the server wrote."""
    return [cattrs.structure(json.loads(line), Turn) for line in file.read_text().splitlines()]


def phases_of(turns: Sequence[Turn], marks: Sequence[Mark]) -> tuple[Phase, ...]:
    """Return the phases that begin at ``marks``; the last mark is the end."""
    stops = stops_of(turns)
    found = []
    for mark, after in pairwise(marks):
        ticks = [t.took_ms for t in turns if _is_tick(t) and mark.at_s <= t.at_s < after.at_s]
        seconds = after.at_s - mark.at_s
        found.append(
            Phase(
                mark.name,
                seconds,
                mark.players,
                statistics.median(ticks) if ticks else 0.0,
                (after.stolen_s - mark.stolen_s) / seconds,
                tuple(
                    attrs.evolve(stop, phase=mark.name, at_s=stop.at_s - mark.at_s)
                    for stop in stops
                    if mark.at_s <= stop.at_s < after.at_s
                ),
            )
        )
    return tuple(found)


def stops_of(turns: Sequence[Turn]) -> list[Stop]:
    """Return the stops among ``turns``, at absolute times and in no phase."""
    courses = _courses(turns)
    found = []
    for turn in turns:
        if turn.took_ms < SHORTEST_STOP_MS:
            continue
        regular_ms = {
            stage: courses[stage].regular_ms(turn) for stage in turn.stages if _is_regular(stage)
        }
        stop = _stop(turn, regular_ms)
        if stop.own_ms + stop.taken_ms >= SHORTEST_STOP_MS:
            found.append(stop)
    return found


@attrs.define
class _Course:
    """The times of one regular stage on the core, turn by turn."""

    at_s: list[float] = attrs.field(factory=list)
    core_ms: list[float] = attrs.field(factory=list)

    def regular_ms(self, turn: Turn) -> float:
        """Return how long the stage regularly takes around ``turn``."""
        if len(self.at_s) < FEWEST_TICKS:
            return 0.0
        index = bisect_left(self.at_s, turn.at_s)
        half = TICKS_AROUND // 2
        return REGULAR_SHARE * statistics.median(
            self.core_ms[max(0, index - half) : index + half + 1]
        )


def _courses(turns: Iterable[Turn]) -> dict[str, _Course]:
    """Return the regular stages of the turns, which must be in order."""
    found: dict[str, _Course] = {}
    for turn in turns:
        for stage, (_, core_ms) in turn.stages.items():
            if _is_regular(stage):
                course = found.setdefault(stage, _Course())
                course.at_s.append(turn.at_s)
                course.core_ms.append(core_ms)
    return found


def _is_regular(stage: str) -> bool:
    """Whether the stage comes at every tick: the reading, and those of a room."""
    return stage == READ or stage.startswith(OF_ROOMS)


def _is_tick(turn: Turn) -> bool:
    return any(stage.startswith(STEP) for stage in turn.stages)


def _stop(turn: Turn, regular_ms: Mapping[str, float]) -> Stop:
    """Return the time of ``turn`` beyond the regular work, whether or not that is a stop."""
    by_clock = bool(turn.waits)
    who = {
        stage: max(0.0, (wall if by_clock else core) - regular_ms.get(stage, 0.0))
        for stage, (wall, core) in turn.stages.items()
    }
    own_ms = turn.took_ms if by_clock else turn.core_ms
    who["Trio"] = max(0.0, own_ms - sum(w if by_clock else c for w, c in turn.stages.values()))
    longest_first = sorted(who.items(), key=lambda item: -item[1])
    return Stop("", turn.at_s, sum(who.values()), turn.took_ms - own_ms, dict(longest_first))


def named(stop: Stop) -> str:
    """Return who caused a stop, in words."""
    parts = list(stop.who.items())[:_NAMED]
    return ", ".join(
        f"{who} {ms:.1f}" for who, ms in parts if ms >= _NAMED_SHARE * stop.own_ms and ms > 0
    )


def stalls_table(record: StallsRecord) -> str:
    """Return one row per phase."""
    header = ["phase", "players", "s", "tick ms", "stops > 5 ms", "longest own ms", "by"]
    header += [f"own > {MOST_MS:g} ms", "taken by others, longest ms", "stolen"]
    return markdown(header, [_row(phase) for phase in record.phases])


def _row(phase: Phase) -> list[str]:
    own = [stop for stop in phase.stops if stop.own_ms >= SHORTEST_STOP_MS]
    longest = max(own, key=lambda stop: stop.own_ms, default=None)
    taken_ms = max((stop.taken_ms for stop in phase.stops), default=0.0)
    return [
        phase.name,
        str(phase.players),
        f"{phase.seconds:.0f}",
        f"{phase.tick_ms:.1f}",
        str(len(own)),
        "–" if longest is None else f"{longest.own_ms:.1f}",
        "–" if longest is None else named(longest),
        str(len(phase.too_long)),
        f"{taken_ms:.0f}",
        f"{phase.stolen:.0%}",
    ]


def lines_of(record: StallsRecord) -> list[str]:
    """Return one line for each stop of the server's own that is told."""
    return [
        f"{stop.phase}, {stop.at_s:.2f} s: {stop.own_ms:.1f} ms: {named(stop)}"
        for phase in record.phases
        for stop in phase.stops
        if stop.own_ms >= SHORTEST_STOP_MS
    ]


def broken(record: StallsRecord) -> list[str]:
    """Return which promises were not kept, in words."""
    found = [
        f"{len(phase.too_long)} stops over {MOST_MS:g} ms in {phase.name!r}"
        for phase in record.phases
        if phase.too_long
    ]
    if record.not_joined:
        found.append(f"{record.not_joined} could not join")
    if record.not_back:
        found.append(f"{record.not_back} did not get their seats back")
    return found


def load_newest(lines: Iterable[str]) -> StallsRecord | None:
    """Return the newest record of this study among lines of results."""
    found = None
    for line in lines:
        values = json.loads(line)
        if values["study"] == attrs.fields_dict(StallsRecord)["study"].default:
            found = cattrs.structure(values, StallsRecord)
    return found
