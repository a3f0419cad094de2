"""The entities that a hit test may find for one player: those that its client can know.

Owns the judgement, made only from the state of the room.  The set that replication keeps for a seat
is not used: it depends on the client's link, which no replay or snapshot has, so hit tests would
differ between the room and its replay.
"""

from __future__ import annotations

from typing import Final

from gameserver.group import groups_of
from gameserver.model.record import Record
from gameserver.model.view import Exact
from gameserver.player import Player
from gameserver.room import Room, sealed
from gameserver.simulation.seeing import ask, has_sees


class Visibility:
    """The entities that ``player`` may find in ``room``; made for one hit test."""

    def __init__(self, room: Room, player: Player) -> None:
        self._room: Final = room
        self._player: Final = player
        self._asks: Final = has_sees(room)
        layers = room.world.grid.layers
        self._own_layers: Final = layers.own[layers.sight(groups_of(player), player.seat)]
        view = room.view
        self._radius: Final = view.radius if isinstance(view, Exact) else None
        self._point: Final = _focus_of(player)

    def shows(self, record: Record) -> bool:
        """Return whether a hit test may find ``record``."""
        if record.layer in self._own_layers:
            return True
        if self._room.world.grid.layers.is_hidden(record.layer):
            return False
        if self._radius is not None and not self._is_within(record, self._radius):
            return False
        if not self._asks or record.owner == self._player.seat:
            return True
        with sealed(self._room):
            return ask(self._room, self._player, record)

    def _is_within(self, record: Record, radius: float) -> bool:
        position = record.compiled.position
        if position is None or record.settled is None or self._point is None:
            return False
        (x, y), (focus_x, focus_y) = position(record.values), self._point
        return bool((x - focus_x) ** 2 + (y - focus_y) ** 2 <= radius * radius)


def narrows(room: Room) -> bool:
    """Return whether a player of ``room`` may find less than all."""
    return room.world.grid.layered or isinstance(room.view, Exact) or has_sees(room)


def _focus_of(player: Player) -> tuple[float, float] | None:
    """Return the point from which ``player`` looked at the last publish; None without a focus."""
    own: Record | None = getattr(player.entity, "_record", None)
    if player.focus is not None or own is None or own.settled is None:
        return player.focus
    position = own.compiled.position
    return None if position is None else position(own.values)
