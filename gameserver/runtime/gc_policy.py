"""The garbage collector's policy: collections are so small that no tick waits for one.

Owns the collector's settings while a server has the process to itself (``serve``), and the figures
of the collections that could not be kept small.  Sessions and rooms leave no reference cycles, so
reference counting frees them (``tests/runtime/test_gc_policy.py``).  The collector is needed only
for cycles that a game drops.

A collection takes time in proportion to the objects that it looks at, and a player is some hundred
objects.  By default Python looks at all objects whenever their number has grown by a quarter, thus
just while people join.  Here no collection looks at more than ``MOST_OBJECTS`` while anyone plays:

- Python starts no collection by itself.  Every ``SWEEP_S`` the *newest* objects are collected, or
  some sweeps later while there are few; those that survive are *young*.
- Every ``SETTLE_S`` the young objects are collected and those that survive are *frozen*: left out
  of all further collections, and still freed once nothing refers to them.
- Where there are more than ``MOST_OBJECTS`` of either, as in a storm of joins, they are frozen
  without a collection.  Freezing joins two linked lists: its time does not grow with them.

A cycle that is dropped once it is frozen stays in memory until a *full* collection, which looks at
everything and stops the server meanwhile.  There is one when the last player has left, and while
people play only if memory says that there is much to free: ``_allowed_bytes``.
"""

from __future__ import annotations

import gc
import os
import pathlib
import sys
from collections.abc import Callable
from typing import Final

import structlog
import trio

log = structlog.get_logger(__name__)

#: Between two collections of the newest objects.
SWEEP_S: Final = 0.05
#: Between two collections of the young objects.
SETTLE_S: Final = 5.0
#: The most objects that a collection may examine while people play.
MOST_OBJECTS: Final = 4_000
#: A sweep is put off while fewer objects than this are new, but only so often in a row.
FEW_OBJECTS: Final = 1_000
MOST_PUT_OFF: Final = 4
#: After this many new objects between two sweeps, Python collects by itself.  A hook that makes as
#: many has stopped the server for longer than their collection does.
RUNAWAY_OBJECTS: Final = 1_000_000
#: While people play, memory is fully collected once it is this many times what the last full
#: collection left, and this much more for each player of those that played at once since.
GROWTH: Final = 2
#: A server that has less counts as if it had this: what a game loads at its start is no garbage.
SMALL_BYTES: Final = 128 * 1024 * 1024
PLAYER_BYTES: Final = 256 * 1024
#: Assumed bytes of a block of Python's allocator, where the system does not report memory.
BLOCK_BYTES: Final = 128

STATM: Final = pathlib.Path("/proc/self/statm")
#: Generations of Python's collector.
_NEWEST: Final = 0
_YOUNG: Final = 1
_NEVER: Final = 1_000_000_000


class GcPolicy:
    """The policy while ``run`` runs; ``players`` returns how many play now.

    ``full_collections`` counts those that stopped the server while people played, and
    ``full_collections_s`` is how long they did so in all.
    """

    def __init__(self, players: Callable[[], int]) -> None:
        self.full_collections = 0
        self.full_collections_s = 0.0
        self._players = players
        #: The most that played at a time since the last full collection.
        self._most_players = 0
        #: Memory that the last full collection left.
        self._left_bytes = 0
        #: Never less than there are young objects.
        self._young = 0
        self._put_off = 0

    async def run(self) -> None:
        """Keep collections small, for ever.  Cancelled, it leaves the collector as it was."""
        before = gc.get_threshold()
        gc.set_threshold(RUNAWAY_OBJECTS, _NEVER, _NEVER)
        try:
            self._collect_all()
            while True:
                await self._sweep_until_settled()
                self._settle()
                self._collect_all_if_due()
        finally:
            gc.set_threshold(*before)
            gc.unfreeze()

    async def _sweep_until_settled(self) -> None:
        for _ in range(round(SETTLE_S / SWEEP_S)):
            await trio.sleep(SWEEP_S)
            self._sweep()

    def _sweep(self) -> None:
        """Collect the newest objects, or freeze them where they are too many."""
        # Allocations less deallocations: a first estimate that takes no time.
        made = gc.get_count()[0]
        if made < FEW_OBJECTS and self._put_off < MOST_PUT_OFF:
            self._put_off += 1
            return
        self._put_off = 0
        if made > MOST_OBJECTS or (new := _count(_NEWEST)) > MOST_OBJECTS:
            self._freeze()
            return
        self._young += new - gc.collect(_NEWEST)
        if self._young > MOST_OBJECTS:
            # Most have been freed by now, unless players join.  Python 3.14 has two lists of them.
            self._young = _count(_YOUNG) + _count(_YOUNG + 1)
            if self._young > MOST_OBJECTS // 2:
                self._freeze()

    def _settle(self) -> None:
        """Collect the young objects and freeze those that survive."""
        self._put_off = MOST_PUT_OFF
        self._sweep()
        gc.collect(_YOUNG)
        self._freeze()

    def _freeze(self) -> None:
        gc.freeze()
        self._young = 0

    def _collect_all_if_due(self) -> None:
        players = self._players()
        self._most_players = max(self._most_players, players)
        used_bytes = memory_bytes()
        much = used_bytes > self._allowed_bytes()
        if players and much:
            self._collect_all_meanwhile(used_bytes)
        elif not players and (much or self._most_players):
            self._collect_all()

    def _allowed_bytes(self) -> int:
        """Return how much memory is no reason for a full collection while people play."""
        left_bytes = max(self._left_bytes, SMALL_BYTES)
        return GROWTH * left_bytes + PLAYER_BYTES * self._most_players

    def _collect_all_meanwhile(self, before_bytes: int) -> None:
        """Make a full collection while people play, and tell of it."""
        begun_s = trio.current_time()
        freed = self._collect_all()
        took_s = trio.current_time() - begun_s
        self.full_collections += 1
        self.full_collections_s += took_s
        log.warning(
            "full garbage collection while people play",
            took_ms=round(took_s * 1e3),
            freed_objects=freed,
            memory_mb_before=before_bytes // 1_000_000,
            memory_mb=self._left_bytes // 1_000_000,
        )

    def _collect_all(self) -> int:
        """Make a full collection and freeze what it leaves; return how many objects it freed."""
        gc.unfreeze()
        freed = gc.collect()
        self._freeze()
        self._left_bytes = memory_bytes()
        self._most_players = 0
        return freed


def memory_bytes() -> int:
    """Return the resident memory of this process, or what Python's small objects take of it."""
    try:
        return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except FileNotFoundError:  # no Linux
        return sys.getallocatedblocks() * BLOCK_BYTES


def _count(generation: int) -> int:
    return len(gc.get_objects(generation))
