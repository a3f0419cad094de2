"""A stateful model of a publisher: a random world with random seats against real replicas.

Owns what happens to the world and to the seats, without groups.  ``publisher_oracle`` judges what
each replica then holds; ``publisher_groups`` adds groups, exact views and ``sees``.
"""

from __future__ import annotations

import copy
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from clients.replica import Replica
from gameserver.model import world
from gameserver.model.view import Exact, Near
from gameserver.model.world import World
from gameserver.protocol.held import decode_held, encode_held
from gameserver.replication import checksum
from gameserver.replication.events import Emission
from gameserver.replication.interest import Lapses
from gameserver.replication.knowledge import NEW, UP_TO_DATE
from gameserver.replication.publisher import Publisher
from gameserver.replication.seat import Seat
from tests.support.frame_sinks import FakeSink
from tests.support.publisher_oracle import WINDOW_TICKS, Oracle
from tests.support.replicated_world import (
    CLASSES,
    RADIUS,
    SCHEMA,
    Chest,
    Client,
    Crate,
    Item,
    Mood,
    Noise,
    Score,
    Ship,
    copy_of,
)


class Replication(Oracle, RuleBasedStateMachine):
    view: Near | Exact | None = Near(RADIUS)

    def __init__(self) -> None:
        super().__init__()
        self.world = World(SCHEMA, self.view)
        self.publisher = Publisher(
            self.world,
            check_every_ticks=2,
            quiet_ticks=3,
            window_ticks=WINDOW_TICKS,
            asker=self.asker(),
        )
        self.tick = 0
        self.clients: dict[int, Client] = {}
        self.entities: list[Any] = []
        self.emissions: list[Emission] = []
        self.count = 0

    @initialize()
    def begin_populated(self) -> None:
        """Begin with three seats in a crowd, so that most examples see entities cross borders."""
        for i in range(8):
            self.spawn(Ship, i * 40.0 - 160, 0.0, i % 4)
        for number in (1, 2, 3):
            self.join_or_leave(number)
        self.steer(1, 0)
        self.look(2, -60.0, 0.0, on=True)
        self.steer(3, 7)
        self.publish(1)

    def asker(self) -> Any:
        return None

    def number(self) -> int:
        self.count += 1
        return self.count

    def a_plan(self, group: int) -> bytes:
        return f"<plan {self.number()} of {group}>".encode()

    def a_secret(self, owner: int) -> bytes:
        return f"<secret {self.number()} of {owner}>".encode()

    positions = st.floats(-400, 400)
    pick = st.integers(0, 10**6)

    def picked(self, pick: int) -> Any:
        return self.entities[pick % len(self.entities)]

    # ------------------------------------------------------------ the world changes

    @rule(cls=st.sampled_from(CLASSES), x=positions, y=positions, owner=st.integers(0, 4))
    def spawn(self, cls: Any, x: float, y: float, owner: int) -> None:
        thing = cls() if cls is Score else cls(x, y)
        thing.secret = self.a_secret(owner)
        if cls is Ship:
            thing.hidden = b"<hidden>"
        self.entities.append(self.world.spawn(thing, owner=owner))

    @precondition(lambda self: self.entities)
    @rule(pick=pick)
    def despawn(self, pick: int) -> None:
        thing = self.picked(pick)
        self.entities.remove(thing)
        self.world.despawn(thing)

    @precondition(lambda self: self.entities)
    @rule(pick=pick)
    def respawn_the_same_object(self, pick: int) -> None:
        thing = self.picked(pick)
        owner = thing._record.owner
        self.world.despawn(thing)
        self.world.spawn(thing, owner=owner)

    @precondition(lambda self: self.entities)
    @rule(
        pick=pick,
        dx=st.one_of(st.floats(-30, 30), st.floats(-700, 700)),
        dy=st.floats(-30, 30),
    )
    def move(self, pick: int, dx: float, dy: float) -> None:
        thing = self.picked(pick)
        if not isinstance(thing, Score):
            thing.x += dx
            thing.y += dy

    @rule(step=st.floats(-40, 40))
    def drift_and_publish(self, step: float) -> None:
        for thing in self.entities:
            if isinstance(thing, Ship):
                thing.x += step
        self.publish(1)

    @precondition(lambda self: self.entities)
    @rule(pick=pick, value=st.integers(-(2**40), 2**40), word=st.text(max_size=3))
    def change(self, pick: int, value: int, word: str) -> None:
        thing = self.picked(pick)
        if isinstance(thing, Ship):
            thing.hull = value
            thing.mood = (None, Mood.CALM, Mood.ANGRY)[value % 3]
            thing.fuel = value % 50
            thing.beat = value % 7
            thing.plan = self.a_plan(thing._record.group)
        elif isinstance(thing, Crate):
            thing.label = word
            thing.sides = tuple(range(value % 4))
            thing.stock = value
        elif isinstance(thing, Chest):
            self.change_in_place(thing, value, word)
        else:
            thing.points = value

    def change_in_place(self, chest: Chest, value: int, word: str) -> None:
        at = value % (len(chest.items) + 1)
        item = Item((Mood.CALM, Mood.ANGRY)[value % 2], value)
        match value % 5:
            case 0:
                chest.items.insert(at, item)
            case 1:
                chest.items = [*chest.items, item, item]
            case 2 if chest.items:
                chest.items[at - 1].count = value
            case 3 if chest.items:
                del chest.items[at - 1]
            case _:
                chest.best = None if chest.best is not None and value % 3 else item
        if value % 2:
            chest.hold.setdefault(word, []).append(value)
        elif chest.hold:
            del chest.hold[next(iter(chest.hold))]

    @precondition(lambda self: self.entities)
    @rule(
        values=st.lists(st.integers(-(2**40), 2**40), min_size=3, max_size=12),
        word=st.text(max_size=3),
    )
    def fill_all_chests(self, values: list[int], word: str) -> None:
        for thing in self.entities:
            if isinstance(thing, Chest):
                for value in values:
                    self.change_in_place(thing, value, word)

    @rule()
    def publish_with_nothing_new(self) -> None:
        self.publish(1)
        self.publish(1)

    @precondition(lambda self: self.entities)
    @rule(pick=pick)
    def change_secret(self, pick: int) -> None:
        thing = self.picked(pick)
        thing.secret = self.a_secret(thing._record.owner)

    @precondition(lambda self: self.entities)
    @rule(pick=pick, owner=st.integers(0, 4))
    def give(self, pick: int, owner: int) -> None:
        thing = self.picked(pick)
        if thing._record.owner:  # otherwise no client has ever received the secret
            thing.secret = self.a_secret(owner)
        self.world.set_owner(thing, owner)

    @rule(x=positions, y=positions, seat=st.integers(0, 4), where=st.integers(0, 3))
    def emit(self, x: float, y: float, seat: int, where: int) -> None:
        noise = Noise(self.number())
        if where == 0 and seat:
            self.emissions.append(Emission(noise, None, seat))
        elif where == 1:
            self.emissions.append(Emission(noise, None, None))
        else:
            points = ((x, y), (-x, y))[: where - 1]
            self.emissions.append(Emission(noise, points, None))

    # ------------------------------------------------------------ the seats change

    @rule(number=st.integers(1, 4))
    def join_or_leave(self, number: int) -> None:
        if (client := self.clients.pop(number, None)) is not None:
            self.publisher.remove(client.seat)
            return
        sink = FakeSink()
        client = self.clients[number] = Client(Seat(number, sink), sink)
        self.publisher.add(client.seat)

    @precondition(lambda self: self.clients and self.entities)
    @rule(number=st.integers(1, 4), pick=pick)
    def steer(self, number: int, pick: int) -> None:
        if number in self.clients:
            seat = self.clients[number].seat
            seat.own = self.picked(pick)._record
            seat.own_changed = True

    @precondition(lambda self: self.clients)
    @rule(number=st.integers(1, 4), x=positions, y=positions, on=st.booleans())
    def look(self, number: int, x: float, y: float, on: bool) -> None:
        if number in self.clients:
            self.clients[number].seat.focus = (x, y) if on else None

    @precondition(lambda self: self.clients)
    @rule(number=st.integers(1, 4))
    def fall_behind_or_recover(self, number: int) -> None:
        if number in self.clients:
            sink = self.clients[number].sink
            sink.clear = not sink.clear

    @precondition(lambda self: self.clients)
    @rule(number=st.integers(1, 4))
    def take_the_catch_up_path(self, number: int) -> None:
        """Let a seat lapse without need: both paths must bring its client to the same state."""
        client = self.clients.get(number)
        if client is not None and client.seat.knowledge is UP_TO_DATE:
            assert client.seat.cell is not None
            client.seat.lapse(Lapses(self.world, self.tick).of(client.seat, client.seat.cell))

    @precondition(lambda self: self.clients)
    @rule(number=st.integers(1, 4))
    def stop_or_go_on_acknowledging(self, number: int) -> None:
        if number in self.clients:
            client = self.clients[number]
            client.acknowledges = not client.acknowledges
            if client.acknowledges:
                client.acknowledge()

    @precondition(lambda self: self.clients)
    @rule(number=st.integers(1, 4))
    def resync(self, number: int) -> None:
        if number in self.clients:
            self.clients[number].seat.forget()
            self.clients[number].expected_events.clear()
            self.clients[number].unsaid.clear()

    @precondition(lambda self: self.clients)
    @rule(number=st.integers(1, 4))
    def receive_the_last_for_good(self, number: int) -> None:
        if number in self.clients:
            self.clients[number].remember()

    @precondition(lambda self: self.clients)
    @rule(number=st.integers(1, 4), lost=st.booleans())
    def drop(self, number: int, lost: bool) -> None:
        client = self.clients.get(number)
        if client is None or client.dropped:
            return
        client.dropped = True
        self.publisher.remove(client.seat)
        client.seat.lose_sink()
        client.expected_events.clear()
        client.unsaid.clear()
        if lost:
            client.replica = copy_of(client.had)

    @precondition(lambda self: self.clients)
    @rule(number=st.integers(1, 4), lies=st.sets(st.integers(1, 40), max_size=5))
    def resume(self, number: int, lies: set[int]) -> None:
        """Resume with what the replica holds, and with ids that it only claims to hold."""
        client = self.clients.get(number)
        if client is None or not client.dropped:
            return
        client.dropped = False
        client.sink = FakeSink()
        replica = client.replica
        if replica.tick < 0:
            client.seat.resume(client.sink, None, 0)
        else:
            for entity_id in lies - self.world.records.keys() - replica.entities.keys():
                self.make_up(replica, entity_id)
            held = encode_held(replica.entities)
            assert held is not None
            client.seat.resume(client.sink, decode_held(held), replica.tick)
        self.publisher.add(client.seat)

    @precondition(lambda self: self.clients and self.entities)
    @rule(
        number=st.integers(1, 4),
        on_their_way=st.lists(st.lists(st.tuples(pick, st.integers(0, 3)), max_size=3), max_size=3),
        away=st.lists(st.tuples(pick, st.integers(0, 3)), max_size=4),
    )
    def lose_the_last_deltas(
        self,
        number: int,
        on_their_way: list[list[tuple[int, int]]],
        away: list[tuple[int, int]],
    ) -> None:
        """Lose deltas, drop and resume in one rule, because separate rules would seldom meet."""
        client = self.clients.get(number)
        if client is None or client.dropped:
            return
        client.remember()
        for happenings in on_their_way:
            self.let_happen(happenings, number)
            self.publish(1)
        self.drop(number, lost=True)
        self.let_happen(away, number)
        self.publish(1)
        self.resume(number, lies=set())
        self.publish(1)

    def let_happen(self, happenings: list[tuple[int, int]], number: int) -> None:
        for pick, what in happenings:
            match what:
                case 0:
                    self.give(pick, number)
                case 1:
                    self.give(pick, 0)
                case 2:
                    self.respawn_the_same_object(pick)
                case _:
                    self.change(pick, pick, "")

    def make_up(self, replica: Replica, entity_id: int) -> None:
        """Let ``replica`` hold an entity that does not exist."""
        if replica.entities:
            lie = copy.copy(replica.entities[min(replica.entities)])
            lie.id = entity_id
            lie.owner_values = None
            replica.entities[entity_id] = replica._by_kind[lie.layout.kind][entity_id] = lie

    # ------------------------------------------------------------ the room is overloaded

    @rule(view_share=st.sampled_from([1.0, 2 / 3]))
    def resize_views(self, view_share: float) -> None:
        self.publisher.view_share = view_share

    # ------------------------------------------------------------ a publish, and the oracle

    @rule(ticks=st.integers(1, 3))
    def publish(self, ticks: int) -> None:
        self.tick += ticks
        heard = {n: c.seat.knowledge is not NEW for n, c in self.clients.items()}
        silent = {n for n, c in self.clients.items() if self.is_silent(c)}
        for client in self.clients.values():
            new = client.seat.knowledge is NEW
            client.held = frozenset() if new else frozenset(client.replica.entities)
            client.held_tick = client.replica.tick
        emissions, self.emissions = self.emissions, []
        self.publisher.publish(self.tick, emissions)
        for client in self.clients.values():
            self.note_focus(client)
        for number, client in self.clients.items():
            if client.dropped:
                continue
            takes = client.sink.clear and number not in silent
            self.expect_events(client, emissions, waits=heard[number] or takes)
            if takes:
                self.receive(client)
            else:
                assert client.sink.frames == []


class OneCellReplication(Replication):
    view = None


@pytest.fixture(autouse=True)
def ids_are_reused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "ID_REST_PUBLISHES", 0)


@pytest.fixture(autouse=True)
def half_of_all_are_checked_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checksum, "CHECK_TURNS", 2)
