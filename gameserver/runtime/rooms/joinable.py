"""The rooms that a player may be put into who names none, by kind and by what they are filtered by.

Owns the index and its order: the oldest room that fits comes first, so that rooms fill up one after
another.  An entry is a claim that may have become wrong; ``find`` looks at the room itself before
it returns it, and drops the entry if the room takes nobody.  So every change by which a room
becomes joinable again must be noted with ``note``; one by which it ceases to be need not.
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
        """The present values that the room is filtered by; None if nobody may be put into it."""


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
        """Note that a room takes nobody any more."""
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
            self.note(room)  # it has changed, and is somewhere else now, or nowhere
        return None
