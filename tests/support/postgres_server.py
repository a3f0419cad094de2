"""A real PostgreSQL server for tests.

Owns a data folder of its own and the process; connections come through a Unix socket.  Debian keeps
the programs out of the PATH, and none of them runs as root.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

_START_DEADLINE_S: Final = 60.0


def _programs() -> Path | None:
    """Return the folder of ``initdb`` and ``postgres``, the newest version, or None."""
    if (found := shutil.which("initdb")) is not None:
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda at: int(at.parent.name))
    return folders[-1] if folders else None


def _as_postgres(command: list[str]) -> list[str]:
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else command


class PostgresServer:
    """A running server; ``kill`` and ``start`` end it and start it again with its data."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._folder = folder
        self.url = f"postgresql://postgres@/postgres?host={folder}"
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [str(self._programs / "postgres"), "-D", str(self._folder / "data")]
        options = ["-k", str(self._folder), "-h", "", "-c", "fsync=off", "-c", "log_statement=none"]
        self._process = subprocess.Popen(
            _as_postgres([*command, *options]),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline_s = time.monotonic() + _START_DEADLINE_S
        while subprocess.run(
            [str(self._programs / "pg_isready"), "-q", "-h", str(self._folder)], check=False
        ).returncode:
            assert time.monotonic() < deadline_s, "PostgreSQL did not start"
            time.sleep(0.05)

    def kill(self) -> None:
        """End it at once, with its connections, as a crash does."""
        pid = int((self._folder / "data" / "postmaster.pid").read_text().split()[0])
        subprocess.run(_as_postgres(["kill", "-QUIT", str(pid)]), check=True)
        self._process.wait()


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Run a server with an empty database; skip the test if PostgreSQL is not installed."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed")
    # Not in pytest's folder, which no other user may enter.
    folder = Path(tempfile.mkdtemp(prefix="gameserver-postgres-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
        initdb = [str(programs / "initdb"), "-D", str(folder / "data"), "-U", "postgres"]
        subprocess.run(
            _as_postgres([*initdb, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]),
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=folder,
        )
        server = PostgresServer(programs, folder)
        try:
            yield server
        finally:
            server.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
