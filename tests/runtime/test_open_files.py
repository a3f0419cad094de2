"""The limit of open files: raised, respected, and reached without harm."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from types import SimpleNamespace

import pytest
import structlog
import trio
import trio.testing

from gameserver import Settings
from gameserver.protocol.messages import Delta, Welcome
from gameserver.runtime import open_files
from gameserver.runtime.open_files import (
    OTHER_FILES,
    raise_open_file_limit,
    within_open_files,
)
from gameserver.runtime.rooms.lobby import Lobby
from tests.support.paths import ROOT
from tests.support.small_game import Field, open_url
from tests.support.sockets import PATIENCE_S

INFINITY = -1


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
async def test_rooms_need_no_files(autojump_clock: trio.testing.MockClock) -> None:
    async with trio.open_nursery() as nursery:
        lobby = Lobby({"field": Field}, Settings(rooms_per_s=1000.0))
        lobby.start(nursery)
        with lobby.reserve(lobby.request("field/1")):
            await trio.sleep(1)
            before = len(os.listdir("/proc/self/fd"))
            with ExitStack() as rooms:
                for number in range(2, 12):
                    rooms.enter_context(lobby.reserve(lobby.request(f"field/{number}")))
                await trio.sleep(1)
                assert len(os.listdir("/proc/self/fd")) == before
        nursery.cancel_scope.cancel()


def limited(monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, most: int = 10**9) -> list[int]:
    """Pretend that the process has these limits, and the system allows ``most``."""
    limits = [soft, hard]

    def setrlimit(_which: int, wanted: tuple[int, int]) -> None:
        if wanted[0] > most:
            raise ValueError("not allowed to raise maximum limit")
        assert wanted[1] == hard
        assert hard == INFINITY or wanted[0] <= hard
        limits[0] = wanted[0]

    monkeypatch.setattr(
        open_files,
        "resource",
        SimpleNamespace(
            RLIM_INFINITY=INFINITY,
            RLIMIT_NOFILE=7,
            getrlimit=lambda _which: tuple(limits),
            setrlimit=setrlimit,
        ),
    )
    return limits


@pytest.mark.parametrize(
    ("soft", "hard", "becomes"),
    [
        (1024, 20_000, 5000),
        (1024, 2000, 2000),
        (1024, INFINITY, 5000),
        (8000, 20_000, 8000),
        (1024, 1024, 1024),
    ],
)
def test_the_limit_is_raised_as_far_as_needed(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, becomes: int
) -> None:
    limits = limited(monkeypatch, soft, hard)
    assert raise_open_file_limit(5000) == becomes
    assert limits[0] == becomes


def test_where_it_cannot_be_raised_it_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    limited(monkeypatch, 256, INFINITY, most=1000)
    assert raise_open_file_limit(5000) == 256
    limited(monkeypatch, INFINITY, INFINITY)
    assert raise_open_file_limit(5000) is None
    monkeypatch.setattr(open_files, "resource", None)
    assert raise_open_file_limit(5000) is None


@pytest.mark.parametrize(
    ("hard", "fits"),
    [(20_000, 5000), (1000, 1000 - OTHER_FILES), (200, 100), (1, 1)],
)
def test_connections_fit_under_it(monkeypatch: pytest.MonkeyPatch, hard: int, fits: int) -> None:
    limited(monkeypatch, min(hard, 64), hard)
    with structlog.testing.capture_logs() as logged:
        settings = within_open_files(Settings(max_connections=5000, max_rooms=100))
    assert settings.max_connections == fits
    assert [entry["max_connections"] for entry in logged] == ([] if fits == 5000 else [fits])


SCRIPT = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (%d, %d))
import trio
sys.path.insert(0, {root!r})
from tests.support.small_game import Field
from gameserver import Settings, serve
from gameserver.ops.logging import configure_logging
configure_logging()
async def beside(server):
    print(server.port, server.settings.max_connections, flush=True)
    await trio.sleep_forever()
trio.run(serve, {{"field": Field}}, Settings(port=0, max_rooms=10%s), beside)
"""


async def start(script: str) -> tuple[trio.Process, int, int]:
    process = await trio.lowlevel.open_process(
        [sys.executable, "-c", script.format(root=str(ROOT))],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    printed = b""
    while not printed.endswith(b"\n"):
        printed += await process.stdout.receive_some()
    port, most = printed.split()
    return process, int(port), int(most)


async def flood(port: int, count: int) -> list[trio.SocketStream]:
    return [await trio.open_tcp_stream("127.0.0.1", port) for _ in range(count)]


@pytest.mark.skipif(open_files.resource is None, reason="there is no such limit here")
async def test_a_server_with_few_files_makes_room_for_newcomers() -> None:
    """Beyond what fits, the oldest silent connections end, and players go on."""
    process, port, most = await start(SCRIPT % (300, 300, ""))
    try:
        with trio.fail_after(PATIENCE_S):
            assert most == 300 - min(OTHER_FILES, 150)
            async with open_url(f"ws://127.0.0.1:{port}/") as honest:
                await honest.hello()
                await honest.next_of(Welcome)
                silent = await flood(port, most - 1)
                late = await flood(port, 3)
                for stream in late:
                    await stream.send_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    assert (await stream.receive_some()).startswith(b"HTTP/1.1 200 ")
                for stream in silent[:3]:
                    assert await stream.receive_some() == b""
                await honest.next_of(Delta)
                for stream in (*silent, *late):
                    await stream.aclose()
    finally:
        process.kill()
        await process.wait()


EMFILE_SCRIPT = SCRIPT.replace(
    "async def beside(server):",
    """import os
async def beside(server):
    # A game that leaks files: the limit that the server keeps to does not know of these.
    files = [os.dup(0) for _ in range(2000) if len(os.listdir("/proc/self/fd")) < 298]""",
)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
async def test_a_server_with_no_files_left_recovers() -> None:
    """Players go on; a client in the backlog is let in once there are descriptors again."""
    process, port, _ = await start(EMFILE_SCRIPT % (300, 300, ""))
    try:
        with trio.fail_after(PATIENCE_S):
            async with open_url(f"ws://127.0.0.1:{port}/") as honest:
                await honest.hello()
                await honest.next_of(Welcome)
                streams = await flood(port, 5)  # in the backlog, or among the last to fit
                for _ in range(2):
                    await honest.next_of(Delta)
                for stream in streams:
                    await stream.aclose()
            # The honest one's file is free again.
            async with open_url(f"ws://127.0.0.1:{port}/") as again:
                await again.hello()
                await again.next_of(Welcome)
    finally:
        process.kill()
        await process.wait()
