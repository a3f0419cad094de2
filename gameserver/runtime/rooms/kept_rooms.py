"""The durable rooms that are kept in the storage: their owners, and recovery on another host.

Owns the lease of this server, its claims, and that one task at a time recovers a room.  Never says
when a room is recovered (``durable_rooms.py``), and never plays a journal (``recovery.py``).
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Final

import structlog
import trio

from gameserver.errors import JoinRefused
from gameserver.protocol.closing import CloseCode
from gameserver.room import Room
from gameserver.runtime.rooms.recovery import Recovered, recover_kept
from gameserver.storage.errors import Owned, StorageError, StorageUnavailable
from gameserver.storage.fences import Fence
from gameserver.storage.store import Storage

log = structlog.get_logger(__name__)

#: After this long without renewal, other servers may take over the rooms of a server.
LEASE_S: Final = 3.0
RENEW_EVERY_S: Final = 1.0
#: How long a client is told to wait at most, while the lease of a dead server runs out.
LONGEST_RETRY_S: Final = 1.0
#: A room that is handed over stands still for so long at most.
ADOPT_WITHIN_S: Final = 1.0


class KeptRooms:
    """The claims of one server, which is called ``owner``; no other living server has that name."""

    def __init__(self, storage: Storage, owner: str, kinds: Mapping[str, type[Room]]) -> None:
        self._storage: Final = storage
        self.owner: Final = owner
        self._kinds: Final = {kind: cls for kind, cls in kinds.items() if cls.durable}
        #: Label → set once its recovery is over.
        self._recovering: Final[dict[str, trio.Event]] = {}

    def keeps(self, kind: str) -> bool:
        """Whether rooms of this kind are kept here."""
        return kind in self._kinds

    # ------------------------------------------------------------ the lease

    async def begin(self) -> None:
        """Take the lease; ``StorageError`` if the storage does not answer."""
        await self._storage.renew_lease(self.owner, LEASE_S)

    async def run(self) -> None:
        """Renew the lease, until cancelled."""
        renewed_s = trio.current_time()
        lost = False
        while True:
            await trio.sleep_until(renewed_s + RENEW_EVERY_S)
            renewed_s = max(renewed_s + RENEW_EVERY_S, trio.current_time() - LEASE_S)
            try:
                await self._storage.renew_lease(self.owner, LEASE_S)
            except StorageError as error:
                if not lost:
                    log.warning("the lease of this server is not renewed", reason=str(error))
                lost = True
            else:
                lost = False

    async def end_lease(self) -> None:
        """Let other servers have the rooms at once; they have been suspended."""
        with contextlib.suppress(StorageError):  # the lease runs out by itself
            await self._storage.end_lease(self.owner)

    # ------------------------------------------------------------ claims

    async def claim_new(self, label: str) -> Fence:
        """Claim a room that is made; ``JoinRefused`` if another server has it, or its journal."""
        if await self._storage.is_kept(label):
            raise JoinRefused(CloseCode.INTERNAL_ERROR, f"{label} must be recovered first")
        return await self._claim(label)

    async def adopt(self, fence: Fence) -> Fence:
        """Take over the claim to a room from another process; ``StorageError`` if that fails."""
        with trio.move_on_after(ADOPT_WITHIN_S):
            return await self._storage.adopt(fence, self.owner)
        raise StorageUnavailable("the storage does not answer")

    async def _claim(self, label: str) -> Fence:
        try:
            return await self._storage.claim(label, self.owner)
        except Owned as owned:
            raise JoinRefused(
                CloseCode.RESUMING,
                f"{label} is on another server",
                retry_after_s=min(max(owned.left_s, 0.1), LONGEST_RETRY_S),
            ) from None

    # ------------------------------------------------------------ recovery

    async def recover(self, label: str, room_storage: Storage) -> Recovered | None:
        """Claim and recover a room that is kept; None: nothing is kept of it.

        ``JoinRefused`` if another server has it, ``StorageError`` as the storage says.
        """
        kind = label.partition("/")[0]
        if not await self._storage.is_kept(label):
            return None
        fence = await self._claim(label)
        return await recover_kept(self._kinds[kind], fence, self._storage, room_storage)

    @property
    def recovering(self) -> bool:
        """Whether any room is about to be recovered."""
        return bool(self._recovering)

    async def until_recovered(self) -> None:
        """Wait for the recoveries that are under way."""
        for done in list(self._recovering.values()):
            await done.wait()

    def is_recovering(self, label: str) -> bool:
        """Whether a room is about to be recovered, so that none of its name can be made."""
        return label in self._recovering

    @contextlib.asynccontextmanager
    async def one_at_a_time(self, label: str) -> AsyncIterator[bool]:
        """Yield True to the task that is to recover ``label``, or False once another has tried."""
        if (other := self._recovering.get(label)) is not None:
            await other.wait()
            yield False
            return
        done = self._recovering[label] = trio.Event()
        try:
            yield True
        finally:
            del self._recovering[label]
            done.set()

    async def left_behind(self) -> list[str]:
        """Return the labels of all rooms that are kept, of kinds that this server has."""
        labels = await self._storage.checkpointed_rooms()
        return [label for label in labels if self.keeps(label.partition("/")[0])]
