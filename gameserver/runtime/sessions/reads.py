"""The reads of one session: answered beside the tick, bounded, and posted when they are known.

Owns the bound on reads in flight and their deadline.  The client gets the reason of a failure as a
text; a read never ends a session.  A read whose session has ended gets no answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

import trio

from gameserver.errors import GameServerError
from gameserver.protocol.messages import Read, Result, decode_from_server
from gameserver.runtime.rooms.room_task import RoomTask
from gameserver.storage.client_reads import ClientReads, ReadRefused
from gameserver.storage.errors import StorageError, StorageUnavailable

if TYPE_CHECKING:
    from structlog.stdlib import BoundLogger

#: More reads than these, unanswered, are refused.
MAX_IN_FLIGHT: Final = 4
TIMEOUT_S: Final = 5.0
#: Longer results are refused: they would delay the deltas behind them.
MAX_RESULT_BYTES: Final = 16 * 1024
UNAVAILABLE: Final = "the storage does not answer"
INTERRUPTED: Final = "interrupted; ask again"


class Reads:
    """Takes the reads of the player with ``identity`` in the room of ``task``."""

    def __init__(
        self,
        task: RoomTask,
        identity: str | None,
        post: Callable[[Result], None],
        log: BoundLogger,
    ) -> None:
        room = task.room
        self._reads: Final = (
            ClientReads(room.storage, room.stored, identity) if room.has_storage else None
        )
        self._task: Final = task
        self._post = post
        self._log: Final = log
        #: The numbers of reads without an answer.
        self._in_flight: list[int] = []

    @property
    def in_flight(self) -> list[int]:
        """The numbers of the reads that have no answer yet."""
        return list(self._in_flight)

    def interrupt(self, numbers: Iterable[int]) -> None:
        """Answer reads that another process had not answered when it handed the player over."""
        for number in numbers:
            self._post(Result(number, None, INTERRUPTED))

    def close(self) -> None:
        """Send no further answers.

        Also ends the circle of references with the session, which only a garbage collection would
        free.
        """
        self._post = _to_nobody

    def take(self, read: Read) -> None:
        """Answer ``read`` soon; called within a tick, so it does not wait."""
        if self._reads is None:
            self._post(Result(read.number, None, "this server keeps nothing"))
        elif len(self._in_flight) == MAX_IN_FLIGHT:
            self._post(Result(read.number, None, f"more than {MAX_IN_FLIGHT} reads at a time"))
        else:
            self._in_flight.append(read.number)
            self._task.start_beside(self._run, self._reads, read)

    async def _run(self, reads: ClientReads, read: Read) -> None:
        try:
            result = Result(read.number, None, UNAVAILABLE)
            with trio.move_on_after(TIMEOUT_S):
                result = await self._result(reads, read)
        finally:
            self._in_flight.remove(read.number)
        self._post(result)

    async def _result(self, reads: ClientReads, read: Read) -> Result:
        try:
            value = await reads.answer(read.name, read.what, read.arguments)
            return _sendable(Result(read.number, value, None))
        except (ReadRefused, _Unsendable) as refusal:
            return Result(read.number, None, str(refusal))
        except StorageUnavailable:  # its text names files and hosts
            return Result(read.number, None, UNAVAILABLE)
        except StorageError as error:
            self._log.error("a read failed", name=read.name, error=str(error))
        except Exception:  # noqa: BLE001 - a bug of ours; it costs this read its answer
            self._log.exception("a read failed")
        return Result(read.number, None, "it cannot be read")


def _to_nobody(_result: Result) -> None:
    """Take the answer of a session that has ended."""


class _Unsendable(GameServerError):
    """The value has no form on the wire."""


def _sendable(result: Result) -> Result:
    """Return ``result`` if it fits the protocol, which has fewer values than storage."""
    try:
        data = result.encode()
        decode_from_server(data)
    except GameServerError as error:
        raise _Unsendable(f"it cannot be sent: {error}") from error
    if len(data) > MAX_RESULT_BYTES:
        raise _Unsendable(f"it has {len(data)} bytes, and {MAX_RESULT_BYTES} can be sent")
    return result
