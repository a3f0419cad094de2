"""A Redis server of its own for tests, which they may pause, kill and start again."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

_START_DEADLINE_S = 30.0
#: Unlike in other processes that run tests at the same time.
_chance = random.SystemRandom()


def free_port() -> int:
    """Return a port below those that the kernel gives to other sockets in the meantime."""
    while True:
        port = _chance.randrange(10_000, 32_000)
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


class RedisServer:
    """A server on a port of loopback; ``options`` are lines of its configuration."""

    def __init__(
        self,
        folder: Path,
        options: Sequence[str],
        *,
        tls: Path | None,
        password: str | None,
        sentinel: bool,
    ) -> None:
        self._folder = folder
        self._signing_in = [] if password is None else ["-a", password, "--no-auth-warning"]
        if tls is not None:
            self._signing_in += ["--tls", "--cacert", str(tls)]
        self._sentinel = sentinel
        self._options = options
        self._tls = tls
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, with the data that it saved, if any."""
        port = [f"tls-port {self.port}", "port 0"] if self._tls else [f"port {self.port}"]
        lines = [*port, "bind 127.0.0.1", f'dir "{self._folder}"', *self._options]
        if not self._sentinel:
            lines.append('save ""')
        file = self._folder / "redis.conf"
        file.write_text("\n".join(lines) + "\n")
        command = ["redis-server", str(file), *(["--sentinel"] if self._sentinel else [])]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        deadline_s = time.monotonic() + _START_DEADLINE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1.0).close()
            except OSError:
                assert time.monotonic() < deadline_s, "Redis did not start"
                time.sleep(0.01)
            else:
                return

    def call(self, *arguments: str) -> str:
        """Return the answer to one command."""
        command = ["redis-cli", "-p", str(self.port), *self._signing_in, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def settle(self, base: str) -> None:
        """Have the directory at ``base`` take claims at once, as one does that has run for long."""
        run = self.call("INFO", "server").partition("run_id:")[2].split()[0]
        now_ms = str(1000 * int(self.call("TIME").split()[0]))
        meta = {"run": run, "settled": "0", "clock": now_ms, "wall": now_ms}
        self.call("HSET", f"{base}:meta", *(part for pair in meta.items() for part in pair))

    def pause(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End it at once, as a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def lose_data(self) -> None:
        """Remove what it saved; it must not be running."""
        assert self._process is None
        (self._folder / "dump.rdb").unlink(missing_ok=True)


@contextmanager
def redis_server(
    options: Sequence[str] = (),
    *,
    tls: Path | None = None,
    password: str | None = None,
    sentinel: bool = False,
) -> Iterator[RedisServer]:
    """Run a server; skip the test if Redis is not installed.

    ``tls``: it speaks TLS only, and this file has the authority of its certificate.
    """
    if shutil.which("redis-server") is None:
        pytest.skip("Redis is not installed")
    with tempfile.TemporaryDirectory(prefix="gameserver-redis-") as folder:
        server = RedisServer(Path(folder), options, tls=tls, password=password, sentinel=sentinel)
        try:
            yield server
        finally:
            server.kill()
