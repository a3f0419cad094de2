"""The answer of ``/metrics/rooms``: the busiest rooms, their players behind, and slow ticks.

Owns the shape of the answer and its limits.  It is for operators: whoever may read the metrics may
read it.  Never makes or changes a room.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Sequence
from typing import Any, Final

from gameserver.ops.core_time import CoreShare
from gameserver.runtime.http.messages import JSON, Response
from gameserver.runtime.rooms.kind_figures import behind_in
from gameserver.runtime.rooms.room_task import RoomTask
from gameserver.runtime.rooms.slow_ticks import SlowTicks

#: The most rooms in an answer, those with the most work, and the most players behind in each.
MOST_ROOMS: Final = 50
MOST_BEHIND: Final = 10


def load_list(
    tasks: Sequence[RoomTask], slow: SlowTicks, core: CoreShare, now_s: float
) -> Response:
    """Return the answer."""
    busiest = heapq.nlargest(MOST_ROOMS, tasks, key=lambda task: task.load)
    told = {
        "rooms": len(tasks),
        "players": sum(len(task.room.players) for task in tasks),
        "computed": round(core.computed, 4),
        "waited_for_core": round(core.waited, 4),
        "load": round(sum(task.load for task in tasks), 4),
        "busiest": [listed_room(task) for task in busiest],
        "slow_ticks": slow.count,
        "slow": [tick.to_json(now_s) for tick in reversed(slow.kept)],
    }
    return Response(200, JSON, json.dumps(told).encode())


def listed_room(task: RoomTask) -> dict[str, Any]:
    """Return the load of a room, and its players behind."""
    players = list(task.room.players.values())
    behind: list[dict[str, Any]] = []
    for seated in behind_in(task):
        seat, rtt_s = seated.seat, seated.player.latency.smoothed_s
        behind.append(
            {
                "seat": seat.number,
                "name": seated.player.name,
                "ticks": task.room.tick_number - seat.posted_tick,
                "skipped": seat.skipped,
                "rtt_ms": None if rtt_s is None else round(rtt_s * 1e3, 1),
            }
        )
    behind.sort(key=lambda one: -one["ticks"])
    last_s = task.last_work_s
    return {
        "room": task.label,
        "players": len(players),
        "tick_rate": task.room.tick_rate,
        "tick": task.room.tick_number,
        "load": round(task.load, 4),
        "last_ms": None if last_s is None else round(last_s * 1e3, 3),
        "level": int(task.ladder.step.level),
        "pace": task.pace.share,
        "behind": len(behind),
        "who": behind[:MOST_BEHIND],
    }
