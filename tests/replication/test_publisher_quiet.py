"""A world in which nothing changes, or only far away: which seats still get a delta."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gameserver import Exact, Near, Room, entity, event, synced
from gameserver.protocol.frames import binary_frame
from gameserver.protocol.messages import Check, Delta, Said
from gameserver.replication.events import Emission
from gameserver.replication.publisher import OCCUPIED_PER_NEWS, Publisher
from gameserver.replication.seat import Seat
from tests.support.frame_sinks import FakeSink

QUIET_TICKS = 20


@entity(at=("x", "y"))
class Stone:
    x: int = synced(0)
    y: int = synced(0)
    coins: int = synced(0, to="owner")


@event
class Noise:
    number: int


class Field(Room):
    view = Near(10)
    classes = (Stone, Noise)


class ExactField(Field):
    view = Exact(10)


class Quiet:
    """Two stones far apart; seat 1 looks at the first one and is up to date.  Nothing moves.

    With ``stir``, one of many stones that are even farther away moves at every publish.
    """

    def __init__(
        self, check_every_ticks: int = 1000, *, stir: bool = False, room: type[Room] = Field
    ) -> None:
        self.stir = stir
        self.world = room().world
        self.near = self.world.record_of(self.world.spawn(Stone(0, 0)))
        self.far = self.world.record_of(self.world.spawn(Stone(1000, 0)))
        self.farther = [
            self.world.spawn(Stone(2000 + 100 * i, 0)) for i in range(3 * OCCUPIED_PER_NEWS)
        ]
        self.publisher = Publisher(
            self.world, check_every_ticks=check_every_ticks, quiet_ticks=QUIET_TICKS
        )
        self.seat, self.sink = self.seat_of(1)
        self.seat.own = self.near
        self.tick = 0
        self.emissions: list[Emission] = []
        self.publish()
        self.sink.take_messages()

    def seat_of(self, number: int) -> tuple[Seat, FakeSink]:
        sink = FakeSink()
        seat = Seat(number, sink)
        self.publisher.add(seat)
        return seat, sink

    def publish(self) -> None:
        self.tick += 1
        self.farther[0].y += self.stir
        self.publisher.publish(self.tick, self.emissions)
        self.emissions = []

    def told(self) -> Delta:
        self.publish()
        (delta,) = self.sink.take_messages()
        assert isinstance(delta, Delta)
        return delta


@pytest.mark.parametrize("stir", [False, True])
def test_nothing_is_sent_and_that_is_counted(stir: bool) -> None:
    quiet = Quiet(stir=stir)
    for _ in range(QUIET_TICKS - 1):
        quiet.publish()
    assert quiet.sink.frames == []
    assert quiet.publisher.statistics.quiet == QUIET_TICKS - 1


def test_a_quiet_seat_gets_a_delta_every_quiet_ticks() -> None:
    quiet = Quiet()
    for _ in range(3 * QUIET_TICKS):
        quiet.publish()
    ticks = [delta.tick for delta in quiet.sink.take_messages()]
    assert ticks == [1 + QUIET_TICKS, 1 + 2 * QUIET_TICKS, 1 + 3 * QUIET_TICKS]


def acknowledge(quiet: Quiet) -> None:
    quiet.seat.command_seq = 7


def say_how_early(quiet: Quiet) -> None:
    quiet.seat.margin = 2


def steer_another(quiet: Quiet) -> None:
    quiet.seat.own = quiet.far
    quiet.seat.own_changed = True


def look_elsewhere(quiet: Quiet) -> None:
    quiet.seat.focus = (1000.0, 0.0)


@pytest.mark.parametrize(
    ("happening", "told"),
    [
        (acknowledge, lambda delta: delta.ack == 7),
        (say_how_early, lambda delta: delta.margin == 2),
        (steer_another, lambda delta: delta.own[0] == 2 and delta.enters[0] == 2),
        (look_elsewhere, lambda delta: delta.enters[0] == 2 and delta.leaves == [1]),
    ],
)
@pytest.mark.parametrize("stir", [False, True])
def test_a_change_of_the_seat_itself_is_sent(
    happening: Callable[[Quiet], None], told: Callable[[Delta], bool], stir: bool
) -> None:
    quiet = Quiet(stir=stir)
    quiet.publish()
    happening(quiet)
    assert told(quiet.told())
    quiet.publish()
    assert quiet.sink.frames == []


def move_in_view(quiet: Quiet) -> None:
    quiet.near.entity.y = 3


def leave_the_view(quiet: Quiet) -> None:
    quiet.near.entity.x = 5000


def vanish(quiet: Quiet) -> None:
    quiet.world.despawn(quiet.near.entity)


def hear_from_near(quiet: Quiet) -> None:
    quiet.emissions.append(Emission(Noise(1), [(1.0, 1.0)], None))


def be_told_alone(quiet: Quiet) -> None:
    quiet.emissions.append(Emission(Noise(1), None, 1))


@pytest.mark.parametrize(
    ("happening", "told"),
    [
        (move_in_view, lambda delta: delta.sets + delta.adds != []),
        (leave_the_view, lambda delta: delta.leaves == [1]),
        (vanish, lambda delta: delta.leaves == [1]),
        (hear_from_near, lambda delta: len(delta.events) == 1),
        (be_told_alone, lambda delta: len(delta.events) == 1),
    ],
)
def test_a_change_in_view_of_one_seat_is_sent_to_that_seat_only(
    happening: Callable[[Quiet], None], told: Callable[[Delta], bool]
) -> None:
    quiet = Quiet(stir=True)
    seat, sink = quiet.seat_of(2)
    seat.focus = (1000.0, 0.0)
    if happening is leave_the_view:
        quiet.seat.focus = (0.0, 0.0)  # otherwise its view would follow the stone
    quiet.publish()
    sink.take_messages()
    quiet.sink.take_messages()
    happening(quiet)
    assert told(quiet.told())
    assert sink.frames == []


@pytest.mark.parametrize("stir", [False, True])
def test_owner_fields_are_sent_to_the_owner(stir: bool) -> None:
    quiet = Quiet(stir=stir)
    quiet.world.set_owner(quiet.near.entity, 1)
    assert quiet.told().own[1:] == [1, 1, 0]
    quiet.near.entity.coins = 5
    assert quiet.told().own[1:] == [1, 1, 5]
    quiet.world.set_owner(quiet.near.entity, 0)
    assert quiet.told().own[1:] == [1, 0]  # the client forgets its owner fields


def test_a_seat_that_looks_elsewhere_is_told_that_its_own_entity_is_gone() -> None:
    quiet = Quiet(stir=True)
    look_elsewhere(quiet)
    quiet.told()
    quiet.world.despawn(quiet.near.entity)
    assert quiet.told().own == [0]


def test_an_event_without_a_place_is_sent_to_every_seat() -> None:
    quiet = Quiet(stir=True)
    quiet.emissions.append(Emission(Noise(1), None, None))
    assert len(quiet.told().events) == 1


@pytest.mark.parametrize("room", [Field, ExactField])
def test_an_event_for_one_player_is_sent_to_that_seat_only(room: type[Room]) -> None:
    quiet = Quiet(room=room)
    _, other_sink = quiet.seat_of(2)
    quiet.publish()
    quiet.sink.take_messages()
    other_sink.take_messages()
    quiet.emissions = [Emission(Noise(7), None, 1)]
    assert quiet.told().events
    assert other_sink.take_messages() == []


def test_a_focus_that_returns_to_the_own_entity_changes_the_view() -> None:
    quiet = Quiet()
    look_elsewhere(quiet)
    quiet.told()
    quiet.seat.focus = None
    assert quiet.told().leaves == [2]


def test_a_text_is_sent() -> None:
    quiet = Quiet()
    quiet.seat.notify(binary_frame(Said(0, "", "hello").encode()))
    quiet.publish()
    _, said = quiet.sink.take_messages()
    assert said.text == "hello"


def test_a_new_seat_gets_a_full_state_and_other_seats_nothing() -> None:
    quiet = Quiet()
    seat, sink = quiet.seat_of(2)
    seat.focus = (0.0, 0.0)
    quiet.publish()
    (delta,) = sink.take_messages()
    assert delta.leaves is None
    assert delta.enters[0] == 1
    assert quiet.sink.frames == []


def test_a_seat_whose_link_is_not_clear_misses_nothing() -> None:
    quiet = Quiet()
    quiet.sink.clear = False
    quiet.publish()
    quiet.near.entity.x = 5
    quiet.publish()
    quiet.publish()
    quiet.sink.clear = True
    assert quiet.told().sets == [1, 1, 5]


def test_a_checksum_is_sent_even_if_nothing_changes() -> None:
    quiet = Quiet(check_every_ticks=5)
    for _ in range(5):
        quiet.publish()
    assert [type(m) for m in quiet.sink.take_messages()] == [Delta, Check]
