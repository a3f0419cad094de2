"""The rooms of one server that can be joined, and the ways to find one.

Owns the indexes: by label, by kind and filter values, and by the identities that play; and which
names are free.  Never makes, runs or closes a room, and never refuses a client; ``lobby.py`` does.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any, Final

import trio

from gameserver.room import Room
from gameserver.runtime.rooms.identities import Identities
from gameserver.runtime.rooms.join_request import JoinRequest
from gameserver.runtime.rooms.joinable import JoinableRooms
from gameserver.runtime.rooms.open_room import OpenRoom

#: Before a room is chosen for a player, changes that games have made to ``locked``, ``private`` and
#: ``listing`` of all rooms are looked for, but at most once in this time.
SWEEP_EVERY_S: Final = 0.25


class OpenRooms:
    """The rooms of these ``kinds`` that can be joined."""

    def __init__(self, kinds: Mapping[str, type[Room]]) -> None:
        self._rooms: dict[str, OpenRoom] = {}
        self._joinable: dict[str, JoinableRooms[OpenRoom]] = {}
        self.filter_as(kinds)
        #: Kind → when all its rooms were last looked at.
        self._swept_s = dict.fromkeys(kinds, -math.inf)
        #: By kind: the lowest number that may be free as a name.
        self._lowest_name = dict.fromkeys(kinds, 1)
        #: The rooms in which an identity plays; the rosters of the rooms keep it.
        self.identities: Final = Identities()
        #: Ends the names that are given here, where other nodes must not give the same.
        self.name_suffix = ""

    def __len__(self) -> int:
        """Return how many rooms there are."""
        return len(self._rooms)

    def __contains__(self, label: str) -> bool:
        """Whether there is a room of this label."""
        return label in self._rooms

    def __getitem__(self, label: str) -> OpenRoom:
        """Return the room of this label; ``KeyError`` if there is none."""
        return self._rooms[label]

    def get(self, label: str) -> OpenRoom | None:
        """Return the room of this label; None if there is none."""
        return self._rooms.get(label)

    @property
    def all(self) -> list[OpenRoom]:
        """All rooms, oldest first."""
        return list(self._rooms.values())

    # ------------------------------------------------------------ which there are

    def add(self, opened: OpenRoom) -> None:
        """Let a room be found; one that had its label is found no more."""
        former = self._rooms.get(opened.task.label)
        if former is not None:
            self._joinable[opened.kind].forget(former)
        self._rooms[opened.task.label] = opened
        self._joinable[opened.kind].note(opened)

    def note(self, opened: OpenRoom) -> None:
        """Note that a room has changed; harmless if it is no longer found."""
        if self._rooms.get(opened.task.label) is opened:
            self._joinable[opened.kind].note(opened)

    def forget(self, opened: OpenRoom) -> None:
        """Let nobody find this room any more, so that another of its name can be made."""
        if self._rooms.get(opened.task.label) is opened:
            del self._rooms[opened.task.label]
            self._joinable[opened.kind].forget(opened)
            number = opened.name.removesuffix(self.name_suffix)
            if number.isdecimal():
                lowest = min(self._lowest_name[opened.kind], int(number))
                self._lowest_name[opened.kind] = max(1, lowest)

    def filter_as(self, kinds: Mapping[str, type[Room]]) -> None:
        """Find rooms by what these classes filter by, each once it is added or noted again."""
        self._joinable = {kind: JoinableRooms(cls.filter_by) for kind, cls in kinds.items()}

    # ------------------------------------------------------------ finding

    def find_fitting(
        self, kind: str, wanted: Mapping[str, Any], passed_over: Collection[int] = ()
    ) -> OpenRoom | None:
        """Return the oldest room with the values ``wanted`` that a new player may join.

        Rooms whose serial numbers are in ``passed_over`` are left out.
        """
        self._sweep(kind)
        return self._joinable[kind].find(wanted, passed_over)

    def find_identity(self, request: JoinRequest, identity: str | None) -> OpenRoom | None:
        """Return the room among those asked for where ``identity`` plays already."""
        if identity is None:
            return None
        rooms = [self._rooms.get(label) for label in self.identities.labels(identity)]
        fitting = [o for o in rooms if o is not None and request.fits(o.kind, o.name)]
        # A room of the same name may have ended with this identity in it.
        return next((o for o in fitting if o.task.roster.find_identity(identity)), None)

    def free_name(self, kind: str) -> str:
        """Return a name that no room of this kind has."""
        number = self._lowest_name[kind]
        while f"{kind}/{number}{self.name_suffix}" in self._rooms:
            number += 1
        self._lowest_name[kind] = number
        return f"{number}{self.name_suffix}"

    def _sweep(self, kind: str) -> None:
        """Look for changes that games made to their rooms, unless that was done just now."""
        now_s = trio.current_time()
        if now_s - self._swept_s[kind] < SWEEP_EVERY_S:
            return
        self._swept_s[kind] = now_s
        for opened in self._rooms.values():
            if opened.kind == kind:
                self._joinable[kind].note(opened)
