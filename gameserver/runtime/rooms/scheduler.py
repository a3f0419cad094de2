"""When the rooms of a server tick: one scheduler for all of them.

Owns the deadlines of all rooms, the phases that spread their work over the interval, and the order
in which rooms that are due get their turn.  Never knows what a tick does, and never waits within
one: a room is ticked by a plain call, so a tick costs no task switch, no timer and no cancel scope.

Rules that everything here keeps:

- Rooms are ticked in the order of their deadlines.  In one round each room that is due ticks once,
  so a room that is behind catches up between the ticks of the others and not instead of them.
- The numbers of a round's ticks are decided at its beginning, before commands are read, so every
  command is judged by the tick that it will meet.
- Other tasks get their turn after each round, and within a round after ``LONGEST_TURN_S``.
- Rooms of one rate tick in *slots*, which divide the interval evenly.  A new room takes the slot
  with the least work.  A room that moves to another slot glides there, later by at most ``GLIDE_S``
  a tick, which clients cannot tell from jitter.
- A room at slower time has deadlines of its own and is in no slot until it is back at full speed.
"""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Callable
from typing import Final, TypeAlias

import trio

from gameserver.protocol.tempo import Tempo
from gameserver.runtime.rooms.schedule import Schedule

#: About how far apart slots are: few enough to share wake-ups, enough to spread the work.
SLOT_S: Final = 0.005
#: How long rooms are ticked without a checkpoint.
LONGEST_TURN_S: Final = 0.005
#: By how much a room that changes its slot is later at each tick.
GLIDE_S: Final = 0.0005
#: Ticks that a room missed while it was handed over are caught up if they are not older.
CAUGHT_UP_S: Final = 1.0
#: How often the slots are compared, and how many rooms of one rate may move each time.
BALANCE_EVERY_S: Final = 1.0
MOST_MOVES: Final = 8
#: The least difference between two slots that is worth a move.
WORTH_MOVING_S: Final = 0.001
#: The estimated work of a tick that has not been measured, and the least that is ever assumed.
LEAST_WORK_S: Final = 0.000_02
#: The weight of the newest tick in the average of a room's work.
NEWEST_WEIGHT: Final = 1 / 16

#: Gets the number of a tick, when it begins, and how long after its deadline that is, in seconds.
#: Returns when it ended.  Must not raise.
Tick: TypeAlias = Callable[[int, float, float], float]
#: Called with the number of a tick that does not follow the last one, before its commands are read.
Expect: TypeAlias = Callable[[int], None]


def _tick_nothing(_number: int, begun_s: float, _lateness_s: float) -> float:
    """Do nothing: the tick of a room that was removed."""
    return begun_s


def _expect_nothing(_number: int) -> None:
    """Expect nothing: for a room that was removed."""


class ScheduledRoom:
    """The place of one room in the scheduler; ``schedule`` says which of its ticks is due when."""

    __slots__ = (
        "deadline_s",
        "expect",
        "glide_s",
        "number",
        "reading_s",
        "removed",
        "schedule",
        "serial",
        "slot",
        "tick",
        "work_s",
    )

    def __init__(self, serial: int, schedule: Schedule, tick: Tick, expect: Expect) -> None:
        #: Settles ties between rooms that are due at the same time.
        self.serial: Final = serial
        self.schedule: Final = schedule
        self.tick = tick
        self.expect = expect
        #: None while the room is at slower time.
        self.slot: int | None = None
        #: How much later the deadlines are yet to become, until the room is in its slot.
        self.glide_s = 0.0
        #: How long its ticks take, averaged, without reading.
        self.work_s = LEAST_WORK_S
        #: Its share of the time for which links were read before the present round.
        self.reading_s = 0.0
        #: The tick of the newest round, and its deadline: of the first tick dropped, after a jump.
        self.number = -1
        self.deadline_s = 0.0
        self.removed = False


class Slots:
    """The slots of the rooms of one rate.  Slot 0 of every rate begins at time 0.  Pure."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        count = max(1, int(1 / rate / SLOT_S))
        self.rooms: list[dict[ScheduledRoom, None]] = [{} for _ in range(count)]
        #: The work in each slot as of the last ``balance``, with what came and went since.
        self._loads = [0.0] * count
        self._typical_s = LEAST_WORK_S

    def __len__(self) -> int:
        return sum(map(len, self.rooms))

    @property
    def width_s(self) -> float:
        """How far apart two slots are."""
        return 1 / self._rate / len(self.rooms)

    def lightest(self) -> int:
        """Return the slot with the least work."""
        return self._loads.index(min(self._loads))

    def put(self, room: ScheduledRoom, slot: int) -> None:
        """Count ``room``, which is in no slot, in ``slot``."""
        room.slot = slot
        self.rooms[slot][room] = None
        self._loads[slot] += self._typical_s

    def take_out(self, room: ScheduledRoom) -> None:
        """Count ``room`` in no slot; idempotent."""
        if room.slot is not None:
            del self.rooms[room.slot][room]
            self._loads[room.slot] -= self._typical_s
            room.slot = None

    def start_s(self, slot: int, now_s: float) -> float:
        """Return the last time up to ``now_s`` that lies in ``slot``: tick 0 of a new room."""
        first_s = slot * self.width_s
        return first_s + math.floor((now_s - first_s) * self._rate) / self._rate

    def glide_s(self, slot: int, deadline_s: float) -> float:
        """Return by how much a ``deadline_s`` must become later to lie in ``slot``."""
        return (slot * self.width_s - deadline_s) % (1 / self._rate)

    def balance(self) -> None:
        """Move rooms from the slots with the most work to those with the least, where worth it."""
        loads = self._loads = [sum([r.work_s for r in rooms]) for rooms in self.rooms]
        if count := len(self):
            self._typical_s = sum(loads) / count
        for _ in range(MOST_MOVES):
            most, least = loads.index(max(loads)), loads.index(min(loads))
            gap_s = loads[most] - loads[least]
            if gap_s < WORTH_MOVING_S:
                return
            # Moving more than half of the difference would only turn it round.
            movable = [r for r in self.rooms[most] if r.work_s <= gap_s / 2 and not r.glide_s]
            if not movable:
                return
            room = max(movable, key=lambda r: r.work_s)
            del self.rooms[most][room]
            self.rooms[least][room] = None
            room.slot = least
            room.glide_s = (least - most) % len(self.rooms) * self.width_s
            loads[most] -= room.work_s
            loads[least] += room.work_s


class TickScheduler:
    """Ticks all rooms of a server; ``read`` is called before each round and reads their links."""

    def __init__(self, read: Callable[[], None] | None = None) -> None:
        self._read = read
        #: (deadline, serial number, room), sorted.  Nearly all rooms have the same rate, so a room
        #: that has ticked nearly always belongs at the end; a heap would compare it with many.
        self._due: list[tuple[float, int, ScheduledRoom]] = []
        self._newest_serial = 0
        self._slots: dict[float, Slots] = {}
        self._sleep = trio.CancelScope()
        self._balanced_s = -math.inf
        self._count = 0
        #: Rounds run so far; a round ticks at least one room.
        self.rounds = 0
        #: How long all rounds took, their ticks, and those of them that began a whole tick late.
        self.busy_s = 0.0
        self.ticks = 0
        self.late_ticks = 0

    def __len__(self) -> int:
        return self._count

    def add(
        self,
        rate: float,
        tick: Tick,
        expect: Expect,
        tempo: Tempo | None = None,
        after_tick: int = 0,
        deadline_s: float | None = None,
    ) -> ScheduledRoom:
        """Tick a room ``rate`` times a second from its slot's next time on.

        ``after_tick``: the last tick that the room has played already.  ``deadline_s``: when its
        next tick was due before the room was handed over.  The ticks that it missed meanwhile, up
        to ``CAUGHT_UP_S``, are then played at once, so that no input for them is lost.
        """
        slots = self._slots.get(rate)
        if slots is None:
            slots = self._slots[rate] = Slots(rate)
        slot = slots.lightest()
        schedule = Schedule(rate, slots.start_s(slot, trio.current_time()), tempo, after_tick)
        self._newest_serial += 1
        room = ScheduledRoom(self._newest_serial, schedule, tick, expect)
        if deadline_s is not None:
            late_ticks = (trio.current_time() - deadline_s) * rate
            schedule.go_on(deadline_s, max(0, math.ceil(min(late_ticks, rate * CAUGHT_UP_S))))
            room.glide_s = slots.glide_s(slot, schedule.next_deadline_s)
        slots.put(room, slot)
        if schedule.tempo.pace != 1.0:
            self.pace_changed(room)
        self._count += 1
        self._push(room)
        if schedule.next_deadline_s < self._sleep.deadline:
            self._sleep.deadline = schedule.next_deadline_s
        return room

    def remove(self, room: ScheduledRoom) -> None:
        """Tick ``room`` no more; idempotent, also within its own tick."""
        if room.removed:
            return
        room.removed = True
        # Its entry among those due is dropped when it comes up, which must not keep the room alive.
        room.tick, room.expect = _tick_nothing, _expect_nothing
        self._count -= 1
        rate = room.schedule.rate
        if (slots := self._slots.get(rate)) is not None:
            slots.take_out(room)
            if not slots:
                del self._slots[rate]

    def pace_changed(self, room: ScheduledRoom) -> None:
        """Note that the tempo of ``room`` has got a bend: at slower time it leaves its slot."""
        schedule = room.schedule
        slots = self._slots.get(schedule.rate)
        if slots is None:
            slots = self._slots[schedule.rate] = Slots(schedule.rate)
        if schedule.tempo.pace != 1.0:
            slots.take_out(room)
            room.glide_s = 0.0
        elif room.slot is None:
            slot = slots.lightest()
            slots.put(room, slot)
            # All ticks from the newest bend on are whole intervals apart.
            bent_s = schedule.deadline_s(schedule.tempo.newest_bend)
            room.glide_s = slots.glide_s(slot, bent_s)

    def _push(self, room: ScheduledRoom) -> None:
        due, entry = self._due, (room.schedule.next_deadline_s, room.serial, room)
        if due and entry < due[-1]:
            insort(due, entry)
        else:
            due.append(entry)

    async def run(self) -> None:
        """Tick rooms when they are due, for ever."""
        while True:
            next_s = self._due[0][0] if self._due else math.inf
            with trio.CancelScope(deadline=next_s) as self._sleep:
                # A checkpoint in any case: else an overloaded server would do nothing but tick.
                await trio.sleep_forever()
            due = self._take_due(trio.current_time())
            if due:
                await self._round(due)

    def _take_due(self, now_s: float) -> list[ScheduledRoom]:
        """Return the rooms that are due, in order, with the numbers of their ticks."""
        due: list[ScheduledRoom] = []
        count = 0
        for deadline_s, _, room in self._due:
            if deadline_s > now_s:
                break
            count += 1
            if room.removed:
                continue
            number = room.schedule.take(now_s)
            assert number is not None, "the entries have the deadlines of the schedules"
            if number != room.number + 1:  # the first, or some were dropped
                room.expect(number)
            room.number = number
            room.deadline_s = deadline_s
            due.append(room)
        del self._due[:count]
        return due

    async def _round(self, due: list[ScheduledRoom]) -> None:
        self.rounds += 1
        self.ticks += len(due)
        read_s = trio.current_time()
        if self._read is not None:
            self._read_links(self._read, due)
        begun_s = turn_s = trio.current_time()
        self.busy_s += begun_s - read_s
        for room in due:
            if room.removed:
                continue
            lateness_s = begun_s - room.deadline_s
            if lateness_s * room.schedule.rate > 1:
                self.late_ticks += 1
            tick = room.tick  # fetched apart: a call of an attribute that is no method costs more
            ended_s = tick(room.number, begun_s, lateness_s)
            work_s = ended_s - begun_s
            if work_s < LEAST_WORK_S:
                work_s = LEAST_WORK_S
            room.work_s += NEWEST_WEIGHT * (work_s - room.work_s)
            if not room.removed:
                if room.glide_s:
                    later_s = min(room.glide_s, GLIDE_S)
                    room.glide_s -= later_s
                    room.schedule.shift(later_s)
                self._push(room)
            begun_s = ended_s
            if ended_s - turn_s > LONGEST_TURN_S:
                self.busy_s += ended_s - turn_s
                await trio.lowlevel.checkpoint()
                begun_s = turn_s = trio.current_time()
        self.busy_s += begun_s - turn_s
        if begun_s - self._balanced_s >= BALANCE_EVERY_S:
            self._balanced_s = begun_s
            for slots in self._slots.values():
                slots.balance()

    def _read_links(self, read: Callable[[], None], due: list[ScheduledRoom]) -> None:
        """Read all links, and charge the time to the rooms, in proportion to their work."""
        begun_s = trio.current_time()
        read()
        share = (trio.current_time() - begun_s) / sum([room.work_s for room in due])
        for room in due:
            room.reading_s = share * room.work_s
