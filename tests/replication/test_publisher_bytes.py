"""The bytes of a publish: those that it sends, and those that it leaves out."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any
from zlib import crc32

import msgpack
import pytest

from gameserver.errors import LocalProtocolError
from gameserver.model.view import Near
from gameserver.protocol.frames import binary_frame
from gameserver.protocol.messages import Check, Delta, Said
from gameserver.replication import bodies
from gameserver.replication.checksum import CHECK_TURNS
from gameserver.replication.knowledge import NEW
from gameserver.replication.publisher import Publisher
from gameserver.replication.seat import MAX_WAITING_NOTICES, Seat
from tests.support.frame_sinks import FakeSink, messages_in
from tests.support.replicated_world import RADIUS, SCHEMA, Client, Ship, a_watched_world
from tests.support.twins import publish_in_python


def told(client: Client) -> list[Any]:
    """Return the only delta that a seat was just sent, as its ten elements."""
    (data,) = client.sink.frames
    client.sink.frames = []
    return msgpack.unpackb(data[2:] if data[1] < 126 else data[4:])


def test_a_delta_holds_differences_and_only_what_changed() -> None:
    made, publisher, client = a_watched_world()
    ship = made.spawn(Ship(1.0, 2.0), owner=1)
    client.seat.own = ship._record
    publisher.publish(5)
    full = [1, SCHEMA.kinds[Ship], 8, 16, 100, None]
    assert told(client) == [18, 5, 0, None, None, full, [], [], [1, 1, 3, b"", 0], []]
    ship.x, ship.y, ship.fuel = 1.5, 1.9, 7
    client.seat.command_seq = 3
    publisher.publish(6)
    assert told(client) == [18, 6, 3, None, [], [], [], [1, 3, 4, -1], [1, 1, 2, 7], []]


def test_own_repeats_id_mask_and_values_for_each_entity_in_view() -> None:
    made, publisher, client = a_watched_world(Near(RADIUS))
    client.seat.focus = (0.0, 0.0)
    near = [made.spawn(Ship(0.0, 0.0), owner=1), made.spawn(Ship(1.0, 0.0), owner=1)]
    far = made.spawn(Ship(50 * RADIUS, 0.0), owner=1)
    client.seat.own = far._record
    publisher.publish(1)
    assert told(client)[8] == [3, 1, 3, b"", 0, 2, 3, b"", 0]
    for ship in (*near, far):
        ship.fuel = 7
    publisher.publish(2)
    assert told(client)[8] == [3, 1, 2, 7, 2, 2, 7]


def test_a_checksum_is_of_the_elements_without_the_header_of_an_array() -> None:
    made, publisher, client = a_watched_world()
    publisher = Publisher(made, check_every_ticks=1, quiet_ticks=1000)
    publisher.add(client.seat)
    made.spawn(Ship(1.0, -2.0), owner=1)
    checks: list[Check] = []
    for tick in range(1, CHECK_TURNS + 1):
        publisher.publish(tick)
        checks += [m for m in client.sink.take_messages() if isinstance(m, Check)]
    public = bytes([1, SCHEMA.kinds[Ship], 8, 0xF0, 100, 0xC0])  # an id, a kind, values: no header
    owned = bytes([1, 3, 0xC4, 0, 0])
    assert [check.checksum for check in checks] == [(crc32(public) + crc32(owned)) % 2**32]


def test_a_change_of_less_than_a_step_is_not_sent() -> None:
    made, publisher, client = a_watched_world()
    ship = made.spawn(Ship(1.0, 2.0))
    publisher.publish(1)
    told(client)
    ship.x += 0.01
    publisher.publish(2)
    assert client.sink.frames == []
    assert publisher.statistics.quiet == 1


def test_two_moved_coordinates_cost_six_bytes() -> None:
    made, publisher, client = a_watched_world()
    ships = [made.spawn(Ship(100.0 * i, 0.0)) for i in range(20)]
    publisher.publish(1)
    client.sink.frames = []
    for ship in ships:
        ship.x, ship.y = ship.x + 1, ship.y - 6  # 8 and -48 steps
    publisher.publish(2)
    assert len(client.sink.frames[0]) <= 20 * 6


def test_seats_that_look_from_one_cell_share_the_body() -> None:
    made, publisher, client = a_watched_world(Near(RADIUS))
    other_sink = FakeSink()
    publisher.add(other := Seat(2, other_sink))
    client.seat.focus, other.focus = (10.0, 10.0), (12.0, 12.0)
    made.spawn(Ship(15.0, 15.0)).hull = 7
    publisher.publish(1)
    assert other_sink.frames == client.sink.frames


def test_spectators_of_one_cell_share_the_frame_unless_something_concerns_only_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publish_in_python(monkeypatch)  # the compiled twin makes no bytes object of a frame
    made, publisher, client = a_watched_world(Near(RADIUS))
    seats = [client.seat, *(Seat(number, FakeSink()) for number in range(2, 7))]
    for seat in seats:
        publisher.add(seat)
        seat.focus = (0.0, 0.0)
    ship = made.spawn(Ship())
    publisher.publish(1)
    ship.x += 1.0
    steered = made.spawn(Ship(1.0, 1.0), owner=2)
    seats[1].own = steered._record
    seats[1].own_changed = True
    seats[5].command_seq = 9
    seats[3].margin = 1
    seats[4].notify(binary_frame(Said(0, "", "to you").encode()))
    publisher.publish(2)
    frames = [seat.sink.frames[-1] for seat in seats if isinstance(seat.sink, FakeSink)]
    assert frames[2] is frames[0]
    deltas = [messages_in(frame)[0] for frame in frames]
    assert [d.ack for d in deltas] == [0, 0, 0, 0, 0, 9]
    assert [d.margin for d in deltas] == [None, None, None, 1, None, None]
    assert [len(d.own) > 0 for d in deltas] == [False, True, False, False, False, False]
    assert [len(messages_in(frame)) for frame in frames] == [1, 1, 1, 1, 2, 1]


def test_a_crowd_that_follows_one_camera_shares_the_body(monkeypatch: pytest.MonkeyPatch) -> None:
    made, publisher, _ = a_watched_world(Near(RADIUS))
    for number in (2, 3, 4):
        publisher.add(Seat(number, FakeSink()))
    for x in (0.0, 3 * RADIUS):
        made.spawn(Ship(x, 0.0))
    seats = publisher._seats.values()
    for seat in seats:
        seat.focus = (0.0, 0.0)
    publisher.publish(1)
    moved = bodies.Bodies._moved
    made_for: list[tuple[int, int]] = []

    def counted(self: bodies.Bodies, before: int, after: int) -> bodies.Body:
        made_for.append((before, after))
        return moved(self, before, after)

    monkeypatch.setattr(bodies.Bodies, "_moved", counted)
    for seat in seats:
        seat.focus = (3 * RADIUS, 0.0)
    publisher.publish(2)
    assert len(made_for) == 1
    newest = {seat.sink.frames[-1] for seat in seats if isinstance(seat.sink, FakeSink)}
    assert len(newest) == 1


def test_seats_are_checked_in_turns() -> None:
    made, _, client = a_watched_world()
    publisher = Publisher(made, check_every_ticks=2 * CHECK_TURNS, quiet_ticks=1000)
    seats = [client.seat, *(Seat(number, FakeSink()) for number in range(2, 2 * CHECK_TURNS + 1))]
    for seat in seats:
        publisher.add(seat)
    ship = made.spawn(Ship())
    checked: dict[int, list[int]] = {}
    for tick in range(1, 4 * CHECK_TURNS + 1):
        ship.x += tick % 3
        publisher.publish(tick)
        for seat in seats:
            assert isinstance(seat.sink, FakeSink)
            if any(isinstance(m, Check) for m in seat.sink.take_messages()):
                checked.setdefault(seat.number, []).append(tick)
    assert sorted(checked) == [seat.number for seat in seats]
    for ticks in checked.values():
        first, second = ticks
        assert second - first == 2 * CHECK_TURNS
    at_once = Counter(tick for ticks in checked.values() for tick in ticks)
    assert set(at_once.values()) == {2}


def test_a_seat_whose_sink_breaks_is_new_again_and_others_are_not_affected() -> None:
    made, publisher, client = a_watched_world()
    made.spawn(Ship())
    broken = FakeSink()
    publisher.add(lost := Seat(2, broken))
    publisher.publish(1)
    broken.broken = True
    made.spawn(Ship())
    publisher.publish(2)
    assert lost.knowledge is NEW
    assert len(client.sink.frames) == 2


def test_a_value_of_a_wrong_type_is_refused_by_name() -> None:
    for field, value in (("x", math.nan), ("x", "far"), ("hull", 1.5), ("hull", 2**60)):
        made, publisher, _ = a_watched_world()
        ship = made.spawn(Ship())
        publisher.publish(1)
        setattr(ship, field, value)
        with pytest.raises(LocalProtocolError, match=rf"Ship\.{field}: "):
            publisher.publish(2)
        made, publisher, _ = a_watched_world()
        setattr(made.spawn(Ship()), field, value)
        with pytest.raises(LocalProtocolError, match=rf"Ship\.{field}: "):
            publisher.publish(1)


def test_texts_follow_the_delta_and_are_bounded() -> None:
    _, publisher, client = a_watched_world()
    for i in range(MAX_WAITING_NOTICES + 3):
        client.seat.notify(binary_frame(Said(0, "", str(i)).encode()))
    publisher.publish(1)
    delta, *texts = client.sink.take_messages()
    assert isinstance(delta, Delta)
    assert [t.text for t in texts] == [str(i) for i in range(3, MAX_WAITING_NOTICES + 3)]
    assert client.seat.notices_dropped == 3
