"""An index of the rooms that the server may choose for a player, by kind and by filter values.

Owns the index and its order: the oldest room that fits comes first, so that rooms fill up one after
another.  An entry may be outdated: ``find`` checks the room itself before it returns it, and drops
the entry if the room takes nobody.  So ``note`` must be called whenever a room becomes joinable
again, but not when it ceases to be joinable.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, Generic, Protocol, TypeVar

Key = tuple[Any, ...]


class Candidate(Protocol):
    """A room, as far as the index needs it."""

    @property
    def serial(self) -> int:
        """A number that is higher for every room that is made later."""

    @property
    def filter_values(self) -> Key | None:
        """The present filter values of the room; None if the server may not choose it."""


C = TypeVar("C", bound=Candidate)


class JoinableRooms(Generic[C]):
    """The rooms of one kind.  ``filter_by`` are the names of the values in a key."""

    def __init__(self, filter_by: Collection[str]) -> None:
        self._names: Final = tuple(filter_by)
        self._by_key: dict[Key, dict[int, C]] = {}
        self._keys: dict[int, Key] = {}

    def __len__(self) -> int:
        """Return how many rooms have an entry."""
        return len(self._keys)

    def note(self, room: C) -> None:
        """Note that a room was made, or has changed."""
        serial, key = room.serial, room.filter_values
        if key == self._keys.get(serial):
            return
        self.forget(room)
        if key is not None:
            self._keys[serial] = key
            self._by_key.setdefault(key, {})[serial] = room

    def forget(self, room: C) -> None:
        """Note that a room has ended."""
        key = self._keys.pop(room.serial, None)
        if key is not None:
            rooms = self._by_key[key]
            del rooms[room.serial]
            if not rooms:
                del self._by_key[key]

    def find(self, wanted: Mapping[str, Any], passed_over: Collection[int] = ()) -> C | None:
        """Return the oldest room that has all ``wanted`` values, by name; None if there is none.

        Rooms whose serial numbers are in ``passed_over`` are left out.
        """
        found: C | None = None
        for key in list(self._keys_with(wanted)):
            room = self._oldest(key, passed_over)
            if room is not None and (found is None or room.serial < found.serial):
                found = room
        return found

    def _keys_with(self, wanted: Mapping[str, Any]) -> Iterator[Key]:
        if len(wanted) == len(self._names):
            key = tuple(wanted[name] for name in self._names)
            if key in self._by_key:
                yield key
            return
        asked = [(i, wanted[name]) for i, name in enumerate(self._names) if name in wanted]
        for key in self._by_key:
            if all(key[i] == value for i, value in asked):
                yield key

    def _oldest(self, key: Key, passed_over: Collection[int]) -> C | None:
        while rooms := self._by_key.get(key):
            serial = min((each for each in rooms if each not in passed_over), default=None)
            if serial is None:
                return None
            room = rooms[serial]
            if room.filter_values == key:
                return room
            self.note(room)  # it has changed: it gets another entry, or none
        return None
