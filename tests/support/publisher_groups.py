"""The model of a publisher with groups, hidden entities, exact views and ``sees``.

Owns what these add to ``publisher_machine``: rules that change them, and the visibility that
follows.
"""

from __future__ import annotations

import math
from typing import Any

import hypothesis.strategies as st
from hypothesis.stateful import initialize, precondition, rule

from gameserver.model.view import LEAVE_SHARE, Exact
from gameserver.replication.events import Emission
from tests.support.publisher_machine import Replication
from tests.support.replicated_world import RADIUS, Client, Noise, Ship


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

    @rule()
    def forget_unused_layers(self) -> None:
        self.world.grid.layers.when_to_look = 0

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
