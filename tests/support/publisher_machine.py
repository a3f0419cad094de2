"""A stateful model of a publisher: a random world with random seats against real replicas.

Owns the oracle of the central property: after every delta, a replica equals what its seat may see.
The oracle uses no fragments, caches or crossings: it quantises the game's objects field by field,
and takes visibility from geometry.
"""

from __future__ import annotations

import copy
import math
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from clients.replica import Replica
from gameserver.model import world
from gameserver.model.grid import REACH
from gameserver.model.layers import place_of
from gameserver.model.view import LEAVE_SHARE, Exact, Near
from gameserver.model.world import World
from gameserver.protocol.held import decode_held, encode_held
from gameserver.protocol.messages import Check, Delta
from gameserver.replication import checksum
from gameserver.replication.events import Emission
from gameserver.replication.interest import Lapses
from gameserver.replication.knowledge import NEW, UP_TO_DATE
from gameserver.replication.publisher import Publisher
from gameserver.replication.seat import MAX_WAITING_EVENTS, Seat
from tests.support.frame_sinks import FakeSink
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


def wire_values(thing: Any, fields: Any) -> list[Any]:
    return [as_received(f.type.to_wire(getattr(thing, f.name))) for f in fields]


def as_received(wire: Any) -> Any:
    """Return a wire value with lists for tuples, as clients hold it."""
    return list(map(as_received, wire)) if isinstance(wire, (tuple, list)) else wire


WINDOW_TICKS = 6


class Replication(RuleBasedStateMachine):
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

    def note_focus(self, client: Client) -> None:
        seat = client.seat
        if client.dropped:
            return
        if seat.focus is not None:
            client.looks_from = seat.focus
        elif seat.own is not None and seat.own.alive and seat.own.compiled.position is not None:
            client.looks_from = seat.own.compiled.position(seat.own.values)

    def is_silent(self, client: Client) -> bool:
        """Whether an acknowledgement is overdue, and the delta of this window was sent."""
        overdue = self.tick - WINDOW_TICKS
        return bool(client.unsaid) and client.unsaid[0] < overdue < client.unsaid[-1]

    def expect_events(self, client: Client, emissions: list[Emission], *, waits: bool) -> None:
        if not waits:
            return  # a full state is due, and it holds no past events
        for emission in emissions:
            if self.hears(client, emission):
                client.expected_events.append(emission.event.number)
        if not (client.sink.clear and client.seat.knowledge is UP_TO_DATE):
            while len(client.expected_events) > MAX_WAITING_EVENTS:
                client.expected_events.popleft()

    def hears(self, client: Client, emission: Emission) -> bool:
        seat, by = client.seat, emission.by
        if emission.seat is not None:
            return emission.seat == seat.number
        if emission.group is not None:
            return emission.group in seat.groups
        if by is not None:
            if by.group in seat.groups or (by.hidden and by.owner == seat.number):
                return True
            if by.hidden:
                return False
        return emission.points is None or any(self.is_heard(client, *p) for p in emission.points)

    def is_heard(self, client: Client, x: float, y: float) -> bool:
        grid = self.world.grid
        return grid.cell_at(x, y) in grid.places(place_of(client.seat.cell))

    def receive(self, client: Client) -> None:
        data = b"".join(client.sink.frames)
        self.assert_no_secret_of_others(client, data)
        messages = client.sink.take_messages()
        assert [type(m) for m in messages] in ([], [Delta], [Delta, Check])
        heard: list[int] = []
        if messages:
            assert messages[0].tick == self.tick
            heard = [e.number for e in client.replica.apply(messages[0])]
            client.unsaid.append(self.tick)
            if client.acknowledges:
                client.acknowledge()
        assert heard == list(client.expected_events)
        client.expected_events.clear()
        self.assert_equal_to_world(client)  # even if no delta came
        self.assert_view_keeps_its_promise(client)
        if len(messages) == 2:
            assert messages[1].tick == self.tick
            assert client.replica.checksum() == messages[1].checksum

    def assert_no_secret_of_others(self, client: Client, data: bytes) -> None:
        assert b"<hidden>" not in data
        mine = (b"of 0>", b"of %d>" % client.seat.number)
        for part in data.split(b"<secret ")[1:]:
            assert part.split(b" ", 1)[1].startswith(mine)
        ours = tuple(b"of %d>" % group for group in client.seat.groups)
        for part in data.split(b"<plan ")[1:]:
            assert part.split(b" ", 1)[1].startswith(ours)

    def assert_equal_to_world(self, client: Client) -> None:
        seat, replica = client.seat, client.replica
        visible = {t._record.id: t for t in self.entities if self.is_visible(t, client)}
        assert set(replica.entities) == set(visible)
        for entity_id, thing in visible.items():
            remote = replica.entities[entity_id]
            spec = thing._record.spec
            assert remote.spec.name == type(thing).__name__
            values = as_received(remote.values)
            assert values == wire_values(thing, spec.fields)
            owned = thing._record.owner == seat.number
            shared = bool(spec.group_mask) and thing._record.group in seat.groups
            private = wire_values(thing, spec.owner_fields)
            expected = [
                value if (owned if i < spec.group_from else shared) else None
                for i, value in enumerate(private)
            ]
            held = remote.owner_values or [None] * len(expected)
            assert as_received(held) == expected
        own = seat.own
        assert replica.own_entity == (own.id if own and own.alive else 0)

    def is_visible(self, thing: Any, client: Client) -> bool:
        record, seat = thing._record, client.seat
        if record.group in seat.groups or (record.hidden and record.owner == seat.number):
            return True
        grid = self.world.grid
        return not record.hidden and place_of(record.cell) in grid.places(place_of(seat.cell))

    def assert_view_keeps_its_promise(self, client: Client) -> None:
        """Everything within the view radius is seen, and nothing beyond the cells and margins."""
        own = client.seat.own
        if not isinstance(self.view, Near) or own is None or own.compiled.position is None:
            return
        radius = self.view.radius * self.publisher.view_share
        if client.seat.focus is not None:
            x, y = client.seat.focus
        else:
            x, y = own.compiled.position(own.values)
        view = self.world.grid.view(client.seat.cell)
        for record in self.world.records.values():
            if record.spec.at and not record.layer:
                other_x, other_y = record.compiled.position(record.values)
                distance = max(abs(other_x - x), abs(other_y - y))
                if distance <= radius:
                    assert record.cell in view
                if record.cell in view:
                    assert distance <= (REACH + 1) * self.world.grid.cell_size + 2 * (
                        self.world.grid.margin
                    )


class OneCellReplication(Replication):
    view = None


class GroupedReplication(Replication):
    """Entities and seats change their groups, and entities are hidden and shown."""

    groups = st.integers(0, 3)

    def __init__(self) -> None:
        super().__init__()
        self.world.grid.layered = True

    @initialize()
    def begin_populated(self) -> None:
        """Begin with two teams, and with something hidden near everyone."""
        super().begin_populated()
        for i, thing in enumerate(self.entities):
            self.world.set_group(thing, i % 3)
            self.world.set_hidden(thing, hidden=i in (2, 6))
        self.clients[1].seat.groups = frozenset({1})
        self.publish(1)

    @precondition(lambda self: self.entities)
    @rule(pick=Replication.pick, group=groups)
    def regroup(self, pick: int, group: int) -> None:
        thing = self.picked(pick)
        if isinstance(thing, Ship):
            thing.plan = self.a_plan(group)
        self.world.set_group(thing, group)

    @precondition(lambda self: self.entities)
    @rule(pick=Replication.pick, hidden=st.booleans())
    def hide(self, pick: int, hidden: bool) -> None:
        self.world.set_hidden(self.picked(pick), hidden=hidden)

    @rule(group=groups, hidden=st.booleans(), x=Replication.positions)
    def spawn_in_a_group(self, group: int, hidden: bool, x: float) -> None:
        ship = Ship(x, 0.0, secret=self.a_secret(1), plan=self.a_plan(group))
        self.entities.append(self.world.spawn(ship, owner=1, group=group, hidden=hidden))

    @precondition(lambda self: self.clients)
    @rule(number=st.integers(1, 4), groups=st.frozensets(st.integers(1, 3), max_size=2))
    def join_groups(self, number: int, groups: frozenset[int]) -> None:
        if number in self.clients:
            self.clients[number].seat.groups = groups

    @precondition(lambda self: self.clients and self.entities)
    @rule(number=st.integers(1, 4), pick=Replication.pick, groups=st.frozensets(groups, max_size=2))
    def meet_a_team_mate_far_away(self, number: int, pick: int, groups: frozenset[int]) -> None:
        """Let an entity come, change its group and move while a seat changes its groups."""
        self.join_groups(number, groups - {0})
        self.regroup(pick, 1 + pick % 3)
        self.move(pick, 900.0, 0.0)
        self.publish(1)
        self.regroup(pick, pick % 2)
        self.change(pick, pick, "")
        self.publish(1)

    @precondition(lambda self: self.entities)
    @rule(pick=Replication.pick, at=st.booleans(), x=Replication.positions, group=groups)
    def emit_by_an_entity_or_to_a_group(self, pick: int, at: bool, x: float, group: int) -> None:
        noise, by = Noise(self.number()), self.picked(pick)._record
        if group:
            self.emissions.append(Emission(noise, None, None, group))
        else:
            points = [(x, 0.0)] if at else None
            self.emissions.append(Emission(noise, points, None, None, by))


class ExactReplication(GroupedReplication):
    """Near entities are seen by distance, with the values that were just published."""

    view = Exact(RADIUS)

    def is_visible(self, thing: Any, client: Client) -> bool:
        record, seat = thing._record, client.seat
        if record.group in seat.groups or (record.hidden and record.owner == seat.number):
            return True
        if record.hidden or record.compiled.position is None:
            return not record.hidden
        distance = self.distance(client, *record.compiled.position(record.values))
        reach = RADIUS * self.publisher.view_share
        knew = record.id in client.held and record.born_at <= client.held_tick
        return distance <= (LEAVE_SHARE * reach if knew else reach)

    def is_heard(self, client: Client, x: float, y: float) -> bool:
        return self.distance(client, x, y) <= RADIUS * self.publisher.view_share

    def distance(self, client: Client, x: float, y: float) -> float:
        if client.looks_from is None:
            return math.inf
        return math.hypot(x - client.looks_from[0], y - client.looks_from[1])


class Walls:
    """Refuses pairs of a seat and an entity; the other half of every test of ``sees``."""

    def __init__(self) -> None:
        self.between: set[tuple[int, Any]] = set()

    def begin(self) -> None: ...

    def refused(self, seat: int, records: Any) -> list[int]:
        records = list(records)
        assert all(record.owner != seat for record in records), "owners are not asked about"
        return [record.id for record in records if self.stands(seat, record)]

    def stands(self, seat: int, record: Any) -> bool:
        """Whether there is a wall: between some from the beginning, and as rules change it."""
        return ((seat + record.id) % 4 == 0) != ((seat, record.entity) in self.between)

    def finish(self) -> None: ...


class SeesReplication(GroupedReplication):
    """The game refuses some of what is near."""

    def asker(self) -> Any:
        self.walls = Walls()
        return self.walls

    @precondition(lambda self: self.entities)
    @rule(number=st.integers(1, 4), picks=st.lists(Replication.pick, max_size=4))
    def build_or_open_walls(self, number: int, picks: list[int]) -> None:
        for pick in picks:
            self.walls.between ^= {(number, self.picked(pick))}

    def is_visible(self, thing: Any, client: Client) -> bool:
        record, seat = thing._record, client.seat
        if record.group in seat.groups or record.owner == seat.number:
            return super().is_visible(thing, client)
        walled = self.walls.stands(seat.number, record)
        return not walled and super().is_visible(thing, client)

    def hears(self, client: Client, emission: Emission) -> bool:
        by, seat = emission.by, client.seat
        if not super().hears(client, emission):
            return False
        if by is None or by.group in seat.groups or by.owner == seat.number:
            return True
        return not self.walls.stands(seat.number, by)


class ExactSeesReplication(SeesReplication, ExactReplication):
    view = Exact(RADIUS)


class OneCellSeesReplication(SeesReplication):
    view = None


class OneCellGroupedReplication(GroupedReplication):
    view = None


@pytest.fixture(autouse=True)
def ids_are_reused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "ID_REST_PUBLISHES", 0)


@pytest.fixture(autouse=True)
def half_of_all_are_checked_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checksum, "CHECK_TURNS", 2)
