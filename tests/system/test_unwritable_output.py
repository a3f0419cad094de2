"""Standard output that cannot be written costs what is printed, never a player or the server."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.system.servers import GAMESERVER, START_DEADLINE_S, STOP_DEADLINE_S

GAME = """
from gameserver import Room

class Duel(Room):
    def tick(self) -> None:
        print("a tick")
"""
SECRET = {"GAMESERVER_SECRET": "a-secret-of-the-tests-long-enough"}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1):
            return True
    except OSError:
        return False


def listens(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


def wait_until(is_up: Callable[[int], bool], process: subprocess.Popen[bytes], port: int) -> None:
    """Ask until the server is up: it has no output in which it could say so."""
    deadline_s = time.monotonic() + START_DEADLINE_S
    while not is_up(port):
        assert time.monotonic() < deadline_s, "the server is not up"
        with contextlib.suppress(subprocess.TimeoutExpired):
            raise AssertionError(process.wait(timeout=0.05))


@pytest.fixture
def output(request: pytest.FixtureRequest) -> Iterator[tuple[str, int]]:
    """A redirection by the shell, and a descriptor of a pipe that nobody reads."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"." * 4096)
    os.set_blocking(writer, True)
    if request.param == "gone":
        os.close(reader)
    yield request.param.removeprefix("gone"), writer
    os.close(writer)
    if request.param != "gone":
        os.close(reader)


FULL = ">/dev/full"
SERVE = ["serve", "mygame:Duel"]
OUTPUTS = ["", FULL, ">&-", "gone"]
COMMANDS = [["demo", "--bots", "1"], SERVE, ["echo"]]


@pytest.mark.parametrize(
    ("output", "command"),
    [
        pytest.param(
            output, command, marks=() if (output, command) == (FULL, SERVE) else pytest.mark.long
        )
        for output in OUTPUTS
        for command in COMMANDS
    ],
    indirect=["output"],
)
def test_a_server_starts_serves_and_ends_in_peace(
    tmp_path: Path, output: tuple[str, int], command: list[str]
) -> None:
    (tmp_path / "mygame.py").write_text(GAME)
    port = free_port()
    arguments = [*GAMESERVER, *command, "--port", str(port)]
    with subprocess.Popen(
        ["sh", "-c", f'exec "$@" {output[0]}', "sh", *arguments],
        cwd=tmp_path,
        stdout=output[1],
        stderr=subprocess.PIPE,
    ) as process:
        wait_until(listens if command == ["echo"] else is_ready, process, port)
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=STOP_DEADLINE_S)
    assert process.returncode == 0, told.decode()
    assert b"Traceback" not in told, told.decode()


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["token", "ann"]])
def test_a_command_that_only_prints_says_that_it_could_not(arguments: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*GAMESERVER, *arguments],
            env={**os.environ, **SECRET},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=START_DEADLINE_S,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == ("gameserver: cannot write to standard output: No space left on device\n")
