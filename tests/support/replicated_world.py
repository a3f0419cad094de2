"""A world with entities of every kind, and clients that watch it through a sink and a replica.

Owns what the tests of the publisher publish, and to whom.  Never checks anything.
"""

from __future__ import annotations

import copy
import enum
from collections import deque

import pytest

from clients.replica import Replica
from gameserver.model.schema import Schema, entity, event, synced, value
from gameserver.model.view import Near
from gameserver.model.world import World
from gameserver.replication import checksum
from gameserver.replication import publisher as publisher_module
from gameserver.replication.publisher import Publisher
from gameserver.replication.seat import Seat
from tests.support.frame_sinks import FakeSink

RADIUS = 100.0


class Mood(enum.Enum):
    CALM = 1
    ANGRY = 2


@entity(at=("x", "y"))
class Ship:
    x: float = synced(0.0, step=1 / 8)
    y: float = synced(0.0, step=1 / 8)
    hull: int = synced(100)
    mood: Mood | None = synced(None)
    secret: bytes = synced(b"", to="owner")
    fuel: int = synced(0, to="owner")
    plan: bytes = synced(b"", to="group")
    beat: int = synced(0, to="group")
    hidden: bytes = b""


@entity(at=("x", "y"), rare=True)
class Crate:
    x: float = synced(0.0)  # float 32
    y: float = synced(0.0)
    label: str = synced("")
    sides: tuple[int, ...] = synced(())
    stock: int = synced(0, to="owner")
    secret: bytes = synced(b"", to="owner")


@value
class Item:
    mood: Mood
    count: int = 1


@entity(at=("x", "y"))
class Chest:
    x: float = synced(0.0, step=1 / 8)
    y: float = synced(0.0, step=1 / 8)
    items: list[Item] = synced(factory=list)
    best: Item | None = synced(None)
    secret: bytes = synced(b"", to="owner")
    hold: dict[str, list[int]] = synced(factory=dict, to="owner")


@entity
class Score:
    points: int = synced(0)
    tally: int = synced(0, to="group")
    secret: bytes = synced(b"", to="owner")


@event
class Noise:
    number: int


SCHEMA = Schema.of([Ship, Crate, Chest, Score, Noise])
CLASSES = (Ship, Crate, Chest, Score)


class Client:
    def __init__(self, seat: Seat, sink: FakeSink) -> None:
        self.seat = seat
        self.sink = sink
        self.replica = Replica(SCHEMA)
        self.expected_events: deque[int] = deque()
        #: Whether it acknowledges, and the ticks of the deltas that it has not acknowledged.
        self.acknowledges = True
        self.unsaid: list[int] = []
        #: Whether its connection is lost.
        self.dropped = False
        #: The replica as of a delta that may be older than the newest: if the connection is lost,
        #: later ones count as still on their way.
        self.had = copy_of(self.replica)
        #: Before the newest publish: the ids that it held and the tick of its replica, if known.
        self.held: frozenset[int] = frozenset()
        self.held_tick = -1
        #: The last point that its seat has looked from.
        self.looks_from: tuple[float, float] | None = None

    def remember(self) -> None:
        self.had = copy_of(self.replica)

    def acknowledge(self) -> None:
        if self.unsaid:
            self.seat.acknowledge(self.unsaid[-1])
            self.unsaid.clear()


def copy_of(replica: Replica) -> Replica:
    """Return another replica that holds the same."""
    other = Replica(SCHEMA, own_entity=replica.own_entity)
    other.tick, other.ack = replica.tick, replica.ack
    for entity_id, held in replica.entities.items():
        twin = copy.copy(held)
        twin.values = list(held.values)
        twin.owner_mask = held.owner_mask
        twin.owner_values = None if held.owner_values is None else list(held.owner_values)
        other.entities[entity_id] = other._by_kind[held.layout.kind][entity_id] = twin
    return other


def a_watched_world(view: Near | None = None) -> tuple[World, Publisher, Client]:
    made = World(SCHEMA, view)
    publisher = Publisher(made, check_every_ticks=1000, quiet_ticks=20)
    sink = FakeSink()
    client = Client(Seat(1, sink), sink)
    publisher.add(client.seat)
    return made, publisher, client


@pytest.fixture(autouse=True)
def news_everywhere_is_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher_module, "OCCUPIED_PER_NEWS", 1)


@pytest.fixture(autouse=True)
def all_are_checked_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checksum, "CHECK_TURNS", 1)
