"""The tracks of other entities: one for each located entity of some kinds, fed by deltas.

Owns the set of tracks.  Pure.  A full state, in which all entities enter again under their ids,
continues the existing tracks; an entity that left the view loses its track.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from clients.netcode.interpolation import Track
from clients.replica import Replica
from gameserver.errors import LocalProtocolError


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
                track.push(tick, to_x(values[at_x]), to_y(values[at_y]))
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
        self.to_x: Final = spec.fields[self.at_x].type.from_wire
        self.to_y: Final = spec.fields[self.at_y].type.from_wire
