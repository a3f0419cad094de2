"""Rooms of a server on their way to another process, or from one: some, or all.

Owns their order: frozen at one moment, then thawed here or left to the other process, and nobody
joins meanwhile.  Never packs a room (``room_task.py``) and never sends one (``cluster/handover``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, Protocol

import trio

from gameserver.runtime.admission.sign_in import SignIn
from gameserver.runtime.net.heartbeat import Heartbeat
from gameserver.runtime.rooms.handed_over import HandedOver
from gameserver.runtime.rooms.open_room import OpenRoom
from gameserver.runtime.rooms.reservations import Reservations
from gameserver.runtime.rooms.resumption import Resumption
from gameserver.runtime.rooms.roster import Member
from gameserver.runtime.rooms.routes import Routes
from gameserver.state.snapshot import Captured


class Rooms(Protocol):
    """The rooms of one server, as far as another process must get them; ``lobby.py`` has them."""

    #: Knows the other nodes; None if there are none.
    router: Routes | None

    @property
    def open_rooms(self) -> list[OpenRoom]:
        """The rooms that can be joined, oldest first."""

    def adopt(self, one: HandedOver, began_s: float) -> None:
        """Open a room that another process has handed over."""


class HandingOver:
    """Hands the rooms of one server over to another process, or takes them over from one."""

    def __init__(
        self,
        rooms: Rooms,
        sign_in: SignIn,
        reservations: Reservations,
        resumption: Resumption[Member],
        heartbeat: Heartbeat,
    ) -> None:
        self._rooms = rooms
        self._sign_in = sign_in
        self._reservations = reservations
        self._resumption = resumption
        self._heartbeat = heartbeat
        #: Set and gone once rooms that are frozen go on, here or in another process.
        self._thawed: trio.Event | None = None

    def _going(self, labels: Collection[str] | None) -> list[OpenRoom]:
        rooms = self._rooms.open_rooms
        return rooms if labels is None else [one for one in rooms if one.task.label in labels]

    def captures(self, labels: Collection[str] | None) -> Iterator[tuple[str, Captured]]:
        """Yield the label and a capture of each room as it is then; they tick on.

        ``labels`` are the rooms in question, here and below; None: all.
        """
        for opened in self._going(labels):
            if opened.task.ready.is_set() and opened.task.ended is None:
                yield opened.task.label, opened.task.capture(trio.current_time(), opened.maker)

    def freeze(self, now_s: float, labels: Collection[str] | None) -> list[tuple[str, Captured]]:
        """Freeze rooms, and return the label and a capture of each.

        ``LocalProtocolError`` names what cannot be saved.  ``thaw`` undoes all of it.  Meanwhile
        nobody joins, resumes or leaves.
        """
        self._thawed = trio.Event()
        return [
            (opened.task.label, opened.task.freeze(now_s, opened.maker))
            for opened in self._going(labels)
        ]

    def freeze_more_of(self, labels: Collection[str], now_s: float) -> list[Any]:
        """Return what the server remembers of some rooms, in the form of ``freeze_more``."""
        incarnations = {one.task.roster.incarnation for one in self._going(labels)}
        secret, reserved, _ = self._reservations.freeze(now_s)
        ended = self._resumption.freeze_ended()
        return [
            None,
            [secret, [row for row in reserved if row[1] in labels], []],
            [row for row in ended if row[0].rpartition(".")[0] in incarnations],
            None,
        ]

    def freeze_more(self, now_s: float) -> list[Any]:
        """Return the state of the server that belongs to no single room, as plain values."""
        router = self._rooms.router
        return [
            self._sign_in.freeze(),
            self._reservations.freeze(now_s),
            self._resumption.freeze_ended(),
            None if router is None else router.freeze(now_s),
        ]

    def thaw(self) -> None:
        """Go on with all rooms, which no other process has."""
        for opened in self._rooms.open_rooms:
            opened.task.thaw()
        self._heartbeat.note_blocked()
        self._let_go_on()

    def leave_off(self, labels: Collection[str] | None) -> None:
        """End rooms without a hook: another process has them.

        If it has all of them, nobody joins here any more: joins that wait in ``until_thawed`` are
        cancelled.
        """
        for opened in self._going(labels):
            self._reservations.forget(opened.task)
            opened.task.leave_all()
        if labels is not None:
            self._let_go_on()

    def _let_go_on(self) -> None:
        if self._thawed is not None:
            self._thawed.set()
            self._thawed = None

    async def until_thawed(self) -> None:
        """Wait until players may join: not while rooms are on their way to another process."""
        while self._thawed is not None:
            await self._thawed.wait()

    def go_on(self, rooms: Iterable[HandedOver], more: Sequence[Any], began_s: float) -> None:
        """Take in the rooms of another process; the lobby's ``start_adopted`` has them tick."""
        sign_in, reservations, ended, routes = more
        if sign_in is not None:
            self._sign_in.go_on(sign_in, trio.current_time() - began_s)
        self._resumption.go_on_with_ended(ended)
        if routes is not None and self._rooms.router is not None:
            self._rooms.router.go_on(routes, began_s)
        for one in rooms:
            self._rooms.adopt(one, began_s)
        tasks = {opened.task.label: opened.task for opened in self._rooms.open_rooms}
        self._reservations.go_on(reservations, tasks, began_s)
        self._heartbeat.note_blocked()
