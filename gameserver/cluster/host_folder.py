"""The folder of Unix sockets by which the processes of one server find each other.

Owns where it is and what it holds::

    supervisor   the nodes register here and call the directory
    n0, n1, …    the other nodes pass sockets here

It is in the data folder; without one, in the folder for running programs of the user, by the port.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

from gameserver.cluster import unix_socket
from gameserver.cluster.control import control_path
from gameserver.config import Settings


class HostFolder:
    """The folder at ``path``, which need not exist yet."""

    def __init__(self, path: Path) -> None:
        self.path: Final = path

    @classmethod
    def of(cls, settings: Settings) -> HostFolder:
        """Return the folder of a server with these settings.

        A server on any free port without a data folder has a folder of its own, which no other
        supervisor will find.
        """
        if settings.data is not None:
            return cls(settings.data / "nodes")
        name = f"{settings.port}.nodes" if settings.port else f"process-{os.getpid()}.nodes"
        return cls(control_path(None, settings.port).with_name(name))

    @property
    def supervisor(self) -> Path:
        """The socket of the supervisor."""
        return self.path / "supervisor"

    def node(self, index: int) -> Path:
        """Return the socket of a node."""
        return self.path / f"n{index}"

    def node_numbers(self) -> list[int]:
        """Return the numbers of the nodes that have a socket, whether they live or not."""
        names = os.listdir(self.path) if self.path.is_dir() else []
        return sorted(int(n[1:]) for n in names if n[:1] == "n" and n[1:].isdecimal())

    def living_nodes(self) -> list[int]:
        """Return the nodes that answer: without a supervisor they are left from an earlier one."""
        return [n for n in self.node_numbers() if unix_socket.answers(self.node(n))]

    def remove(self) -> None:
        """Remove what is left of sockets, and the folder; all processes have ended."""
        with contextlib.suppress(OSError):
            for path in self.path.iterdir():
                path.unlink()
            self.path.rmdir()
