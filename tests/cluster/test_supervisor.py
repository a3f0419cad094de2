"""The supervisor with processes that only register: starting, a crash loop, and the end of all."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import trio

from gameserver import Settings
from gameserver.cluster import restarts, unix_socket
from gameserver.cluster.supervisor import AllNodesCrash, FirstNodeFailed, Supervisor
from gameserver.config import NodeCount
from gameserver.runtime.net.listening import StartError
from tests.support.sockets import until

#: A node that registers, says that it serves, and then does what the test wants.
STUB = """
import socket, struct, sys, msgpack
arguments = dict(a.removeprefix("--").split("=") for a in sys.argv[1:])
index = int(arguments["index"])
sock = socket.socket(socket.AF_UNIX)
sock.connect(arguments["of"] + "/supervisor")
for number, name, given in (
    (1, "register", [index, f"n{index}-run", [], None, False]),
    (2, "ready", [index, [f"n{index} serves"]]),
):
    body = msgpack.packb([number, name, given])
    sock.sendall(struct.pack("!II", len(body), 0) + body)
    socket.recv_fds(sock, 65536, 200)
"""


def supervisor(
    home: Path, then: str, told: list[Sequence[str]], nodes: int = 2, **settings: object
) -> Supervisor:
    (home / "stub.py").write_text(STUB + then)
    chosen = Settings(port=0, nodes=NodeCount(nodes), data=home / "data", **settings)  # type: ignore[arg-type]
    return Supervisor([sys.executable, str(home / "stub.py")], chosen, told.append)


async def test_all_nodes_run_until_a_signal(tmp_path: Path) -> None:
    told: list[Sequence[str]] = []
    host = supervisor(tmp_path, "import time; time.sleep(600)", told)
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(host.run)
            await until(lambda: all(node.ready.is_set() for node in host._nodes.values()))
            pids = [node.pid for node in host._nodes.values()]
            os.kill(os.getpid(), signal.SIGUSR2)  # asks for an upgrade, which nodes cannot do
            os.kill(os.getpid(), signal.SIGTERM)
    assert told == [["n0 serves"]], "only the first"
    for pid in pids:
        assert pid is not None
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert not host.folder.path.exists()


async def test_a_first_node_that_fails_ends_the_start(tmp_path: Path) -> None:
    host = supervisor(tmp_path, "", [])
    (tmp_path / "stub.py").write_text("import sys; sys.exit(3)")
    with trio.fail_after(60), pytest.raises(FirstNodeFailed) as failed:
        await host.run()
    assert failed.value.code == 3
    assert not host.folder.path.exists()


async def test_a_crash_loop_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restarts, "FIRST_PAUSE_S", 0.001)
    host = supervisor(tmp_path, "sys.exit(1)", [])
    with trio.fail_after(60), pytest.raises(AllNodesCrash):
        await host.run()
    assert [node.restarts.deaths for node in host._nodes.values()] == [restarts.MOST_DEATHS] * 2


async def test_a_system_without_a_free_process_ends_no_supervisor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Sequence[str]] = []
    host = supervisor(tmp_path, "import time; time.sleep(600)", told)
    open_process, refused = trio.lowlevel.open_process, 0

    async def refuse_once(command: Sequence[str], **options: Any) -> trio.Process:
        nonlocal refused
        if "--index=1" in command and not refused:
            refused += 1
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        return await open_process(command, **options)

    monkeypatch.setattr(trio.lowlevel, "open_process", refuse_once)
    monkeypatch.setattr(restarts, "FIRST_PAUSE_S", 0.01)
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(host.run)
            await until(lambda: all(node.ready.is_set() for node in host._nodes.values()))
            assert refused == 1
            os.kill(os.getpid(), signal.SIGTERM)


async def test_two_supervisors_of_one_folder(tmp_path: Path) -> None:
    host = supervisor(tmp_path, "", [])
    with (
        unix_socket.bind(host.folder.supervisor),
        pytest.raises(StartError, match=r"another supervisor of nodes runs for .*data"),
    ):
        await host.run()
