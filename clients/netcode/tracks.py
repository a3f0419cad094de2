"""The tracks of other entities: one for each located entity of some kinds, fed by deltas.

Owns the set of tracks.  Pure.  A full state, in which all entities enter again under their ids,
continues the existing tracks; an entity that left the view loses its track.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from clients.netcode.interpolation import Track
from clients.replica import Replica
from gameserver.errors import LocalProtocolError
from gameserver.model.fieldtypes import FieldType


class Others:
    """The tracks of the entities of the classes named ``kinds``, by id; all have a position."""

    def __init__(
        self, replica: Replica, kinds: Sequence[str], jump_distance: float, tick_s: float
    ) -> None:
        self._jump_distance: Final = jump_distance
        self._tick_s: Final = tick_s
        self._kinds: Final = [_Kind(replica, name) for name in kinds]
        self._tracks: dict[int, Track] = {}

    def follow(self, tick: int) -> None:
        """Note the positions of all these entities after the delta of ``tick``."""
        # Runs for every entity in view at every delta, so it avoids calls.
        tracks = self._tracks
        count = 0
        for kind in self._kinds:
            at_x, at_y, to_x, to_y = kind.at_x, kind.at_y, kind.to_x, kind.to_y
            for entity in kind.entities:
                count += 1
                values = entity.values
                track = tracks.get(entity.id)
                if track is None:
                    track = tracks[entity.id] = Track(self._jump_distance, self._tick_s)
                x, y = values[at_x], values[at_y]
                if to_x is not None:
                    x = to_x(x)
                if to_y is not None:
                    y = to_y(y)
                track.push(tick, x, y)
        if count < len(tracks):
            self._tracks = {i: t for i, t in tracks.items() if t.last_tick == tick}

    def place(self, entity_id: int, tick: float) -> tuple[float, float] | None:
        """Return where the entity is drawn when the screen shows ``tick``; None if not yet."""
        track = self._tracks.get(entity_id)
        return None if track is None or not tick >= track.first_tick else track.sample(tick)


class _Kind:
    """Reads the positions of one kind of entity, in the units of the game."""

    def __init__(self, replica: Replica, name: str) -> None:
        spec = next((spec for spec in replica.schema.entities if spec.name == name), None)
        if spec is None or not spec.at:
            raise LocalProtocolError(f"the room has no entity class {name} with a position")
        self.entities: Final = replica.of_kind(name)
        self.at_x, self.at_y = spec.at
        self.to_x: Final = _conversion(spec.fields[self.at_x].type)
        self.to_y: Final = _conversion(spec.fields[self.at_y].type)


def _conversion(field_type: FieldType) -> Callable[[Any], float] | None:
    """Return what makes a coordinate of a wire value; None if they are the same."""
    same = type(field_type).from_wire is FieldType.from_wire
    return None if same else field_type.from_wire
