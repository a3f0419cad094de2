"""The durable rooms of one server: where they are kept, and when those of earlier processes go on.

Owns the choice between files and a storage, and who has a room recovered: the start of the server,
or the first client that asks for it.  Never reads a journal (``recovery.py``), and never claims a
room (``kept_rooms.py``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Final, Protocol

import structlog
import trio

from gameserver.errors import JoinRefused
from gameserver.protocol.closing import CloseCode
from gameserver.room import Room
from gameserver.runtime.rooms.join_request import JoinRequest
from gameserver.runtime.rooms.journal_rows import RowWriter
from gameserver.runtime.rooms.journals import Journals
from gameserver.runtime.rooms.kept_rooms import KeptRooms
from gameserver.runtime.rooms.open_room import OpenRoom
from gameserver.runtime.rooms.recovery import Recovered, recover
from gameserver.runtime.rooms.resumption import Resumption
from gameserver.runtime.rooms.roster import Member
from gameserver.storage.errors import StorageError
from gameserver.storage.room_storage import RoomStorage
from gameserver.storage.store import Storage

log = structlog.get_logger(__name__)

#: How long a client is told to wait before it retries where the storage does not answer.
RETRY_AFTER_S: Final = 5.0


class Rooms(Protocol):
    """The rooms of one server, as far as recovering must know them; ``lobby.py`` has them."""

    #: Makes the storage of a room; None where nothing is kept.
    storage_for_room: Callable[[], RoomStorage] | None

    @property
    def is_alone(self) -> bool:
        """Whether this host has no other nodes."""

    @property
    def classes_by_kind(self) -> Mapping[str, type[Room]]:
        """The kinds of rooms with their classes."""

    @property
    def open_rooms(self) -> list[OpenRoom]:
        """The rooms that can be joined."""

    def is_open(self, label: str) -> bool:
        """Whether there is a room of this label that can be joined."""

    async def until_thawed(self) -> None:
        """Wait while rooms are on their way to another process."""

    def is_running(self, label: str) -> bool:
        """Whether there is such a room, or one of this label is in its ``on_stop``."""

    async def open_recovered(self, recovered: Recovered, storage: RoomStorage | None) -> None:
        """Open a recovered room, and wait until it ticks."""


class DurableRooms:
    """The durable rooms of one server."""

    def __init__(self, rooms: Rooms, journals: Journals, resumption: Resumption[Member]) -> None:
        self._rooms = rooms
        self._journals = journals
        self._resumption = resumption
        #: Those that are kept in the storage; None: durable rooms are kept in files.
        self.kept: KeptRooms | None = None

    def keep(
        self, kept: KeptRooms, storage: Storage, report: Callable[[StorageError], None]
    ) -> None:
        """Keep durable rooms in a storage, not in files; call this before the lobby's ``start``."""
        self.kept = kept
        self._journals.rows = RowWriter(storage, report)

    async def recover(self) -> None:
        """Open the durable rooms of an earlier process; call this before anybody joins."""
        if self.kept is not None:
            if self._rooms.is_alone:  # else by the node that gets the claim, when it is asked
                await self._recover_left_behind(self.kept)
            return
        rooms, folder = self._rooms, self._journals.files.folder
        storage = None if rooms.storage_for_room is None else rooms.storage_for_room()
        for recovered in await recover(folder, rooms.classes_by_kind, storage):
            await self._rooms.open_recovered(recovered, None)

    async def _recover_left_behind(self, kept: KeptRooms) -> None:
        for label in await kept.left_behind():
            with contextlib.suppress(JoinRefused):  # another server has it
                await self._recover_kept(kept, label)

    async def find(self, request: JoinRequest, resume: str | None) -> None:
        """Recover the room asked for, if it is kept in the storage and no server has it.

        ``JoinRefused`` if another server has it, or the storage does not answer.
        """
        if self.kept is None or not self.kept.keeps(request.kind):
            return
        label = None if request.name is None else f"{request.kind}/{request.name}"
        if label is None:
            label = self._resumption.label_of(resume)
        if label is None or self._rooms.is_open(label) or label.partition("/")[0] != request.kind:
            return
        try:
            await self._recover_kept(self.kept, label)
        except StorageError as error:
            log.warning("a room cannot be recovered now", room=label, reason=str(error))
            raise JoinRefused(
                CloseCode.ROOM_FULL, "the storage does not answer", retry_after_s=RETRY_AFTER_S
            ) from None

    async def _recover_kept(self, kept: KeptRooms, label: str) -> None:
        is_mine = False
        while not is_mine and not self._rooms.is_running(label):
            async with kept.one_at_a_time(label) as is_mine:
                if is_mine:
                    await self._recover_now(kept, label)

    async def _recover_now(self, kept: KeptRooms, label: str) -> None:
        assert self._rooms.storage_for_room is not None
        storage = self._rooms.storage_for_room()
        recovered = await kept.recover(label, storage)
        await self._rooms.until_thawed()
        if recovered is not None:
            await self._rooms.open_recovered(recovered, storage)

    async def wait_written(self) -> None:
        """Wait until all that rooms have recorded so far is in the storage."""
        if self._journals.rows is not None:
            await self._journals.rows.wait_written()

    async def suspend(self) -> None:
        """Stop the ticks of durable rooms; their journals are then complete.

        All at once: each waits for its journal to be written.
        """
        async with trio.open_nursery() as nursery:
            for opened in self._rooms.open_rooms:
                if opened.task.room.durable:
                    nursery.start_soon(opened.task.suspend)
