"""What a room in need no longer tells everybody at every publish: spectators, what is far."""

from __future__ import annotations

import pytest
from sinks import FakeSink
from watched_world import (
    RADIUS,
    SCHEMA,
    Client,
    Crate,
    Score,
    Ship,
    a_watched_world,
    all_are_checked_together,  # noqa: F401 - a fixture
    one_spectator_is_a_crowd,  # noqa: F401 - a fixture
)

from gameserver.model.world import World
from gameserver.protocol.messages import Check, Delta
from gameserver.replication import publisher as publisher_module
from gameserver.replication.publisher import Publisher
from gameserver.replication.seat import Seat


def watcher(publisher: Publisher, number: int, x: float) -> Client:
    sink = FakeSink()
    client = Client(Seat(number, sink), sink)
    client.seat.focus = (x, 0.0)
    publisher.add(client.seat)
    return client


def applied(client: Client) -> int:
    """Apply what a seat was sent; return how many deltas that were."""
    deltas = [m for m in client.sink.take_messages() if isinstance(m, Delta)]
    for delta in deltas:
        client.replica.apply(delta)
    return len(deltas)


def test_spectators_get_every_second_delta_and_others_all() -> None:
    made, publisher, player = a_watched_world(RADIUS)
    ship = made.spawn(Ship(0.0, 0.0), owner=1)
    player.seat.own = ship._record
    here = watcher(publisher, 2, 0.0)
    publisher.thins_spectators = True
    got = []
    for tick in range(1, 9):
        ship.hull = tick
        publisher.publish(tick)
        got.append((applied(player), applied(here)))
    assert got == [(1, 1), (1, 0)] * 4
    assert here.replica.entities[1].values == [0, 0, 7, None]
    assert (here.seat.thinned, publisher.statistics.thinned) == (4, 4)


def test_a_few_spectators_get_every_delta(monkeypatch: pytest.MonkeyPatch) -> None:
    """A crowd of its own next delta is dearer than what it goes without."""
    monkeypatch.setattr(publisher_module, "MIN_CROWD", 3)
    made, publisher, _ = a_watched_world(RADIUS)
    ship = made.spawn(Ship(0.0, 0.0))
    publisher.thins_spectators = True
    crowd = [watcher(publisher, n, 0.0) for n in (2, 3, 4)]
    few = [watcher(publisher, n, 900.0) for n in (5, 6)]
    made.spawn(Ship(900.0, 0.0))
    for tick in range(1, 5):
        for record in made.records.values():
            record.entity.hull = tick
        publisher.publish(tick)
    assert ship.hull == 4
    assert [applied(client) for client in crowd] == [2, 2, 2]
    assert [applied(client) for client in few] == [4, 4]


def test_spectators_that_come_from_elsewhere_do_not_share_a_delta() -> None:
    made, publisher, _ = a_watched_world(RADIUS)
    made.spawn(Ship(0.0, 0.0))
    made.spawn(Ship(900.0, 0.0))
    here, there, with_them = (watcher(publisher, n, x) for n, x in ((2, 0), (3, 900), (4, 900)))
    publisher.publish(1)
    publisher.thins_spectators = True
    for client in (here, there, with_them):
        assert applied(client) == 1
        client.seat.focus = (0.0, 0.0)
    publisher.publish(2)
    publisher.publish(3)
    assert there.sink.frames == with_them.sink.frames != here.sink.frames
    for client in (here, there, with_them):
        assert applied(client) == 1
        assert set(client.replica.entities) == {1}


def test_spectators_get_every_check() -> None:
    made = World(SCHEMA, RADIUS)
    publisher = Publisher(made, check_every_ticks=2, quiet_ticks=20)
    publisher.thins_spectators = True
    here = watcher(publisher, 1, 0.0)
    ship = made.spawn(Ship(0.0, 0.0))
    for tick in range(1, 8):
        ship.hull = tick
        publisher.publish(tick)
    checks = [m.tick for m in here.sink.take_messages() if isinstance(m, Check)]
    assert checks == [2, 4, 6]


def test_what_nobody_is_near_is_told_of_by_every_second_publish() -> None:
    made = World(SCHEMA, RADIUS)
    publisher = Publisher(made, check_every_ticks=1, quiet_ticks=20)
    client = watcher(publisher, 1, 0.0)
    at = {"here": 10.0, "next": 150.0, "hers": 160.0, "with her": 400.0, "beyond": 700.0}
    ships = {what: made.spawn(Ship(x, 0.0)) for what, x in at.items()}
    made.set_owner(ships["hers"], 2)
    publisher.add(other := Seat(2, FakeSink()))
    other.own, other.focus = ships["with her"]._record, (700.0, 0.0)
    crate, score = made.spawn(Crate(170.0, 0.0)), made.spawn(Score())
    publisher.publish(1)
    applied(client)

    def hulls(tick: int) -> dict[str, int]:
        for ship in ships.values():
            ship.hull = tick
        crate.label, score.points = str(tick), tick
        client.seat.focus = (at["with her"], 0.0) if tick >= 8 else (0.0, 0.0)
        publisher.publish(tick)
        *_, delta, check = client.sink.take_messages()
        client.replica.apply(delta)
        assert client.replica.checksum() == check.checksum
        held = client.replica.entities
        assert held[score._record.id].values == [tick]
        if tick < 8:
            assert held[crate._record.id].values[2] == str(tick)
        names = {ship._record.id: what for what, ship in ships.items()}
        return {names[i]: held[i].values[2] for i in held if i in names}

    assert hulls(2) == {"here": 2, "next": 2, "hers": 2}
    publisher.slows_far = True
    assert hulls(3) == {"here": 3, "next": 2, "hers": 3}
    assert hulls(4) == {"here": 4, "next": 4, "hers": 4}
    assert hulls(5) == {"here": 5, "next": 4, "hers": 5}
    publisher.slows_far = False
    assert hulls(6) == {"here": 6, "next": 6, "hers": 6}
    publisher.slows_far = True
    assert hulls(7) == {"here": 7, "next": 6, "hers": 7}
    made.despawn(ships.pop("next"))  # coming and going is told at once
    assert hulls(8) == {"with her": 8}


def test_who_looks_at_nothing_goes_on_looking_there_when_views_change() -> None:
    made, publisher, _ = a_watched_world(RADIUS)
    made.spawn(Ship(905.0, 5.0))
    made.spawn(Ship(905.0 + 1.5 * RADIUS, 5.0))
    here = watcher(publisher, 2, 900.0)
    publisher.publish(1)
    here.seat.focus = None
    for tick, share in ((2, 2 / 3), (3, 1.0), (4, 2 / 3)):
        publisher.view_share = share
        publisher.publish(tick)
        applied(here)
        assert 1 in here.replica.entities
        assert len(here.replica.entities) == (2 if share == 1.0 else 1)
