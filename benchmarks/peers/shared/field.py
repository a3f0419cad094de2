"""The worlds as the Python peers keep them: who is where, and one message per cell and tick.

Owns movement, the grid, and the joining of packed cells into a message.  Standard library and
msgpack only; sends nothing.  A message is ``[tick, cell, …]``, a cell ``[id, dx, dy, …]``: the
bare moves of all within three by three cells, packed once a cell and joined once for all who look
from there.  There are no enters, leaves, acknowledgements or checksums; see ../../README.md.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgpack

from benchmarks.moves import CELL, HEADINGS, STEP, start_of, world_side

_CELL_COUNTS = round(CELL / STEP)
#: Cells are numbered column * _COLUMN + row.
_COLUMN = 1 << 16
_NINE = tuple(column * _COLUMN + row for column in (-1, 0, 1) for row in (-1, 0, 1))
_EMPTY = b"\x90"


class Mover:
    """The entity of one player: its place in counts, and its motion in each tick."""

    __slots__ = ("cell", "dx", "dy", "id", "x", "y")

    def __init__(self, mover_id: int, x: int, y: int) -> None:
        self.id = mover_id
        self.x = x
        self.y = y
        self.cell = 0
        self.turn(mover_id % len(HEADINGS))

    def turn(self, heading: int) -> None:
        """Go that way from now on."""
        self.dx, self.dy = HEADINGS[heading]


class Field:
    """A room for ``players``; all in one cell but in the ``bigworld``."""

    def __init__(self, world: str, players: int) -> None:
        self.tick = 0
        self.movers: dict[int, Mover] = {}
        self._side = world_side(players)
        self._one_cell = world != "bigworld"
        self._joined = 0
        self._cells: dict[int, list[int]] = {}
        self._blobs: dict[int, bytes] = {}
        self._messages: dict[int, bytes] = {}

    def join(self) -> Mover:
        """Add a mover."""
        self._joined += 1
        mover = Mover(self._joined, *start_of(self._joined, self._side))
        self.movers[mover.id] = mover
        return mover

    def leave(self, mover: Mover) -> None:
        """Take a mover out."""
        del self.movers[mover.id]

    def step(self) -> None:
        """Move everyone and note the moves of every cell."""
        self.tick += 1
        side = self._side
        self._blobs = {}
        self._messages = {}
        cells: dict[int, list[int]] = {}
        for mover in self.movers.values():
            if not 0 <= mover.x + mover.dx <= side:
                mover.dx = -mover.dx
            if not 0 <= mover.y + mover.dy <= side:
                mover.dy = -mover.dy
            mover.x += mover.dx
            mover.y += mover.dy
            if not self._one_cell:
                mover.cell = mover.x // _CELL_COUNTS * _COLUMN + mover.y // _CELL_COUNTS
            moves = cells.get(mover.cell)
            if moves is None:
                moves = cells[mover.cell] = []
            moves += (mover.id, mover.dx, mover.dy)
        self._cells = cells

    def _in_view(self, cell: int) -> Iterable[int]:
        return (cell,) if self._one_cell else (cell + by for by in _NINE)

    def message(self, cell: int) -> bytes:
        """Return what is seen from ``cell``, packed once."""
        message = self._messages.get(cell)
        if message is None:
            blobs = [self._blob(seen) for seen in self._in_view(cell)]
            head = msgpack.packb(self.tick)
            message = b"".join((bytes((0x90 + 1 + len(blobs),)), head, *blobs))
            self._messages[cell] = message
        return message

    def moves(self, cell: int) -> list[list[int]]:
        """Return what is seen from ``cell`` as lists, for a server that packs for every player."""
        return [self._cells.get(seen, []) for seen in self._in_view(cell)]

    def _blob(self, cell: int) -> bytes:
        moves = self._cells.get(cell)
        if moves is None:
            return _EMPTY
        blob = self._blobs.get(cell)
        if blob is None:
            blob = self._blobs[cell] = msgpack.packb(moves)
        return blob
