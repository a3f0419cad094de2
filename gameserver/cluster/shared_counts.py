"""Counts of all nodes of a host in shared memory, so that limits hold for the host.

Owns the layout and who writes what: each node writes its own column and reads the others', so
nothing is locked, and nothing is asked of another process when a connection is accepted.  Only the
turn to join is one number for all, under a lock that ends with the process that holds it.

The number of connections of an address is kept by a keyed hash.  Two addresses in one bucket are
counted together, which can only refuse, and nobody can choose whom to share a bucket with.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import mmap
import os
import struct
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Final

from gameserver.config import MAX_NODES

BUCKETS: Final = 16384
_MAX_COUNT: Final = 0xFFFF

#: The memory: the next turn, then two counts for each node, then one for each bucket and node.
_TURN: Final = struct.Struct("=d")
_COUNTS_AT: Final = 64
_BUCKETS_AT: Final = _COUNTS_AT + MAX_NODES * 8
SIZE_BYTES: Final = _BUCKETS_AT + BUCKETS * MAX_NODES * 2


def make_memory() -> int:
    """Return a descriptor of new memory of zeros, for all processes of a host."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("gameserver-counts")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, SIZE_BYTES)
    return descriptor


class SharedCounts:
    """The counts, as the node ``index`` of ``nodes`` uses them.  ``secret`` keys the hash.

    ``steady`` is a clock that all processes of the host share.
    """

    def __init__(
        self,
        descriptor: int,
        index: int,
        nodes: int,
        secret: str,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self.nodes = nodes
        self._descriptor = descriptor
        self._index = index
        self._key = secret.encode()[:64]
        self._steady = steady
        self._memory = mmap.mmap(descriptor, SIZE_BYTES)
        whole = memoryview(self._memory)
        self._counts = whole[_COUNTS_AT:_BUCKETS_AT].cast("I")
        self._buckets = whole[_BUCKETS_AT:].cast("H")

    def clear(self, index: int) -> None:
        """Forget what a node has counted: its process has ended."""
        self._counts[2 * index] = self._counts[2 * index + 1] = 0
        for at in range(index, len(self._buckets), MAX_NODES):
            if self._buckets[at]:
                self._buckets[at] = 0

    # ------------------------------------------------------------ connections

    def note(self, connections: int, joining: int) -> None:
        """Tell the other nodes how many connections this node has, and how many are joining."""
        self._counts[2 * self._index] = connections
        self._counts[2 * self._index + 1] = joining

    def of_others(self) -> tuple[int, int]:
        """Return how many connections the other nodes have, and how many are joining there."""
        counts = self._counts.tolist()
        own = 2 * self._index
        return sum(counts[::2]) - counts[own], sum(counts[1::2]) - counts[own + 1]

    def note_address(self, key: str, change: int) -> None:
        """Note that this node has more or fewer connections of an address."""
        at = self._bucket(key) + self._index
        self._buckets[at] = min(max(self._buckets[at] + change, 0), _MAX_COUNT)

    def address_of_others(self, key: str) -> int:
        """Return how many connections of an address the other nodes have, at most."""
        start = self._bucket(key)
        counts = self._buckets[start : start + MAX_NODES].tolist()
        return sum(counts) - counts[self._index]

    def _bucket(self, key: str) -> int:
        digest = hashlib.blake2b(key.encode(), digest_size=4, key=self._key).digest()
        return int.from_bytes(digest, "little") % BUCKETS * MAX_NODES

    # ------------------------------------------------------------ turns to join

    def take_turn(self, now_s: float, longest_s: float, step_s: float) -> float | None:
        """Take the next turn of the whole host; see ``HostCounts``."""
        with self._exclusive():
            wait_s = self.turn_in_s(now_s)
            if wait_s >= longest_s:
                return None
            self._write_turn(wait_s + step_s)
            return wait_s

    def turn_in_s(self, now_s: float) -> float:  # noqa: ARG002 - the clocks of nodes differ
        """Return in how many seconds the next turn is."""
        (turn_s,) = _TURN.unpack_from(self._memory)
        return max(float(turn_s) - self._steady(), 0.0)

    def delay_turn(self, now_s: float, in_s: float) -> None:
        """Delay the next turn until at least ``in_s`` seconds from now."""
        with self._exclusive():
            self._write_turn(max(self.turn_in_s(now_s), in_s))

    def _write_turn(self, in_s: float) -> None:
        _TURN.pack_into(self._memory, 0, self._steady() + in_s)

    @contextlib.contextmanager
    def _exclusive(self) -> Iterator[None]:
        fcntl.lockf(self._descriptor, fcntl.LOCK_EX, _TURN.size)
        try:
            yield
        finally:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN, _TURN.size)

    def close(self) -> None:
        """Give the memory back, and close the descriptor."""
        self._counts.release()
        self._buckets.release()
        self._memory.close()
        os.close(self._descriptor)
