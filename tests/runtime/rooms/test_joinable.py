"""The index of rooms that can be joined, beside a search of all rooms."""

from __future__ import annotations

from typing import Any

import attrs
import hypothesis.strategies as st
from hypothesis import given
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gameserver.runtime.rooms.joinable import JoinableRooms, Key

NAMES = ("mode", "level")
MODES, LEVELS = st.sampled_from(["a", "b", "c"]), st.integers(0, 2)
WANTED = st.fixed_dictionaries({}, optional={"mode": MODES, "level": LEVELS})


@attrs.define(eq=False)
class Some:
    serial: int
    filter_values: Key | None


class Rooms(RuleBasedStateMachine):
    """Rooms come, go and change; what opens again is noted, what closes need not be."""

    def __init__(self) -> None:
        super().__init__()
        self.index = JoinableRooms[Some](NAMES)
        self.rooms: list[Some] = []
        self.made = 0

    @rule(mode=MODES, level=LEVELS)
    def make(self, mode: str, level: int) -> None:
        self.made += 1
        room = Some(self.made, (mode, level))
        self.rooms.append(room)
        self.index.note(room)

    @rule(number=st.integers(0, 99))
    def close(self, number: int) -> None:
        if self.rooms:
            self.rooms[number % len(self.rooms)].filter_values = None

    @rule(number=st.integers(0, 99), mode=MODES, level=LEVELS)
    def change(self, number: int, mode: str, level: int) -> None:
        if self.rooms:
            room = self.rooms[number % len(self.rooms)]
            room.filter_values = (mode, level)
            self.index.note(room)

    @rule(number=st.integers(0, 99))
    def end(self, number: int) -> None:
        if self.rooms:
            self.index.forget(self.rooms.pop(number % len(self.rooms)))

    @rule(wanted=WANTED, passed_over=st.sets(st.integers(1, 5), max_size=3))
    def find(self, wanted: dict[str, Any], passed_over: set[int]) -> None:
        fitting = [
            room
            for room in self.rooms
            if room.filter_values is not None
            and room.serial not in passed_over
            and all(room.filter_values[NAMES.index(n)] == v for n, v in wanted.items())
        ]
        assert self.index.find(wanted, passed_over) is (fitting[0] if fitting else None)

    @invariant()
    def nothing_is_kept_of_rooms_that_ended(self) -> None:
        assert len(self.index) <= len(self.rooms)


TestRooms = Rooms.TestCase


@given(st.integers(0, 50))
def test_without_filters_the_oldest_room_comes_first(count: int) -> None:
    index = JoinableRooms[Some](())
    for serial in range(count):
        index.note(Some(serial, ()))
    found = index.find({})
    assert (None if found is None else found.serial) == (0 if count else None)
