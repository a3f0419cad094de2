"""A client that does not acknowledge is behind, even if its link takes everything."""

from __future__ import annotations

from itertools import pairwise

import pytest

from gameserver.protocol.messages import Delta
from gameserver.replication.events import Emission
from gameserver.replication.seat import Seat
from tests.support.frame_sinks import FakeSink
from tests.support.replicated_world import Noise, Ship, a_watched_world

WINDOW_TICKS = 10


class Watched:
    """One client watches a ship that flies."""

    def __init__(self) -> None:
        self.world, self.publisher, self.client = a_watched_world()
        self.publisher.window_ticks = WINDOW_TICKS
        self.ship = self.world.spawn(Ship())
        self.seat: Seat = self.client.seat
        self.tick = 0

    def fly(self, ticks: int = 1, *events: Emission) -> list[int]:
        """Fly on, apply the deltas that come, and return their ticks."""
        came = []
        for _ in range(ticks):
            self.tick += 1
            self.ship.x += 1.0
            self.publisher.publish(self.tick, events)
            for delta in self.client.sink.take_messages():
                assert isinstance(delta, Delta)
                self.client.replica.apply(delta)
                came.append(delta.tick)
        return came

    @property
    def seen_x(self) -> float:
        (ship,) = self.client.replica.of_kind("Ship")
        return float(ship.x)


def test_a_client_that_acknowledges_gets_every_delta() -> None:
    watched = Watched()
    for tick in range(1, 5 * WINDOW_TICKS):
        assert watched.fly() == [tick]
        watched.seat.acknowledge(tick - WINDOW_TICKS // 2)
    assert watched.seat.skipped == 0


def test_a_client_that_never_acknowledges_gets_one_delta_a_window() -> None:
    watched = Watched()
    assert watched.fly(WINDOW_TICKS + 1) == list(range(1, WINDOW_TICKS + 2))
    came = watched.fly(4 * WINDOW_TICKS)
    assert [after - before for before, after in pairwise(came)] == [WINDOW_TICKS] * (len(came) - 1)
    assert len(came) == 4
    assert watched.seat.skipped == 4 * WINDOW_TICKS - 4
    assert watched.publisher.statistics.skipped == watched.seat.skipped


def test_after_an_acknowledgement_one_delta_brings_everything_missed() -> None:
    watched = Watched()
    watched.fly(WINDOW_TICKS + 1)
    assert watched.fly(2, Emission(Noise(1), None, None)) == []
    watched.seat.acknowledge(watched.tick - 2)
    assert watched.fly() == [watched.tick]
    assert watched.seen_x == watched.ship.x
    assert watched.fly(2) == [watched.tick - 1, watched.tick]


@pytest.mark.parametrize("acked", [1, 3, WINDOW_TICKS])
def test_an_acknowledgement_of_some_deltas_leaves_the_others_awaited(acked: int) -> None:
    watched = Watched()
    watched.fly(WINDOW_TICKS)
    watched.seat.acknowledge(acked)
    # The oldest delta that is awaited now is the one after the acknowledged tick.
    assert len(watched.fly(acked + 1)) == acked + 1
    assert watched.fly() == []


def test_an_older_acknowledgement_changes_nothing() -> None:
    watched = Watched()
    watched.fly(5)
    watched.seat.acknowledge(5)
    watched.seat.acknowledge(2)  # a repeated command repeats an old acknowledgement
    watched.fly(WINDOW_TICKS)
    assert watched.seat.skipped == 0


def test_a_client_that_reconnects_starts_over() -> None:
    watched = Watched()
    watched.fly(3 * WINDOW_TICKS)
    watched.publisher.remove(watched.seat)
    watched.seat.lose_sink()
    watched.client.sink = FakeSink()
    watched.seat.resume(watched.client.sink, None, 0)
    watched.publisher.add(watched.seat)
    assert len(watched.fly(WINDOW_TICKS)) == WINDOW_TICKS


def test_a_client_that_lost_track_gets_a_full_state_at_once() -> None:
    watched = Watched()
    watched.fly(WINDOW_TICKS + 1)
    assert watched.fly() == []
    watched.seat.forget()
    assert watched.fly() == [watched.tick]
    assert watched.seen_x == watched.ship.x


def test_without_a_window_no_acknowledgement_is_needed() -> None:
    world, publisher, client = a_watched_world()
    ship = world.spawn(Ship())
    for tick in range(1, 500):
        ship.x += 1.0
        publisher.publish(tick)
    assert (client.seat.skipped, len(client.sink.frames)) == (0, 499)
