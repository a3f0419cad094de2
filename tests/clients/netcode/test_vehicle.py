"""``Vehicle``: the rules that a class which inherits from it need not write."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from clients.netcode.steering import IDLE_REPEAT_TICKS, Vehicle
from gameserver import Room


@attrs.frozen
class Push:
    dx: int = 0


class Sledge(Vehicle[int, Push]):
    kinds, jump_distance, snap_distance = (), 1.0, 1.0

    def state_of(self, entity: Any) -> int | None:
        return int(entity.x)

    def step(self, state: int, command: Push) -> int:
        return state + command.dx


class Pushed(Sledge):
    input = Push


def test_the_last_input_is_repeated_for_as_long_as_a_room_does() -> None:
    vehicle, last = Pushed(), Push(1)
    assert Room.idle_repeat_ticks == IDLE_REPEAT_TICKS
    assert vehicle.idle(None, 0) == Push()
    assert vehicle.idle(last, Room.idle_repeat_ticks) is last
    assert vehicle.idle(last, Room.idle_repeat_ticks + 1) == Push()


def test_a_vehicle_without_an_input_is_told_what_it_needs() -> None:
    with pytest.raises(NotImplementedError, match=r"^Sledge needs an input, or a method idle$"):
        Sledge().idle(None, 0)
