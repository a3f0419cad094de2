"""A storage: all tables of a server, over one database.

Owns no statements: it runs those of the tables' files in transactions.  Reads are methods; each
write is an operation (``WriteObject``, ``SubmitScore``, ``AddMatch`` …), and the operations of one
``write`` happen together or not at all.  Pure but for its database.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, TypeVar

from gameserver.storage import (
    audit,
    checkpoints,
    fences,
    leaderboards,
    matches,
    objects,
    penalties,
    player_reports,
)
from gameserver.storage.audit import AuditEntry
from gameserver.storage.checkpoints import Checkpoint
from gameserver.storage.database import Database, Transaction, only
from gameserver.storage.declared import Collection, Leaderboard
from gameserver.storage.fences import Fence
from gameserver.storage.leaderboards import Place
from gameserver.storage.matches import Match
from gameserver.storage.objects import Stored
from gameserver.storage.penalties import Penalty
from gameserver.storage.player_reports import PlayerReport

C = TypeVar("C", bound=Collection)


class Operation(Protocol):
    """One write."""

    def apply(self, transaction: Transaction, now_s: float, /) -> Any:
        """Do it in this transaction.  ``now_s``: seconds since 1970."""


class Storage:
    """Objects, leaderboards, matches and checkpoints.  ``open_storage`` makes one.

    ``clock`` returns seconds since 1970.  Methods raise ``StorageUnavailable`` if the database does
    not answer.
    """

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self.database: Final = database
        self.clock: Final = clock

    async def aclose(self) -> None:
        """Close the database."""
        await self.database.aclose()

    # ------------------------------------------------------------ writing

    async def write(self, *operations: Operation, fence: Fence | None = None) -> list[Any]:
        """Do all ``operations`` in one transaction, and return what each returns.

        ``fence``: the claim of the room that writes.  If the room has a newer owner, ``FencedOff``
        is raised and nothing written.  Raises ``Conflict`` as the operations say.
        """
        now_s = self.clock()

        def work(transaction: Transaction) -> list[Any]:
            if fence is not None:
                fences.check(transaction, fence)
            return [operation.apply(transaction, now_s) for operation in operations]

        return await self.database.transact(work)

    async def write_once(
        self, writer: str, batch: int, groups: Sequence[tuple[Sequence[Operation], Fence | None]]
    ) -> None:
        """Do a numbered batch of one writer, unless it has been done already.

        For writers that try again when nobody knows whether a transaction was committed.  Batches
        of a writer are numbered upwards.
        """
        now_s = self.clock()

        def work(transaction: Transaction) -> None:
            newest = only(
                transaction.rows(
                    "SELECT batch FROM gameserver_writers WHERE writer = :writer", writer=writer
                )
            )
            if newest is not None and newest >= batch:
                return
            for operations, fence in groups:
                if fence is not None:
                    fences.check(transaction, fence)
                for operation in operations:
                    operation.apply(transaction, now_s)
            transaction.rows(
                "INSERT INTO gameserver_writers VALUES (:writer, :batch) "
                "ON CONFLICT (writer) DO UPDATE SET batch = excluded.batch",
                writer=writer,
                batch=batch,
            )

        await self.database.transact(work)

    async def forget_writer(self, writer: str) -> None:
        """Forget a writer that will never write again."""
        await self.database.transact(
            lambda transaction: transaction.rows(
                "DELETE FROM gameserver_writers WHERE writer = :writer", writer=writer
            )
        )

    # ------------------------------------------------------------ owners of rooms

    async def claim(self, room: str, owner: str = "") -> Fence:
        """Take over a room: from now on every older fence of it is refused.

        ``Owned`` while another owner has it, and renews its lease.
        """
        return await self.database.transact(
            lambda transaction: fences.claim(transaction, room, owner)
        )

    async def adopt(self, fence: Fence, owner: str) -> Fence:
        """Claim a room for ``owner``, to whom the holder of ``fence`` has handed it over.

        ``FencedOff`` if that is not the newest claim.
        """
        return await self.database.transact(
            lambda transaction: fences.adopt(transaction, fence, owner)
        )

    async def renew_lease(self, owner: str, lease_s: float) -> None:
        """Keep the rooms of ``owner`` from being claimed by others for ``lease_s``."""
        await self.database.transact(lambda transaction: fences.renew(transaction, owner, lease_s))

    async def end_lease(self, owner: str) -> None:
        """Let others claim the rooms of ``owner``."""
        await self.database.transact(lambda transaction: fences.end_lease(transaction, owner))

    # ------------------------------------------------------------ objects

    async def get(self, collection: type[C], *, owner: str = "", key: str = "") -> Stored[C] | None:
        """Return one object, or None."""
        return await self.database.read(
            lambda transaction: objects.read(transaction, collection, owner, key)
        )

    async def objects_of(
        self, collection: type[C], owner: str, *, after: str = "", limit: int = 100
    ) -> list[Stored[C]]:
        """Return the objects of ``owner`` whose keys come after ``after``, by key."""
        return await self.database.read(
            lambda transaction: objects.of_owner(transaction, collection, owner, after, limit)
        )

    # ------------------------------------------------------------ leaderboards

    def period(self, board: type[Leaderboard], back: int = 0) -> int:
        """Return the number of the present period of ``board``, or of one ``back`` before it."""
        return leaderboards.period_at(board.resets, self.clock()) - back

    async def top(
        self, board: type[Leaderboard], limit: int = 10, *, offset: int = 0, back: int = 0
    ) -> list[Place]:
        """Return the best ``limit`` after the first ``offset``; ``back``: that many periods ago."""
        period = self.period(board, back)
        return await self.database.read(
            lambda transaction: leaderboards.top(transaction, board.name, period, limit, offset)
        )

    async def rank(self, board: type[Leaderboard], owner: str, *, back: int = 0) -> Place | None:
        """Return the place of ``owner``, or None."""
        period = self.period(board, back)
        return await self.database.read(
            lambda transaction: leaderboards.rank_of(transaction, board.name, period, owner)
        )

    async def around(
        self, board: type[Leaderboard], owner: str, limit: int = 5, *, back: int = 0
    ) -> list[Place]:
        """Return ``owner`` with up to ``limit`` places before and after; empty if unranked."""
        period = self.period(board, back)
        return await self.database.read(
            lambda transaction: leaderboards.around(transaction, board.name, period, owner, limit)
        )

    async def size(self, board: type[Leaderboard], *, back: int = 0) -> int:
        """Return how many owners are ranked."""
        period = self.period(board, back)
        return await self.database.read(
            lambda transaction: leaderboards.size_of(transaction, board.name, period)
        )

    # ------------------------------------------------------------ matches

    async def match(self, match: int) -> Match | None:
        """Return a match by its id, or None."""
        return await self.database.read(lambda transaction: matches.read(transaction, match))

    async def matches_of(
        self, owner: str, limit: int = 20, *, before: int | None = None
    ) -> list[Match]:
        """Return the newest matches of a player; ``before``: only those with a smaller id."""
        return await self.database.read(
            lambda transaction: matches.of_player(transaction, owner, before, limit)
        )

    # ------------------------------------------------------------ operators

    async def penalties(self) -> list[Penalty]:
        """Return all bans and mutes, also those that are over."""
        return await self.database.read(penalties.all_of)

    async def audit_log(self, limit: int = 100, *, before: int | None = None) -> list[AuditEntry]:
        """Return the newest actions of operators; ``before``: only those with a smaller id."""
        return await self.database.read(
            lambda transaction: audit.newest(transaction, limit, before)
        )

    async def player_reports(
        self, limit: int = 100, *, before: int | None = None
    ) -> list[PlayerReport]:
        """Return the newest reports by players; ``before``: only those with a smaller id."""
        return await self.database.read(
            lambda transaction: player_reports.newest(transaction, limit, before)
        )

    # ------------------------------------------------------------ checkpoints

    async def checkpoint(self, room: str) -> Checkpoint | None:
        """Return the newest checkpoint of a room, or None."""
        return await self.database.read(lambda transaction: checkpoints.read(transaction, room))

    async def is_kept(self, room: str) -> bool:
        """Whether there is a checkpoint of a room."""
        return await self.database.read(lambda transaction: checkpoints.is_kept(transaction, room))

    async def checkpointed_rooms(self) -> list[str]:
        """Return the names of all rooms that have a checkpoint."""
        return await self.database.read(checkpoints.rooms)

    async def journal(self, room: str) -> bytes | None:
        """Return the newest journal of a room, as a file would hold it; None without one."""
        return await self.database.read(lambda transaction: checkpoints.journal(transaction, room))
