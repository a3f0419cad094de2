"""Reads certificate and secret files again while the server runs: in a thread, one at a time.

Owns that thread, and the log line about a file that is not read in time.  Never knows what the
files contain.  The event loop must never open such a file: a FIFO without a writer, or a network
file system whose server is gone, blocks forever.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

import structlog
import trio

log = structlog.get_logger(__name__)

T = TypeVar("T")

#: Reading that takes longer is told in the log.
PATIENCE_S: Final = 10.0


async def read_beside(files: Sequence[Callable[[], T]]) -> list[T]:
    """Call each of ``files`` in a thread, in order, and return what they return.

    Cancelled, it leaves the thread to itself: a blocked read cannot be ended.
    """

    def read() -> list[T]:
        return [file() for file in files]

    async with trio.open_nursery() as nursery:
        nursery.start_soon(_complain_later)
        results = await trio.to_thread.run_sync(read, abandon_on_cancel=True)
        nursery.cancel_scope.cancel()
    return results


async def _complain_later() -> None:
    await trio.sleep(PATIENCE_S)
    log.warning(
        "certificate or secrets cannot be read in time; the old ones stay until they are read",
        waited_s=PATIENCE_S,
    )


async def reload_when_asked(
    asked: trio.MemoryReceiveChannel[None], reload: Callable[[], Awaitable[None]]
) -> None:
    """Call ``reload`` each time that it is ``asked``, one call after the other."""
    async for _ in asked:
        await reload()


def ask_again(asking: trio.MemorySendChannel[None]) -> None:
    """Ask for another reload.  One that waits is enough, because it reads the newest files."""
    try:
        asking.send_nowait(None)
    except trio.WouldBlock:
        log.info("certificate and secrets are about to be read again already")
