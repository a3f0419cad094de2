"""The server under test: one that runs already, or a room served here by a process of its own.

Owns starting that process, on a core of its own and without the limits of one address, and its
figures.  Never plays: ``crowd.py`` does.
"""

from __future__ import annotations

import http.client
import os
import re
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import attrs
import trio

from clients.nursery import open_unwrapping_nursery
from gameserver.errors import LocalProtocolError
from gameserver.ops.core_time import CoreTime

#: How long a server may take to start, and to answer.
START_DEADLINE_S: Final = 60.0
ANSWER_DEADLINE_S: Final = 5.0
#: The pause between two questions whether the server answers.
ASK_EVERY_S: Final = 0.1
#: Settings that would refuse a crowd from one address.
UNLIMITED: Final = (
    *("--max-connections-per-address", "100000", "--connects-per-s", "10000"),
    *("--joins-per-s", "10000", "--rooms-per-s", "1000", "--max-rooms-per-address", "100000"),
)
_DROPPED: Final = re.compile(rb"^gameserver_ticks_dropped_total(?:\{[^}]*\})? (\S+)$", re.MULTILINE)


@attrs.frozen
class Target:
    """A server: its address, and its process if it runs here."""

    url: str
    process: int | None = None

    def core(self) -> CoreTime | None:
        """Return the core time of its process; None if it runs elsewhere."""
        return None if self.process is None else CoreTime.of(self.process)

    async def dropped_ticks(self) -> float | None:
        """Return how many ticks it has left out; None if it runs elsewhere."""
        if self.process is None:
            return None
        text = await trio.to_thread.run_sync(_get, self.url, "/metrics")
        return sum(float(found) for found in _DROPPED.findall(text))


@asynccontextmanager
async def serve_here(room: str, core: int | None) -> AsyncIterator[Target]:
    """Serve ``room``, as in ``mygame:Room``, on the core; stop it after the block."""
    port = _free_port()
    process = await trio.lowlevel.open_process(
        [
            *(sys.executable, "-m", "gameserver", "serve", room, "--port", str(port)),
            *UNLIMITED,
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=None if core is None else partial(os.sched_setaffinity, 0, {core}),
    )
    assert process.stderr is not None
    said = _Tail(process.stderr)
    async with open_unwrapping_nursery() as nursery:
        nursery.start_soon(said.read)
        try:
            url = f"ws://127.0.0.1:{port}/"
            await _until_it_answers(process, url, said)
            yield Target(url, process.pid)
        finally:
            process.terminate()
            with trio.move_on_after(START_DEADLINE_S, shield=True):
                await process.wait()
            if process.returncode is None:
                process.kill()
            nursery.cancel_scope.cancel()


class _Tail:
    """The end of what a process wrote."""

    def __init__(self, stream: trio.abc.ReceiveStream) -> None:
        self._stream = stream
        self._text = b""

    async def read(self) -> None:
        async for data in self._stream:
            self._text = (self._text + data)[-4096:]

    @property
    def last_line(self) -> str:
        lines = self._text.decode(errors="replace").strip().splitlines()
        return lines[-1].removeprefix("gameserver: ") if lines else "it said nothing"


async def _until_it_answers(process: trio.Process, url: str, said: _Tail) -> None:
    with trio.move_on_after(START_DEADLINE_S):
        while process.poll() is None:
            try:
                await trio.to_thread.run_sync(_get, url, "/healthz")
            except OSError:
                await trio.sleep(ASK_EVERY_S)
            else:
                return
    await trio.sleep(ASK_EVERY_S)  # its last words may still be on their way
    raise LocalProtocolError(f"the server did not start: {said.last_line}")


def _get(url: str, path: str) -> bytes:
    connection = http.client.HTTPConnection(url[5:-1], timeout=ANSWER_DEADLINE_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    finally:
        connection.close()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
