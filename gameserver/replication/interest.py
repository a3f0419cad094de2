"""The view of a seat, and the catch-up path: the public sections of a delta for a seat's knowledge.

Owns the focus of a seat, the members of a view, and leaves, enters, sets and adds for one state of
knowledge.  The catch-up path alone would be a correct publisher; the shared path (``bodies.py``)
must bring a client to the same knowledge.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gameserver.model.grid import EVERYWHERE
from gameserver.model.layers import LAYER_SHIFT, layer_of, place_of
from gameserver.model.record import Record
from gameserver.model.world import World
from gameserver.protocol.wire import array_header
from gameserver.replication.fragments import (
    EMPTY_ARRAY,
    NIL,
    append_since,
    enter_fragment,
    fragment,
)
from gameserver.replication.knowledge import Lapsed, New
from gameserver.replication.seat import Seat


def focus_cell(world: World, seat: Seat) -> int:
    """Return the present viewpoint of a seat, by the values just scanned."""
    if not world.grid.layered:
        return focus_place(world, seat)
    sight = world.grid.layers.sight(seat.groups, seat.number)
    return place_of(focus_place(world, seat)) + (sight << LAYER_SHIFT)


def focus_place(world: World, seat: Seat) -> int:
    """Return a cell in the place of the focus; until there are groups, that is the viewpoint.

    A seat that follows its entity looks from the cell of that entity, which has hysteresis already.
    """
    cell = seat.cell
    if seat.focus is not None:
        return world.grid.settle(None if cell is None else place_of(cell), *seat.focus)
    own = seat.own
    if own is not None and own.spec.at and own.settled is not None:
        return own.settled
    return EVERYWHERE if cell is None else cell


def focus_point(seat: Seat) -> tuple[float, float] | None:
    """Return the point that the seat looks from now; None if it never had a focus."""
    if seat.focus is not None:
        return seat.focus
    own = seat.own
    if own is not None and own.settled is not None:
        position = own.compiled.position
        if position is not None:
            return position(own.values)
    return seat.point


def visible_now(world: World, seat: Seat) -> Iterator[Record]:
    """Yield the entities that ``seat`` sees as of the last publish, if it is up to date."""
    if seat.cell is None:
        return
    cells: Iterable[int] = world.grid.view(seat.cell)
    if seat.chosen is not None:
        yield from seat.chosen.values()
        cells = world.grid.own_cells(layer_of(seat.cell))
    for cell in cells:
        yield from world.grid.members.get(cell, {}).values()


def members_of(world: World, cell: int) -> set[int]:
    """Return the ids of all entities that are seen from the viewpoint ``cell``."""
    ids: set[int] = set()
    for seen in world.grid.view(cell):
        members = world.grid.members.get(seen)
        if members:
            ids.update(members)
    return ids


class Lapses:
    """The ``Lapsed`` states of one publish: one for all seats that looked from the same cell.

    All of them are as of the last publish: a seat that has had no delta since some earlier publish
    was up to date with this one, because nothing had changed for it.
    """

    __slots__ = ("_by_cell", "_last_publish", "_world")

    def __init__(self, world: World, last_publish: int) -> None:
        self._world = world
        self._last_publish = last_publish
        self._by_cell: dict[int, Lapsed] = {}

    def of(self, seat: Seat, cell: int) -> Lapsed:
        """Return the knowledge of ``seat``, which is up to date and looked from ``cell``."""
        if seat.chosen is not None:
            known = set(seat.chosen)
            for own_cell in self._world.grid.own_cells(layer_of(cell)):
                known.update(self._world.grid.members[own_cell])
            return Lapsed(known, self._last_publish, groups=self._groups(cell))
        lapsed = self._by_cell.get(cell)
        if lapsed is None:
            known = members_of(self._world, cell)
            lapsed = Lapsed(known, self._last_publish, groups=self._groups(cell))
            self._by_cell[cell] = lapsed
        return lapsed

    def _groups(self, viewpoint: int) -> frozenset[int]:
        return self._world.grid.layers.sights[layer_of(viewpoint)].groups


def catch_up(world: World, knowledge: New | Lapsed, cell: int) -> bytes:
    """Return leaves, enters, sets and adds for a seat that looks from ``cell``."""
    visible: dict[int, Record] = {}
    for seen in world.grid.view(cell):
        visible.update(world.grid.members.get(seen, ()))
    return catch_up_to(visible, knowledge)


def catch_up_to(visible: Mapping[int, Record], knowledge: New | Lapsed) -> bytes:
    """Return leaves, enters, sets and adds for a seat that sees ``visible`` now."""
    if not isinstance(knowledge, Lapsed):
        return _sections(NIL, list(visible.values()), [])
    known, since = knowledge.known, knowledge.since
    enters: list[Record] = []
    sets: list[Any] = []
    for entity_id, record in visible.items():
        # An id that was born since stands for another entity than the one that the seat knows.
        if entity_id not in known or record.born_at > since:
            enters.append(record)
        else:
            append_since(record.id, record.values, record.changed_at, since, sets)
    gone = [i for i in known if i not in visible or visible[i].born_at > since]
    return _sections(array_header(len(gone)) + fragment(gone), enters, sets)


def _sections(leaves: bytes, enters: list[Record], sets: list[Any]) -> bytes:
    return b"".join(
        (
            leaves,
            array_header(sum([2 + len(record.values) for record in enters])),
            *map(enter_fragment, enters),
            array_header(len(sets)),
            fragment(sets),
            EMPTY_ARRAY,
        )
    )
