"""The figures of all rooms of a kind, for the metrics.

Owns adding up the counts of many rooms, and the choice of the rooms whose percentiles are shown.
Counts nothing itself: each room does.
"""

from __future__ import annotations

import heapq
from collections.abc import Generator, Iterator, Sequence
from typing import Final

from gameserver.ops.metrics import STAGES, KindFigures, total
from gameserver.replication.knowledge import UP_TO_DATE
from gameserver.runtime.rooms.latency_budget import InputStages
from gameserver.runtime.rooms.lobby import Lobby
from gameserver.runtime.rooms.room_task import RoomTask
from gameserver.runtime.rooms.schedule import Percentiles
from gameserver.simulation.stepper import Seated

#: So many rooms are counted before the other tasks get their turn.
ROOMS_PER_TURN: Final = 50
#: Of how many rooms of a kind the windows are sorted for percentiles, and the players examined.
ROOMS_SORTED: Final = 32


def kind_figures(lobby: Lobby, kind: str) -> Generator[None, None, KindFigures]:
    """Return the figures of a kind; yields where other tasks may have their turn.

    Percentiles come from the rooms with the most work: sorting the windows of all rooms would
    take seconds where there are thousands.
    """
    tasks = [task for of, task in lobby.rooms if of == kind]
    counted = lobby.past[kind]
    for start in range(0, len(tasks), ROOMS_PER_TURN):
        portion = tasks[start : start + ROOMS_PER_TURN]
        counted = total(counted, [task.tally() for task in portion])
        yield
    statistics, stages = [], []
    round_trips: list[float] = []
    behind = 0
    for task in heapq.nlargest(ROOMS_SORTED, tasks, key=RoomTask.mean_work_s):
        if (of_ticks := task.statistics()) is not None:
            statistics.append(of_ticks)
        if task.room.input:
            stages.append(task.input_stages())
        round_trips += round_trips_in(task)
        behind += sum(1 for _ in behind_in(task))
        yield
    return KindFigures(
        rooms=len(tasks),
        players=sum(len(task.room.players) for task in tasks),
        total=counted,
        work_s=_worst([s.work_s for s in statistics]),
        lateness_s=_worst([s.lateness_s for s in statistics]),
        stages_s=_worst_stages(stages),
        overload_level=max((task.ladder.step.level for task in tasks), default=0),
        pace=min((task.pace.share for task in tasks), default=1.0),
        rtt_s=_worst([Percentiles.of(round_trips)] if round_trips else []),
        behind=behind,
    )


def round_trips_in(task: RoomTask) -> list[float]:
    """Return the smoothed round trips of the players of a room, where they are known."""
    times = [player.latency.smoothed_s for player in task.room.players.values()]
    return [rtt_s for rtt_s in times if rtt_s is not None]


def behind_in(task: RoomTask) -> Iterator[Seated]:
    """Yield the players of a room whose links do not take what the room sends."""
    for seated in task.stepper.seated.values():
        seat = seated.seat
        if seat.posted_tick >= 0 and seat.knowledge is not UP_TO_DATE:
            yield seated


def _worst_stages(rooms: Sequence[InputStages]) -> dict[str, dict[float, float]]:
    """Return stage → quantile → the worst of the rooms; empty if there is no room."""
    if not rooms:
        return {}
    return {stage: _worst([getattr(room, f"{stage}_s") for room in rooms]) for stage in STAGES}


def _worst(rooms: Sequence[Percentiles]) -> dict[float, float]:
    """Return quantile → the worst of the rooms; empty if there is no room."""
    if not rooms:
        return {}
    return {
        0.5: max(room.p50 for room in rooms),
        0.99: max(room.p99 for room in rooms),
        1.0: max(room.max for room in rooms),
    }
