"""A room with players but without sockets, and the views of its players.

Owns stepping the room as a server does, and what each player sees after a step: exactly what the
player's client would hold, by the real replication.  Pure.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Set
from typing import Any, Final

from clients.bots.bot import View
from clients.remote import RemoteEntity, classes_of
from gameserver.errors import LocalProtocolError
from gameserver.model.grid import Grid
from gameserver.model.layers import LAYER_SHIFT, layer_of
from gameserver.model.record import Record
from gameserver.model.view import Exact
from gameserver.replication.events import Emission
from gameserver.replication.publisher import Publisher
from gameserver.room import Room
from gameserver.simulation.seeing import Seeing, has_sees
from gameserver.simulation.stepper import Seated, Stepper

#: Later than any tick: nobody checks checksums here, and nobody needs to hear that nothing changes.
_NEVER: Final = 1 << 40


class _Sink:
    """The sink of a client that takes every delta at once, or none at all.

    Where views are found by place, the publisher makes no deltas for a client that takes none; but
    where it decides for each entity who sees it, a client must take them.
    """

    def __init__(self, *, clear: bool) -> None:
        self.clear: Final = clear

    def post(self, frame: bytes) -> bool:  # noqa: ARG002 - the signature is that of a sink
        """Take a delta."""
        return True


class Surroundings:
    """The entities of a room by cell, with their public values: shared by all who look there.

    Each cell is read once for each tick, when somebody looks at it.
    """

    def __init__(self, room: Room) -> None:
        schema = room.schema()
        self.classes, _ = classes_of(schema)
        #: The kinds of which a client may get more than the public fields.
        self.private = [kind for kind, spec in enumerate(schema.entities) if spec.owner_fields]
        #: The records of the entities of those kinds that were read for this tick.
        self.records: dict[int, Record] = {}
        self._room = room
        self._entities: dict[int, RemoteEntity] = {}
        self._cells: dict[int, dict[int, list[RemoteEntity]]] = {}
        self._tick = -1

    def of_cell(self, cell: int) -> dict[int, list[RemoteEntity]]:
        """Return kind → the entities in a cell."""
        found = self._cells.get(cell)
        if found is None:
            found = self._cells[cell] = {}
            known, private = self._entities, self.private
            for record in self._room.world.grid.members[cell].values():
                kind, entity_id = record.kind, record.id
                entity = known.get(entity_id)
                if entity is None or entity.layout.kind != kind or kind in private:
                    entity = self.entity(record)
                else:
                    entity.values = record.values  # type: ignore[assignment]  # as in ``entity``
                if kind in found:
                    found[kind].append(entity)
                else:
                    found[kind] = [entity]
        return found

    def entity(self, record: Record) -> RemoteEntity:
        """Return the entity of ``record``, with the public values of the newest publish."""
        kind, entity_id = record.kind, record.id
        entity = self._entities.get(entity_id)
        if entity is None or entity.layout.kind != kind:
            entity = self._entities[entity_id] = self.classes[kind](entity_id, [], self._tick)
        entity.values = record.values  # type: ignore[assignment]  # nobody writes them here
        if kind in self.private:
            self.records[entity_id] = record
        return entity

    def begin(self, tick: int) -> None:
        """Forget what was read for an earlier tick."""
        if tick != self._tick:
            self._tick = tick
            self._cells.clear()
            self.records.clear()


class RoomSight:
    """The view of one player: as a client's ``Replica``, but read from the room itself."""

    def __init__(self, room: Room, seated: Seated, surroundings: Surroundings) -> None:
        self._room = room
        self._seated = seated
        self._surroundings = surroundings
        self._names = {made.spec.name: made.layout.kind for made in surroundings.classes}
        #: Entities with fields that not everybody gets.
        self._own: dict[int, RemoteEntity] = {}
        self._by_kind: list[list[RemoteEntity]] = []
        self._looked_at = -1

    @property
    def tick(self) -> int:
        """The tick of this state."""
        return self._room.tick_number

    @property
    def own(self) -> RemoteEntity | None:
        """The entity that the player steers, None if there is none or it is out of view."""
        self._look()
        number = self._room.id_of(self._seated.player.entity)
        found = self._own.get(number)
        if found is None and number:
            everything = itertools.chain.from_iterable(self._by_kind)
            found = next((entity for entity in everything if entity.id == number), None)
        return found

    def of_kind(self, name: str) -> Collection[RemoteEntity]:
        """Return the entities in view of the class called ``name``."""
        self._look()
        kind = self._names.get(name)
        if kind is None:
            raise LocalProtocolError(
                f"the room has no entity class {name}; it has {', '.join(self._names)}"
            )
        return self._by_kind[kind]

    def _look(self) -> None:
        """Gather what is in view, once for each tick."""
        room, around = self._room, self._surroundings
        tick = room.tick_number
        if tick == self._looked_at:
            return
        self._looked_at = tick
        around.begin(tick)
        by_kind: list[list[RemoteEntity]] = [[] for _ in around.classes]
        seat, grid = self._seated.seat, room.world.grid
        before, self._own = self._own, {}
        if seat.cell is not None:
            cells: Iterable[int] = grid.view(seat.cell)
            if seat.chosen is not None:
                cells = grid.own_cells(layer_of(seat.cell))
                for record in seat.chosen.values():
                    by_kind[record.kind].append(around.entity(record))
            members = grid.members
            for cell in cells:
                if not members.get(cell):
                    continue
                for kind, entities in around.of_cell(cell).items():
                    by_kind[kind] += entities
            for kind in around.private:
                by_kind[kind] = [self._with_own_fields(one, before) for one in by_kind[kind]]
        self._by_kind = by_kind

    def _with_own_fields(
        self, public: RemoteEntity, before: dict[int, RemoteEntity]
    ) -> RemoteEntity:
        """Return an entity of the player's own if the player gets more of it than others."""
        record = self._surroundings.records[public.id]
        seat = self._seated.seat
        group = record.group_values if record.group in seat.groups else ()
        if record.owner != seat.number and not group:
            return public
        entity = before.get(public.id)
        if entity is None or entity.layout.kind != record.kind:
            entity = type(public)(public.id, [], self._looked_at)
        own = record.owner_values
        if record.owner != seat.number:
            own = (None,) * len(own)
        rest = group or (None,) * len(record.group_values)
        entity.values = public.values
        entity.owner_values = [*own, *rest] or None
        self._own[public.id] = entity
        return entity

    def hears(self, emission: Emission, cells: Set[int]) -> bool:
        """Whether the player's client is told of an event that happened in ``cells``."""
        seat = self._seated.seat
        if emission.seat is not None:
            return emission.seat == seat.number
        if emission.group is not None:
            return emission.group in seat.groups
        if emission.points is None:
            return True
        if seat.cell is None:
            return False
        grid, viewpoint = self._room.world.grid, seat.cell
        if grid.layered:
            return any(grid.sees(viewpoint, cell) for cell in cells)
        return not grid.view_set(viewpoint).isdisjoint(cells)


def _cells_of(emission: Emission, grid: Grid) -> Set[int]:
    """Return where an event happened."""
    layer = 0 if emission.by is None else emission.by.layer << LAYER_SHIFT
    return {grid.cell_at(x, y) + layer for x, y in emission.points or ()}


class Stage:
    """``room`` with players in the seats from 1 on."""

    def __init__(self, room: Room, players: int) -> None:
        self.room: Final = room
        self._stepper: Final = Stepper(room)
        asker = Seeing(room, lambda: 0.0) if has_sees(room) else None
        self._publisher = Publisher(
            room.world, check_every_ticks=_NEVER, quiet_ticks=_NEVER, asker=asker
        )
        sink = _Sink(clear=asker is not None or isinstance(room.view, Exact))
        surroundings = Surroundings(room)
        self._players: dict[int, tuple[Seated, RoomSight, View]] = {}
        for number in range(1, players + 1):
            seated = self._stepper.join(number, sink, f"player {number}")
            self._raise_failure()
            sight = RoomSight(room, seated, surroundings)
            view = View(sight, number, room.tick_rate)
            self._players[number] = (seated, sight, view)
            self._publisher.add(seated.seat)
        self._publish()

    def seated(self, number: int) -> bool:
        """Whether the player of a seat is still in the room."""
        return number in self._players

    def view(self, number: int) -> View:
        """Return what the player of a seat sees now."""
        return self._players[number][2]

    def player(self, number: int) -> Any:
        """Return the room's own player of a seat."""
        return self._players[number][0].player

    def give(self, number: int, command: Any) -> None:
        """Let the player of a seat give a command, whose values must be allowed."""
        commands = self._players[number][0].commands
        commands.take(commands.newest_seq + 1, command)

    def step(self, ticks: int = 1) -> None:
        """Play some ticks; the views then have the events of all of them."""
        for _, _, view in self._players.values():
            view.events = []
        for _ in range(ticks):
            self._stepper.step(self.room.tick_number + 1)
            self._raise_failure()
            for player in self._stepper.kicked:
                self._leave(player.seat, player.kicked or "")
            for move in self._stepper.take_moves():
                for seat in move.seats:
                    self._leave(seat, f"moved to {move.room}")
            self._publish()

    def _leave(self, number: int, reason: str) -> None:
        seated, _, _ = self._players.pop(number)
        self._publisher.remove(seated.seat)
        self._stepper.leave(seated.player, reason)
        self._raise_failure()

    def _publish(self) -> None:
        room, stepper = self.room, self._stepper
        stepper.take_texts()
        emissions = stepper.take_emissions()
        self._publisher.publish(room.tick_number, emissions)
        stepper.published(room.tick_number)
        told = [(emission, _cells_of(emission, room.world.grid)) for emission in emissions]
        for _, sight, view in self._players.values():
            view.tick = room.tick_number
            heard = [emission.event for emission, cells in told if sight.hears(emission, cells)]
            if heard:
                view.events = [*view.events, *heard]

    def _raise_failure(self) -> None:
        for failure in self._stepper.take_failures():
            raise failure.error
