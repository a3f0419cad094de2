"""Views of another size while the room goes on: what a client knows stays right."""

from __future__ import annotations

from gameserver.model.view import Near
from gameserver.protocol.messages import Delta
from gameserver.replication.publisher import Publisher
from gameserver.replication.seat import Seat
from tests.support.frame_sinks import FakeSink
from tests.support.replicated_world import RADIUS, Client, Ship, a_watched_world


def spectator(publisher: Publisher, number: int, x: float) -> Client:
    sink = FakeSink()
    client = Client(Seat(number, sink), sink)
    client.seat.focus = (x, 0.0)
    publisher.add(client.seat)
    return client


def receive(client: Client) -> None:
    for message in client.sink.take_messages():
        if isinstance(message, Delta):
            client.replica.apply(message)


def test_a_seat_without_a_focus_keeps_looking_at_the_same_place() -> None:
    made, publisher, _ = a_watched_world(Near(RADIUS))
    made.spawn(Ship(905.0, 5.0))
    made.spawn(Ship(905.0 + 1.5 * RADIUS, 5.0))
    here = spectator(publisher, 2, 900.0)
    publisher.publish(1)
    here.seat.focus = None
    for tick, share in ((2, 2 / 3), (3, 1.0), (4, 2 / 3)):
        publisher.view_share = share
        publisher.publish(tick)
        receive(here)
        assert 1 in here.replica.entities
        assert len(here.replica.entities) == (2 if share == 1.0 else 1)


def test_spectators_from_different_cells_get_different_catch_up_deltas() -> None:
    """Seats that knew the same share one delta; a seat that knew something else gets its own."""
    made, publisher, _ = a_watched_world(Near(RADIUS))
    made.spawn(Ship(0.0, 0.0))
    made.spawn(Ship(900.0, 0.0))
    here, there, with_them = (spectator(publisher, n, x) for n, x in ((2, 0), (3, 900), (4, 900)))
    publisher.publish(1)
    for client in (here, there, with_them):
        receive(client)
        client.seat.focus = (0.0, 0.0)
    publisher.view_share = 2 / 3
    publisher.publish(2)
    assert there.sink.frames == with_them.sink.frames != here.sink.frames
    for client in (here, there, with_them):
        receive(client)
        assert set(client.replica.entities) == {1}
