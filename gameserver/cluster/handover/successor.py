"""Starts the new process: the same command, found anew, with a channel to this one.

Owns its command line, environment and end.  The command is that of this process, looked up again
by its name, and run in the working directory by the path under which this process was started: so
where that path leads through a symbolic link to the present release, the new process is the new
release.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import trio

from gameserver.cluster.descriptors import DescriptorChannel
from gameserver.cluster.handover.early_failure import VARIABLE
from gameserver.cluster.handover.messages import MAX_BODY_BYTES, HandoverFailed


class Command:
    """The command line of this process, as it was when it started."""

    def __init__(self) -> None:
        self.arguments: Final = _arguments(sys.orig_argv)
        self.folder: Final = _working_folder()


def _arguments(arguments: Sequence[str]) -> list[str]:
    """Return the command line by which the program is started again.

    A script such as ``bin/gameserver`` is run by itself, because it names the Python of its own
    release, and not with the Python of this one.
    """
    script = Path(arguments[1]) if len(arguments) > 1 else Path()
    if not script.suffix and os.access(script, os.X_OK) and script.is_file():
        with script.open("rb") as file:
            if file.read(2) == b"#!":
                return list(arguments[1:])
    return [sys.executable, *arguments[1:]]


def _working_folder() -> Path:
    """Return the working directory, by the path that the shell or systemd went to it."""
    told = os.environ.get("PWD", "")
    with contextlib.suppress(OSError):
        if Path(told).is_absolute() and Path(told).samefile("."):
            return Path(told)
    return Path.cwd()


class ChildProcess:
    """The new process, a child of this one."""

    def __init__(self, process: trio.Process, channel: DescriptorChannel) -> None:
        self._process: Final = process
        self.channel: Final = channel

    @classmethod
    async def start(cls, command: Command, keep_open: tuple[int, ...] = ()) -> ChildProcess:
        """Start it; ``HandoverFailed`` if the command cannot be run.

        It inherits the descriptors ``keep_open``.
        """
        ours, theirs = socket.socketpair()
        environment = {**os.environ, VARIABLE: str(theirs.fileno()), "PWD": str(command.folder)}
        try:
            process = await trio.lowlevel.open_process(
                command.arguments,
                cwd=command.folder,
                env=environment,
                pass_fds=(theirs.fileno(), *keep_open),
            )
        except OSError as error:
            ours.close()
            raise HandoverFailed(f"the new process cannot start: {error}") from error
        finally:
            theirs.close()
        return cls(process, DescriptorChannel(ours, max_body_bytes=MAX_BODY_BYTES))

    @property
    def pid(self) -> int:
        """Its process number."""
        return self._process.pid

    async def cut_off(self) -> None:
        """End it at once, and wait until it is dead."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)
        await self._process.wait()
