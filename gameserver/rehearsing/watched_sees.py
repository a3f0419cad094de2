"""Asks ``Room.sees`` in a rehearsal, where a change that the server cannot notice is named.

Owns the comparison of the room before the first answer of a publish and after the last one.  The
server compares the fields of entities alone (``simulation/seeing.py``); a rehearsal has the time to
compare all that a snapshot keeps: attributes of the room, ``player.data``, fields that no client
gets.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Final

from gameserver.errors import LocalProtocolError
from gameserver.model.record import Record
from gameserver.room import Room
from gameserver.simulation.seeing import Seeing, has_sees
from gameserver.state.difference import UNREACHED, Facts, describe, first_difference
from gameserver.state.snapshot import Captured


class WatchedSees(Seeing):
    """Asks the ``sees`` of ``room``, whose state is what ``captured`` returns.

    The state of a room that cannot be saved is not compared: ``check_snapshot`` names the reason.
    """

    def __init__(self, room: Room, captured: Callable[[], Captured]) -> None:
        super().__init__(room, lambda: 0.0)
        self._captured: Final = captured
        self._before: Facts | None = None

    def begin(self) -> None:
        """See ``Asker``."""
        super().begin()
        self._before = None

    def refused(self, seat: int, records: Iterable[Record]) -> Collection[int]:
        """See ``Asker``."""
        if self._before is None:
            self._before = self._facts()
        return super().refused(seat, records)

    def finish(self) -> None:
        """See ``Asker``."""
        super().finish()
        if self._before is None or (after := self._facts()) is None:
            return
        difference = first_difference(self._before, after)
        if difference is not None:
            said = difference.said_of("the room before it", "the room after it")
            self._complain(f"must not change anything: {said}")

    def _facts(self) -> Facts | None:
        try:
            facts = describe(self._captured())
        except LocalProtocolError:
            return None
        # Nothing of the game leads to the other objects: despawned entities, which replication
        # drops while it publishes.
        return {place: fact for place, fact in facts.items() if UNREACHED not in place[0]}


def watched_sees(room: Room, captured: Callable[[], Captured]) -> WatchedSees | None:
    """Return what asks the ``sees`` of ``room``; None if the room has none."""
    return WatchedSees(room, captured) if has_sees(room) else None
