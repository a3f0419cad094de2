"""A server as a process, and the signals that end it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest
import trio

from tests.support.paths import ROOT
from tests.support.small_game import open_url

SIGNALS = pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)]
)

SCRIPT = """
import trio, sys
sys.path.insert(0, {root!r})
from tests.support.small_game import Field
from gameserver import Settings, serve
async def beside(server):
    print("port", server.port, flush=True)
    await trio.sleep_forever()
trio.run(serve, {{"field": Field}}, Settings(port=0), beside)
print("after", flush=True)
"""


async def _port(lines: trio.abc.ReceiveStream) -> int:
    """Return the port that a process prints, among the lines of its log."""
    said = b""
    while (found := re.search(rb"^port (\d+)\n", said, re.MULTILINE)) is None:
        more = await lines.receive_some()
        assert more, said
        said += more
    return int(found[1])


@SIGNALS
async def test_a_signal_ends_the_process_in_peace(number: signal.Signals) -> None:
    script = SCRIPT.format(root=str(ROOT))
    process = await trio.lowlevel.open_process(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    lines = process.stdout
    assert lines is not None
    with trio.fail_after(60):
        port = await _port(lines)
        async with open_url(f"ws://127.0.0.1:{port}/") as client:
            await client.joined()
            os.kill(process.pid, number)
            assert await client.closed() == (1001, "the server is shutting down")
            assert client.bye is not None
        assert await process.wait() == 0
        # The line that structlog prints without set-up, and then no traceback.
        assert b"".join([chunk async for chunk in lines]).endswith(b"after\n")


async def test_where_no_upgrade_is_possible_its_signal_ends_nothing() -> None:
    script = SCRIPT.replace("import Settings, serve", "import Settings").replace(
        "trio.run", "from gameserver.runtime.serving import serve; trio.run"
    )
    process = await trio.lowlevel.open_process(
        [sys.executable, "-c", script.format(root=str(ROOT))],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    lines = process.stdout
    assert lines is not None
    with trio.fail_after(60):
        port = await _port(lines)
        os.kill(process.pid, signal.SIGUSR2)
        async with open_url(f"ws://127.0.0.1:{port}/") as client:
            await client.joined()
        process.terminate()
        assert await process.wait() == 0
        assert b"cannot be upgraded" in b"".join([chunk async for chunk in lines])


STARTING = """
import sys; sys.path.insert(0, {root!r})
import trio
from gameserver import Settings
from gameserver.runtime.rooms.durable_rooms import DurableRooms
from gameserver.runtime.serving import serve
from tests.support.small_game import Field
async def recover(self):
    print("recovering", flush=True)
    await trio.sleep_forever()  # a storage that on_load waits for is away
DurableRooms.recover = recover
trio.run(serve, {{"field": Field}}, Settings(port=0))
print("after", flush=True)
"""


async def _port(lines: trio.abc.ReceiveStream) -> int:
    """Return the port that a process prints, among the lines of its log."""
    said = b""
    while (found := re.search(rb"^port (\d+)\n", said, re.MULTILINE)) is None:
        more = await lines.receive_some()
        assert more, said
        said += more
    return int(found[1])


@SIGNALS
async def test_a_signal_ends_a_start_that_takes_for_ever(number: signal.Signals) -> None:
    process = await trio.lowlevel.open_process(
        [sys.executable, "-c", STARTING.format(root=str(ROOT))],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    lines = process.stdout
    assert lines is not None
    try:
        with trio.fail_after(60):
            assert (await lines.receive_some()).startswith(b"recovering")
            os.kill(process.pid, number)
            assert await process.wait() == 0
            assert b"".join([chunk async for chunk in lines]).endswith(b"after\n")
    finally:
        process.kill()
