"""Real servers for the tests: ``gameserver`` in a process of its own, on a free port.

Owns starting it, knowing when it takes connections, and that it ends in peace.  Waits only for
what the process prints or for its end, never for time.  Plays nothing.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Final

from tests.support.paths import ROOT

#: The command line, as the interpreter that runs the tests has it.
GAMESERVER: Final = (sys.executable, "-m", "gameserver")
#: For servers that several tests share: each test opens a room of its own, all from this machine.
ROOM_FOR_ALL: Final = ("--max-rooms-per-address", "100", "--rooms-per-s", "100")
#: A server that has not printed its address by then hangs.
START_DEADLINE_S: Final = 60
#: Longer than the grace period of a shutdown.
STOP_DEADLINE_S: Final = 60
FETCH_DEADLINE_S: Final = 60


class Output:
    """The lines that a process prints, as they come."""

    def __init__(self, stream: IO[str]) -> None:
        self.lines: list[str] = []
        self._stream = stream
        self._changed = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._stream:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wait_for(self, pattern: str, deadline_s: float) -> re.Match[str]:
        """Return the first match of ``pattern`` in a line, past or to come."""

        def found() -> re.Match[str] | None:
            return next(filter(None, (re.search(pattern, line) for line in self.lines)), None)

        with self._changed:
            self._changed.wait_for(lambda: found() or self._ended, deadline_s)
            match = found()
        assert match is not None, f"no line like {pattern!r} in:\n{self}"
        return match

    def wait_for_end(self) -> None:
        """Wait until nothing more can come."""
        self._reader.join(STOP_DEADLINE_S)
        assert not self._reader.is_alive(), "someone still holds the output open"

    def __str__(self) -> str:
        return "\n".join(self.lines)


class RunningServer:
    """A server process; made by ``running_server``."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self.process = process
        self.stdout = Output(process.stdout)
        self.stderr = Output(process.stderr)
        self.port = 0
        #: None unless the server has a certificate.
        self.tls_port: int | None = None

    def wait_until_ready(self) -> None:
        """Read the addresses; that of plain HTTP is the last one printed."""
        try:
            printed = self.stdout.wait_for(r"^open http://[^/]+:(\d+)/$", START_DEADLINE_S)
        except AssertionError as error:
            error.add_note(f"standard error:\n{self.stderr}")
            raise
        self.port = int(printed[1])
        secure = re.search(r"^open https://[^/]+:(\d+)/$", str(self.stdout), re.MULTILINE)
        self.tls_port = None if secure is None else int(secure[1])

    def url(self, scheme: str = "http") -> str:
        """Return the address for ``scheme``: http, https, ws or wss; without a path."""
        port = self.tls_port if scheme in ("https", "wss") else self.port
        assert port is not None, f"this server does not speak {scheme}"
        return f"{scheme}://127.0.0.1:{port}"

    @property
    def ws_url(self) -> str:
        return self.url("ws")

    def get(self, path: str) -> tuple[int, str, str]:
        """Fetch over plain HTTP; return status, content type and body.  Blocks."""
        with urllib.request.urlopen(self.url() + path, timeout=FETCH_DEADLINE_S) as response:
            body: str = response.read().decode()
            return response.status, response.headers["Content-Type"], body

    def stop(self, by: signal.Signals = signal.SIGTERM) -> None:
        """Ask the server to end; it must do so with exit code 0 and without a traceback."""
        self.process.send_signal(by)
        code = self.process.wait(STOP_DEADLINE_S)
        self.stdout.wait_for_end()
        self.stderr.wait_for_end()
        told = f"standard output:\n{self.stdout}\nstandard error:\n{self.stderr}"
        assert code == 0, f"exit code {code} after {by.name}\n{told}"
        assert "Traceback" not in told, told


@contextlib.contextmanager
def running_server(
    arguments: Sequence[str],
    *,
    command: Sequence[str] = GAMESERVER,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[RunningServer]:
    """Run ``gameserver`` with these arguments in this block, which begins when it is ready.

    ``environment`` is added to that of the tests.  At the end of the block it is stopped with
    SIGTERM, unless it ended already, and must exit with 0.
    """
    with subprocess.Popen(
        [*command, *arguments],
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        server = RunningServer(process)
        try:
            server.wait_until_ready()
            yield server
            if process.returncode is None:
                server.stop()
        except BaseException as error:
            error.add_note(f"the server's standard error:\n{server.stderr}")
            raise
        finally:
            process.kill()
            server.stdout.wait_for_end()
            server.stderr.wait_for_end()


def run_to_its_end(
    arguments: Sequence[str],
    *,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run ``gameserver`` where it is expected to end by itself."""
    return subprocess.run(
        [*GAMESERVER, *arguments],
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=START_DEADLINE_S,
        check=False,
    )


@contextlib.contextmanager
def running_module(module: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a module of this checkout as a program in this block, and stop it at its end.

    AssertionError if the program ended by itself before.  Every failure tells what it printed.
    """
    with subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        output = Output(process.stdout)
        try:
            yield process
            code = process.poll()
            assert code is None, f"{module} ended with exit code {code}"
        except BaseException as error:
            process.kill()
            output.wait_for_end()
            error.add_note(f"the output of {module}:\n{output}")
            raise
        finally:
            process.kill()
            output.wait_for_end()
