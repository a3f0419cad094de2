"""Calls ``Room.sees``, and checks while the world is published that it changes nothing.

Owns the answers of one publish, their number and the time that they took.  ``sees`` must depend on
nothing but the state of the room, and must not change it.  Otherwise the replication of one seat
would change the delta of the next one, and a replay would differ.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Final, NoReturn

from gameserver.errors import LocalProtocolError
from gameserver.model.record import Record
from gameserver.player import Player
from gameserver.room import Room, sealed


class Seeing:
    """Asks the ``sees`` of ``room``; ``clock`` tells seconds, for ``asked_s``."""

    def __init__(self, room: Room, clock: Callable[[], float]) -> None:
        self._room: Final = room
        self._clock: Final = clock
        #: How often ``sees`` was called, and how long that took.
        self.asked = 0
        self.asked_s = 0.0
        #: Seat → record → the answer.
        self._answers: dict[int, dict[Record, bool]] = {}

    def begin(self) -> None:
        """See ``Asker``."""
        self._answers = {}

    def refused(self, seat: int, records: Iterable[Record]) -> Collection[int]:
        """See ``Asker``."""
        player = self._room.players.get(seat)
        if player is None:
            return [record.id for record in records]
        answers = self._answers.setdefault(seat, {})
        begun_s = self._clock()
        refused: list[int] = []
        with sealed(self._room):
            for record in records:
                answer = answers.get(record)
                if answer is None:
                    answer = answers[record] = ask(self._room, player, record)
                    self.asked += 1
                if not answer:
                    refused.append(record.id)
        self.asked_s += self._clock() - begun_s
        return refused

    def finish(self) -> None:
        """See ``Asker``."""
        asked = {record: None for answers in self._answers.values() for record in answers}
        for record in asked:
            values = record.compiled.values(record.entity)
            owner_values = record.compiled.owner_values(record.entity)
            if record.alive and (
                values != record.values or (record.owner and owner_values != record.owner_values)
            ):
                self._complain(
                    f"changed a {type(record.entity).__name__}: it must not change anything"
                )

    def _complain(self, what: str) -> NoReturn:
        _complain(self._room, what)


def ask(room: Room, player: Player, record: Record) -> bool:
    """Return what the ``sees`` of ``room`` answers; the caller seals the room.

    ``LocalProtocolError`` if it raises, or answers with anything but True and False.
    """
    try:
        answer = room.sees(player, record.entity)
    except LocalProtocolError:
        raise
    except Exception as error:  # noqa: BLE001 - a bug of the game, which ends its room
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        _complain(room, f"raised {reason}", error)
    if answer is not True and answer is not False:
        _complain(room, f"must return True or False, not {answer!r}")
    return answer


def _complain(room: Room, what: str, cause: Exception | None = None) -> NoReturn:
    raise LocalProtocolError(f"{type(room).__name__}.sees {what}") from cause


def has_sees(room: Room) -> bool:
    """Return whether the game overrides ``sees``."""
    return type(room).sees is not Room.sees


def seeing(room: Room, clock: Callable[[], float]) -> Seeing | None:
    """Return a ``Seeing`` for ``room``, or None if the game does not override ``sees``."""
    return Seeing(room, clock) if has_sees(room) else None
