"""When Python's garbage collector looks at what: not within a tick, and never at everything.

Owns the collector's settings while a server has the process to itself (``serve``).  A full
collection looks at every object there is, 270 for each player, while nothing else goes on: some
hundred milliseconds for a thousand players.  And Python makes one whenever there are a quarter more
of them, so just while people join.  But there is next to nothing for it to find, since what a
session leaves is freed without it (``tests/test_collecting.py``).

So what has settled is *frozen*: left out of all collections, and freed as ever once nobody refers
to it.  Only what a game lets go of in circles, after it had settled, has to wait: until nobody
plays, or until there are twice as many objects as a full collection left.

Nor may Python choose the moment for the newest objects.  It does so by how many more were made than
freed, old ones too: where as many come as go, as in a storm of joins, a collection is rare, finds
tens of thousands that are alive, and takes 6 to 12 ms of whichever tick it falls into.  So the
newest are collected between ticks, often, so that there are few.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Final

import structlog
import trio

log = structlog.get_logger(__name__)

#: Between two collections of what is newer than the one before: each takes some tenths of a
#: millisecond with a hundred joins a second, and up to five where two hundred come back at once.
SWEEP_S: Final = 0.1
#: What is older than this has settled.  The collection before it settles looks at all that is not:
#: 20 ms, between ticks, after two hundred have come back at once.
SETTLE_S: Final = 5.0
#: Counting the frozen takes milliseconds, so it is done only this often.
COUNT_EVERY_S: Final = 60.0
GROWTH: Final = 2.0
#: Fewer objects than this are never a reason for a full collection.
FEW_OBJECTS: Final = 100_000
#: So many new objects between two sweeps are a reason to collect at once, within a tick too.
MANY_NEW: Final = 50_000
#: Generations of the collector: what no collection has seen yet; that, and what has not settled.
_NEWEST: Final = 0
_YOUNG: Final = 1
_NEVER: Final = 1_000_000_000


async def collect_what_is_young(players: Callable[[], int]) -> None:
    """Keep collections short, for ever; ``players`` says how many play.

    Cancelled, it leaves the collector as it was.
    """
    before = gc.get_threshold()
    gc.set_threshold(MANY_NEW, _NEVER, _NEVER)
    try:
        await _collect(players)
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


async def _collect(players: Callable[[], int]) -> None:
    left = _collect_all()
    played = False
    counted_s = trio.current_time()
    while True:
        await _sweep_until_settled()
        gc.collect(_YOUNG)
        if players():
            played = True
            gc.freeze()
            if trio.current_time() - counted_s >= COUNT_EVERY_S:
                counted_s = trio.current_time()
                if gc.get_freeze_count() > GROWTH * max(left, FEW_OBJECTS):
                    left = _collect_all()
                    took_s = trio.current_time() - counted_s
                    log.info("full garbage collection", left=left, took_ms=round(took_s * 1e3))
        elif played:
            played = False
            left = _collect_all()


async def _sweep_until_settled() -> None:
    with trio.move_on_after(SETTLE_S):
        while True:
            await trio.sleep(SWEEP_S)
            gc.collect(_NEWEST)


def _collect_all() -> int:
    """Make a full collection and freeze what it leaves; return how many objects that are."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    return gc.get_freeze_count()
