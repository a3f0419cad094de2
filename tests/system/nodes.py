"""A server with several nodes, each a process of its own, for the tests.

Owns starting it in a folder of its own, finding its processes, and that none is left at the end.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import attrs
import trio

from tests.system.servers import RunningServer, running_server

GAME: Final = '''
"""A room in which nothing happens, for many players."""

from gameserver import Player, Room, command, entity, number, synced


@entity
class Dial:
    value: int = synced(0)


@command
class Turn:
    by: int = number(-10, 10)


class Quiet(Room):
    tick_rate = 10
    max_players = 50
    dial: Dial

    def on_create(self) -> None:
        self.dial = self.spawn(Dial())

    def on_command(self, player: Player, command: Turn) -> None:
        self.dial.value += command.by

    def tick(self) -> None:
        if self.dial.value < 0:
            raise SystemExit("the process ends")
'''
#: The same, kept in the storage.
KEPT: Final = """

class Kept(Quiet):
    durable = True
"""
#: All clients are of this machine, and a test makes rooms as fast as it can.
NO_HASTE: Final = (
    *("--joins-per-s", "5000", "--rooms-per-s", "1000", "--max-rooms-per-address", "1000"),
    # However busy the machine is, nobody is dropped for being slow.
    *("--hello-deadline-s", "120", "--ping-interval-s", "60"),
)
DEADLINE_S: Final = 120.0


@attrs.frozen
class NodesServer:
    """A running server with its supervisor and nodes."""

    server: RunningServer
    folder: Path

    @property
    def port(self) -> int:
        return self.server.port

    def pids(self) -> dict[int, int]:
        """Return the process of each living node, by the number of the node."""
        return nodes_of(self.folder)

    async def until_nodes(self, count: int, but: Sequence[int] = ()) -> dict[int, int]:
        """Wait until so many nodes serve, none of them one of the processes ``but``."""
        with trio.fail_after(DEADLINE_S):
            while True:
                pids = self.pids()
                serve = all((self.folder / f"n{index}").exists() for index in pids)
                if serve and len(pids) == count and not {*pids.values()} & {*but}:
                    return pids
                await trio.sleep(0.25)  # processes of others tell nobody when they begin


def nodes_of(folder: Path) -> dict[int, int]:
    """Return the node processes whose sockets are in ``folder``."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            arguments = (entry / "cmdline").read_bytes().decode().split("\0")
            if f"--of={folder}" in arguments:
                index = next(a for a in arguments if a.startswith("--index="))
                found[int(index.removeprefix("--index="))] = int(entry.name)
    return found


@contextlib.contextmanager
def running_nodes(
    home: Path, count: int, *arguments: str, room: str = "mygame:Quiet"
) -> Iterator[NodesServer]:
    """Serve ``room`` of a game in ``home`` with nodes, which have all ended after this block."""
    (home / "mygame.py").write_text(GAME + KEPT)
    data = home / "data"
    command = ["serve", room, "--nodes", str(count), "--port", "0", "--data", str(data)]
    folder = data / "nodes"
    try:
        with running_server([*command, *NO_HASTE, *arguments], cwd=home) as server:
            try:
                yield NodesServer(server, folder)
            except BaseException:
                server.process.kill()
                kill_nodes(folder)  # they hold the output open
                raise
        assert not nodes_of(folder), "nodes are left"
    finally:
        kill_nodes(folder)


def kill_nodes(folder: Path) -> None:
    """Kill what is left of the nodes, as after a failed test."""
    for pid in nodes_of(folder).values():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
