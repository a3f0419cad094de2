"""The answer of ``/rooms``: the rooms of a server in pages, with totals by kind.

Owns the shape of the answer and its limits.  A server has thousands of rooms: a page lists at most
``ROOMS_PER_PAGE``, and the totals, for which all rooms are visited, are at most ``TOTALS_LIFE_S``
old.  Never makes or changes a room.

The cursor of a page is the serial number of the last room on it.  Rooms are listed in the order in
which they were made, so a room that stays open is on exactly one page, whichever rooms close or
open while somebody reads them all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol
from urllib.parse import parse_qs

from gameserver.runtime.http.messages import JSON, Response, text_response

ROOMS_PER_PAGE: Final = 100
TOTALS_LIFE_S: Final = 1.0
#: Fields of a query that is worth reading.
MAX_FIELDS: Final = 8
#: Digits of a cursor that is worth reading.
MAX_CURSOR_DIGITS: Final = 18


WRONG_CURSOR: Final = text_response(400, "after is the next of another page.")


class ListedRoom(Protocol):
    """A room as the list shows it."""

    @property
    def serial(self) -> int:
        """A number that is higher for every room that is made later."""

    @property
    def kind(self) -> str:
        """The kind of the room."""

    @property
    def players(self) -> int:
        """How many players are in it."""

    @property
    def private(self) -> bool:
        """Whether it is on no page; the totals count it."""

    def listing(self) -> dict[str, Any]:
        """Return what the list tells of it."""


class Rooms(Protocol):
    """All rooms."""

    @property
    def kinds(self) -> Sequence[str]:
        """The kinds of rooms that there can be."""

    def listed(self) -> Iterator[ListedRoom]:
        """Yield the rooms that can be joined, oldest first."""


class RoomList:
    """The list of ``rooms``."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._totals: dict[str, dict[str, int]] | None = None
        self._counted_s = 0.0

    def respond(self, query: str, now_s: float) -> Response:
        """Answer a request with this query: ``after=`` the ``next`` of the page before."""
        after = cursor_in(query)
        if after is None:
            return WRONG_CURSOR
        page: list[ListedRoom] = []
        more = False
        for room in self._rooms.listed():
            if room.serial > after and not room.private:
                if len(page) == ROOMS_PER_PAGE:
                    more = True
                    break
                page.append(room)
        answer = {
            "rooms": [room.listing() for room in page],
            "kinds": self._counted(now_s),
            "next": page[-1].serial if more else None,
        }
        return Response(200, JSON, json.dumps(answer).encode())

    def _counted(self, now_s: float) -> dict[str, dict[str, int]]:
        if self._totals is None or now_s - self._counted_s >= TOTALS_LIFE_S:
            self._totals = {kind: {"rooms": 0, "players": 0} for kind in self._rooms.kinds}
            self._counted_s = now_s
            for room in self._rooms.listed():
                of_kind = self._totals[room.kind]
                of_kind["rooms"] += 1
                of_kind["players"] += room.players
        return self._totals


def cursor_in(query: str) -> int | None:
    """Return the cursor in ``query``, 0 without one; None if it is none."""
    try:
        fields = parse_qs(query, keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        return None
    digits = fields.get("after", ["0"])[-1]
    if not (digits.isascii() and digits.isdigit() and len(digits) <= MAX_CURSOR_DIGITS):
        return None
    return int(digits)
