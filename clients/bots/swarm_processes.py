"""A swarm in several processes, as one core is not enough for many bots.

Owns starting and ending the processes, and the sum of their figures.  Each process runs
``clients.bots.swarm_child``, gets its ``Assignment`` as an argument, and writes its figures to
standard output, a line each second.  It ends when its standard input ends, and so it ends even if
this process is killed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import attrs
import trio

from clients.bots.bot_names import ARENA_BOTS
from clients.bots.figures import Figures, total
from gameserver.errors import RemoteProtocolError

#: How long the bots of a process may take to leave; then it is killed.
END_DEADLINE_S: Final = 10.0
#: The longest line of figures; a longer one is an error.
MAX_LINE_BYTES: Final = 1 << 20


@attrs.frozen
class Assignment:
    """The work of one process: run ``count`` bots of the class ``bot``, numbered from ``first``.

    Numbers count through the whole swarm.  With ``fill_to`` (None: no such limit), bot ``n`` plays
    if fewer than ``fill_to - n`` humans do, in any process.  ``profiles`` are names of links of the
    lab with commas between them (empty: none); the bots take them in turn.
    """

    url: str
    room: str
    first: int
    count: int
    seed: int
    fill_to: int | None = None
    ca_file: Path | None = None
    profiles: str = ""
    bot: str = ARENA_BOTS

    def to_json(self) -> str:
        """Return one line that ``from_json`` reads."""
        return json.dumps(attrs.asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> Assignment:
        """Read what ``to_json`` wrote."""
        fields = json.loads(text)
        ca_file = fields.pop("ca_file")
        return cls(**fields, ca_file=None if ca_file is None else Path(ca_file))

    def split(self, processes: int) -> list[Assignment]:
        """Return this assignment in up to ``processes`` even parts, none of them empty."""
        parts = []
        first = self.first
        for part in range(processes):
            count = self.count // processes + (part < self.count % processes)
            if count:
                parts.append(attrs.evolve(self, first=first, count=count))
            first += count
        return parts


async def run_split(whole: Assignment, processes: int, report: Callable[[Figures], None]) -> None:
    """Run ``whole`` in several processes until cancelled or until all have ended.

    ``report`` is called with the total figures whenever a process has reported.
    """
    parts = whole.split(processes)
    latest = [Figures() for _ in parts]

    def note(part: int, figures: Figures) -> None:
        latest[part] = figures
        report(total(latest))

    async with trio.open_nursery() as nursery:
        for part, assignment in enumerate(parts):
            nursery.start_soon(_run_one, assignment, partial(note, part))


async def _run_one(assignment: Assignment, note: Callable[[Figures], None]) -> None:
    process = await trio.lowlevel.open_process(
        [sys.executable, "-m", "clients.bots.swarm_child", assignment.to_json()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    lines = _Lines(process.stdout)
    try:
        await lines.read(note)
    finally:
        with trio.move_on_after(END_DEADLINE_S, shield=True):
            await process.stdin.aclose()
            await lines.read(note)
            await process.wait()
        if process.returncode is None:
            process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()
        if process.returncode != 0:
            note(attrs.evolve(lines.newest, crashes=1))


class _Lines:
    """The figures from a pipe; reading may be cancelled and continued."""

    def __init__(self, stream: trio.abc.ReceiveStream) -> None:
        self.newest = Figures()
        self._stream = stream
        self._rest = b""

    async def read(self, note: Callable[[Figures], None]) -> None:
        """Pass on all figures until the stream ends."""
        async for data in self._stream:
            *lines, self._rest = (self._rest + data).split(b"\n")
            if len(self._rest) > MAX_LINE_BYTES:
                raise RemoteProtocolError("a process of the swarm wrote a line that is too long")
            for text in lines:
                self.newest = Figures.from_json(text)
                note(self.newest)
