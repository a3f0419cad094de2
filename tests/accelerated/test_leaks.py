"""The compiled twins keep no reference: memory stays the same over a million operations."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable

import pytest

from gameserver.model.view import Near
from gameserver.runtime.sessions.reception import message_path
from tests.support.commanded_seat import COMMANDS, Side, Steer
from tests.support.frame_sinks import NoSink
from tests.support.published_play import SEATS, Play
from tests.support.replicated_world import Crate, Ship

pytestmark = pytest.mark.long

#: Blocks of memory that come and go by themselves, in caches of the interpreter.
NOISE_BLOCKS = 400
STEER = COMMANDS.index(Steer)


def grown_by(work: Callable[[int], None], count: int) -> tuple[int, int]:
    """Return by how many blocks and references to None a second run of ``work`` grows memory."""
    work(count // 10)
    gc.collect()
    blocks, nones = sys.getallocatedblocks(), sys.getrefcount(None)
    work(count)
    gc.collect()
    return sys.getallocatedblocks() - blocks, sys.getrefcount(None) - nones


def assert_nothing_stays(work: Callable[[int], None], count: int) -> None:
    blocks, nones = grown_by(work, count)
    assert blocks < NOISE_BLOCKS
    assert nones < NOISE_BLOCKS


def test_commands_right_wrong_and_repeated_leave_nothing() -> None:
    side = Side(message_path)
    side.room.applied = _Nowhere()
    seq = 0

    def work(count: int) -> None:
        nonlocal seq
        for number in range(count):
            seq += 1
            head = b"\x99\x02\xce" + seq.to_bytes(4, "big") + b"\x00\x00\x00" + bytes((STEER,))
            side.take(head + b"\x01\xc3\xce\x00\x10\x00\x00")
            if number % 8 == 0:
                side.now_s += 0.08
                side.step()
                side.take(head + b"\x01\xc3\x01")  # a seq that has come
                side.take(head + b"\x07\xc3\x01")  # a wrong value
                side.ends.clear()
                side.reception._ended = False
        side.step()

    assert_nothing_stays(work, 400_000)


def test_paths_leave_nothing() -> None:
    side = Side(message_path)

    def work(count: int) -> None:
        for _ in range(count):
            message_path(side.reception)

    assert_nothing_stays(work, 100_000)


@pytest.mark.parametrize("view", [None, Near(60)], ids=["everywhere", "near"])
def test_deltas_leave_nothing(view: Near | None) -> None:
    play = Play(view=view, sinks=[NoSink() for _ in range(SEATS)])
    ships = [play.world.spawn(Ship(number * 3.0, 0.0)) for number in range(60)]
    crate = play.world.spawn(Crate())
    tick = 0

    def work(count: int) -> None:
        nonlocal tick
        for number in range(count):
            tick += 1
            for ship in ships:
                ship.x += 0.5 if number % 40 < 20 else -0.5
                ship.fuel += 1
            if number % 50 == 0:
                ships[-1].hull = True  # left to the pure scan
                ships[-1].hull = number
                crate.label = f"label {number % 7}"
            for seat in play.seats:
                seat.acknowledge(seat.posted_tick)
                seat.command_seq += 1
                seat.margin = number % 9 or None
            play.publisher.publish(tick)
        ships[-1].hull = 0

    assert_nothing_stays(work, 3_000)


class _Nowhere(list[object]):
    def append(self, item: object) -> None:
        """Keep nothing."""
