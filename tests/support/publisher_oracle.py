"""The oracle of the central property: after every delta, a replica equals what its seat may see.

Owns every judgement of a publish.  Uses no fragments, caches or crossings: it quantises the game's
objects field by field, and takes visibility from geometry.  Changes neither the world nor a seat.
"""

from __future__ import annotations

from typing import Any

from gameserver.model.grid import REACH
from gameserver.model.layers import place_of
from gameserver.model.view import Exact, Near
from gameserver.model.world import World
from gameserver.protocol.messages import Check, Delta
from gameserver.replication.events import Emission
from gameserver.replication.knowledge import UP_TO_DATE
from gameserver.replication.publisher import Publisher
from gameserver.replication.seat import MAX_WAITING_EVENTS
from tests.support.replicated_world import Client


def wire_values(thing: Any, fields: Any) -> list[Any]:
    return [as_received(f.type.to_wire(getattr(thing, f.name))) for f in fields]


def as_received(wire: Any) -> Any:
    """Return a wire value with lists for tuples, as clients hold it."""
    return list(map(as_received, wire)) if isinstance(wire, (tuple, list)) else wire


WINDOW_TICKS = 6


class Oracle:
    """Judges the replicas of the machine that it is a part of."""

    view: Near | Exact | None
    world: World
    publisher: Publisher
    tick: int
    entities: list[Any]

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
