"""Where others were: a track of each located entity of some kinds, kept up by deltas.

Owns which tracks there are.  Pure.  A full state, in which all entities come anew under their ids,
goes on with the tracks that are there; what left the view loses its track.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from clients.interpolation import Track
from clients.replica import Replica
from gameserver.errors import LocalProtocolError


class Others:
    """The tracks of the entities of the classes named ``kinds``, by id; all have a position."""

    def __init__(
        self, replica: Replica, kinds: Sequence[str], jump_distance: float, tick_s: float
    ) -> None:
        self._jump_distance: Final = jump_distance
        self._tick_s: Final = tick_s
        self._kinds: Final = [_Positions(replica, kind) for kind in kinds]
        self._tracks: dict[int, Track] = {}

    def follow(self, tick: int) -> None:
        """Note where all of them are after the delta of ``tick``."""
        tracks = self._tracks
        count = 0
        for positions in self._kinds:
            for entity_id, x, y in positions.now():
                count += 1
                track = tracks.get(entity_id)
                if track is None:
                    track = tracks[entity_id] = Track(self._jump_distance, self._tick_s)
                track.push(tick, x, y)
        if count < len(tracks):
            self._tracks = {i: t for i, t in tracks.items() if t.last_tick == tick}

    def place(self, entity_id: int, tick: float) -> tuple[float, float] | None:
        """Return where the entity is drawn when the screen shows ``tick``; None: not yet."""
        track = self._tracks.get(entity_id)
        return None if track is None or not tick >= track.first_tick else track.sample(tick)


class _Positions:
    """The positions of all entities of one kind, in the units of the game."""

    def __init__(self, replica: Replica, kind: str) -> None:
        spec = next((spec for spec in replica.schema.entities if spec.name == kind), None)
        if spec is None or not spec.at:
            raise LocalProtocolError(f"the room knows no entity {kind} with a position")
        self._entities = replica.of_kind(kind)
        self._x, self._y = spec.at
        self._to_x = spec.fields[self._x].type.from_wire
        self._to_y = spec.fields[self._y].type.from_wire

    def now(self) -> Iterator[tuple[int, float, float]]:
        x, y, to_x, to_y = self._x, self._y, self._to_x, self._to_y
        for entity in self._entities:
            values = entity.values
            yield entity.id, to_x(values[x]), to_y(values[y])
