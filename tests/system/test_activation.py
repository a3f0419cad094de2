"""Socket activation of whole servers, by ``systemd-socket-activate``, which does as systemd."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

from tests.support.proxies import needed
from tests.support.redis_server import free_port
from tests.system.nodes import GAME
from tests.system.servers import (
    FETCH_DEADLINE_S,
    GAMESERVER,
    START_DEADLINE_S,
    STOP_DEADLINE_S,
    run_to_its_end,
)

pytestmark = pytest.mark.long


@pytest.mark.parametrize("nodes", ["1", "2"])
def test_the_first_client_waits_while_the_server_starts(tmp_path: Path, nodes: str) -> None:
    (tmp_path / "mygame.py").write_text(GAME)
    port = free_port()
    command = [
        *(needed("systemd-socket-activate"), "--listen", f"127.0.0.1:{port}", "--fdname=port"),
        *("--setenv", f"PATH={os.environ['PATH']}", *GAMESERVER, "serve", "mygame:Quiet"),
        # Another port than that of the socket, which is the one that counts.
        *("--port", str(free_port()), "--nodes", nodes, "--data", str(tmp_path / "data")),
    ]
    with (tmp_path / "output").open("wb") as output:
        process = subprocess.Popen(command, cwd=tmp_path, stdout=output, stderr=output)
    try:
        wait_for(port)
        url = f"http://127.0.0.1:{port}/healthz"
        with urllib.request.urlopen(url, timeout=FETCH_DEADLINE_S) as answer:
            assert answer.status == 200
        if nodes == "1":  # a reload keeps the socket, whatever port the settings name
            upgraded = run_to_its_end(["upgrade", "--data", str(tmp_path / "data")])
            assert upgraded.returncode == 0, upgraded.stderr
            with urllib.request.urlopen(url, timeout=FETCH_DEADLINE_S) as answer:
                assert answer.status == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOP_DEADLINE_S) == 0, (tmp_path / "output").read_text()
    finally:
        process.kill()
        process.wait()
    assert f"open http://127.0.0.1:{port}/" in (tmp_path / "output").read_text()


def wait_for(port: int) -> None:
    """Wait until somebody listens on ``port``, without connecting to it."""
    deadline_s = time.monotonic() + START_DEADLINE_S
    while True:
        with socket.socket() as sock:
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                return
        assert time.monotonic() < deadline_s, "nobody listens"
        time.sleep(0.01)
