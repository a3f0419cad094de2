"""The overload ladder of a whole server, for many rooms that together are too much.

Owns the decision, once a second, from what the scheduler has counted.  Pure: the caller reports,
and the rooms carry out what is demanded of them (``room_task.py``).

A room that is too heavy for itself climbs its own ladder (``overload.py``), and the server waits
for that.  If many rooms together do not fit, the server first makes no new rooms, then has rooms
climb their ladders by a step, and takes all that back in the opposite order.  Rooms at the lowest
step are next, the heaviest of them first, so no room takes a second step before every other room
has taken its first.

The server is overloaded in a second in which more than ``LATE_SHARE`` of the ticks begin a whole
tick late and ticks take more than ``BUSY_SHARE`` of the time, without the time in which the server
waited for a core: giving something up would not bring it the core.  Two such seconds in a row
cannot be one blocking hook or one garbage collection.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol

import structlog

log = structlog.get_logger(__name__)

#: The length of a window, and so the shortest time between two decisions.
WINDOW_S: Final = 1.0
#: The server is overloaded in a window with more late ticks and more work than this.
LATE_SHARE: Final = 0.1
BUSY_SHARE: Final = 0.75
#: Windows in a row that are overloaded before something is given up.
HIGH_WINDOWS: Final = 2
#: Windows for which the server waits after a room has taken a step by itself.
SETTLING_WINDOWS: Final = 5
#: A measure is taken back after ``LOW_WINDOWS`` windows in a row with a lower share of work.
LOW_BUSY_SHARE: Final = 0.5
LOW_WINDOWS: Final = 5
#: The share of all work whose rooms are asked to give something up in one window, or get it back.
GIVING_SHARE: Final = 1 / 4
RESTORED_SHARE: Final = 1 / 8
#: A room with less than this share of the average load could give up nothing that helps.
WORTH_ASKING: Final = 0.1


class LoadedRoom(Protocol):
    """A room as the server's ladder sees it."""

    @property
    def given_up(self) -> int:
        """How many steps of its ladder the room stands at."""

    @property
    def can_give(self) -> bool:
        """Whether there is another step."""

    @property
    def demanded(self) -> int:
        """At which step the server wants it to stand, at least."""

    @property
    def own_steps(self) -> int:
        """How many steps up it has ever taken by itself."""

    @property
    def load(self) -> float:
        """How long its ticks take, as a share of the time."""

    def demand(self, steps: int) -> None:
        """Stand at this step at least."""


class ServerOverload:
    """The ladder of the server whose rooms are ``add``ed."""

    def __init__(self) -> None:
        #: Whether no room may be made at present.
        self.no_new_rooms = False
        #: The rooms that refuse joins; while there are any, no room may be made.
        self.refusing: Final[set[LoadedRoom]] = set()
        #: Steps up that the server has taken.
        self.steps = 0
        self._rooms: dict[LoadedRoom, None] = {}
        self._seen = (0.0, 0.0, 0, 0)
        self._own_steps = 0
        self._high_windows = self._low_windows = self._settling_windows = 0

    def add(self, room: LoadedRoom) -> None:
        """Let ``room`` give something up from now on."""
        self._rooms[room] = None

    def remove(self, room: LoadedRoom) -> None:
        """Note that ``room`` has ended; idempotent."""
        self._rooms.pop(room, None)
        self.refusing.discard(room)

    def note_refusing(self, room: LoadedRoom, *, refuses: bool) -> None:
        """Note whether ``room`` refuses joins at its present step."""
        if refuses:
            self.refusing.add(room)
        else:
            self.refusing.discard(room)

    @property
    def rooms_demanded(self) -> int:
        """How many rooms stand at a step because of the others."""
        return sum([room.demanded > 0 for room in self._rooms])

    def look(
        self, now_s: float, busy_s: float, ticks: int, late_ticks: int, own_part: float = 1.0
    ) -> None:
        """End a window; the arguments are what the scheduler has counted so far.

        ``own_part`` is the part of the ticks' time that was not spent waiting for a core.
        """
        then_s, busy_then_s, ticks_then, late_then = self._seen
        self._seen = now_s, busy_s, ticks, late_ticks
        busy_share = own_part * (busy_s - busy_then_s) / max(now_s - then_s, WINDOW_S)
        late = late_ticks - late_then > LATE_SHARE * (ticks - ticks_then)
        self._high_windows = self._high_windows + 1 if late and busy_share > BUSY_SHARE else 0
        self._low_windows = self._low_windows + 1 if busy_share < LOW_BUSY_SHARE else 0
        own_steps = sum([room.own_steps for room in self._rooms])
        if own_steps > self._own_steps:
            self._settling_windows = SETTLING_WINDOWS
        self._own_steps = own_steps
        self._settling_windows -= 1
        if self._high_windows >= HIGH_WINDOWS and self._settling_windows <= 0:
            self._high_windows = 0
            self._give_up(busy_share)
        elif self._low_windows >= LOW_WINDOWS:
            self._low_windows = 0
            self._take_back(busy_share)

    def _give_up(self, busy_share: float) -> None:
        if not self.no_new_rooms:
            self.no_new_rooms = True
            self.steps += 1
            log.warning("server overload", does="no new rooms are made", load=round(busy_share, 2))
            return
        worth_asking = WORTH_ASKING * sum([r.load for r in self._rooms]) / max(len(self._rooms), 1)
        able = [room for room in self._rooms if room.can_give and room.load >= worth_asking]
        if not able:
            return
        least = min(room.given_up for room in able)
        heaviest = sorted(able, key=lambda room: (room.given_up, -room.load))
        givers = self._first(heaviest, GIVING_SHARE)
        log.warning(
            "server overload",
            does="rooms climb a step of their overload ladders",
            rooms=len(givers),
            from_step=least,
            load=round(busy_share, 2),
        )
        self.steps += 1
        for room in givers:
            room.demand(room.given_up + 1)

    def _take_back(self, busy_share: float) -> None:
        held = [room for room in self._rooms if room.demanded]
        if held:
            held.sort(key=lambda room: (-room.demanded, room.load))
            for room in self._first(held, RESTORED_SHARE):
                room.demand(room.demanded - 1)
        elif self.no_new_rooms:
            self.no_new_rooms = False
            log.warning("server overload", does="rooms are made again", load=round(busy_share, 2))

    def _first(self, rooms: Iterable[LoadedRoom], share: float) -> list[LoadedRoom]:
        """Return the first rooms that together are this ``share`` of all load; at least one."""
        wanted = share * sum([room.load for room in self._rooms])
        taken: list[LoadedRoom] = []
        for room in rooms:
            taken.append(room)
            wanted -= room.load
            if wanted <= 0:
                break
        return taken
