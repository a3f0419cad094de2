"""How to start each server and what to say to it; one ``Contender`` each.

Owns command lines, environments, ports and readiness.  A contender that cannot be installed raises
``BenchmarkError`` in ``prepare``, which whoever runs a table reports.
"""

from __future__ import annotations

import http.client
import os
import pathlib
import re
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from typing import IO, Final, Self

import attrs

from benchmarks.building import PEERS, floor_program, node_folder_of, node_of, python_of
from benchmarks.machine import ROOT, BenchmarkError
from benchmarks.moves import ROOM_SIZES
from benchmarks.speech import ROOM_PLACE, Speech, colyseus_speech, mover_speech, plain_speech

START_TIMEOUT_S: Final = 30.0
#: After this a server is killed: there is nothing in it worth waiting for.
STOP_TIMEOUT_S: Final = 6.0
_LISTENING: Final = re.compile(r"(?:listening |open https?://[^ ]*:)(\d+)")


@attrs.frozen(kw_only=True)
class Setting:
    """The load for which a server is started: world, players and rates."""

    world: str
    players: int
    tick_rate: int = 20
    #: Movers besides those of the players; only our own server has them.
    entities: int = 0
    #: Players who join a room of their own at once while the others play; only our own server.
    joining: int = 0
    #: Bytes that the floor writes to each player at each tick.
    delta_bytes: int = 0
    #: As the server's setting of that name.
    collecting: str = "young"
    #: Certificate and key in PEM, for wss.
    certificate: tuple[pathlib.Path, pathlib.Path] | None = None

    @property
    def room_size(self) -> int:
        """How many players share a room; 0: all of them."""
        return ROOM_SIZES.get(self.world, 0)


@attrs.frozen
class Started:
    """How to run a server: the command, and what its environment has besides ours."""

    command: list[str]
    environment: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen
class Contender:
    """One server of a table.  ``prepare`` installs what it needs and says how to start it."""

    name: str
    prepare: Callable[[Setting], Started]
    #: The messages that the load generator sends to it.
    speech: Callable[[Setting], Speech]
    worlds: tuple[str, ...]


class RunningServer:
    """A server pinned to a core; use as a context manager, which stops it.

    ``port`` is the first that it names: that of wss, if it serves that; ``plain_port`` that of ws.
    """

    def __init__(self, contender: Contender, setting: Setting, core: int) -> None:
        started = contender.prepare(setting)
        self._name = contender.name
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by __exit__
        self._process = subprocess.Popen(
            ["taskset", "--cpu-list", str(core), *started.command],
            cwd=ROOT,
            env={**os.environ, **started.environment},
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            start_new_session=True,
        )
        self.pid = self._process.pid
        try:
            self.port = self.plain_port = self._wait_for_port()
            if setting.certificate is not None:
                self.plain_port = self._port_of_next_line()
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._errors.close()

    def _wait_for_port(self) -> int:
        assert self._process.stdout is not None
        deadline_s = time.monotonic() + START_TIMEOUT_S
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while selector.select(max(0.0, deadline_s - time.monotonic())):
                line = self._process.stdout.readline()
                if not line:
                    break
                if (found := _LISTENING.search(line)) is not None:
                    return int(found[1])
        last = self.log().strip().splitlines()[-1:] or ["it said nothing"]
        raise BenchmarkError(f"{self._name} did not start: {last[0]}")

    def _port_of_next_line(self) -> int:
        """Return the port of the line after the first, which is written at the same time."""
        assert self._process.stdout is not None
        found = _LISTENING.search(self._process.stdout.readline())
        if found is None:
            raise BenchmarkError(f"{self._name} named one port only")
        return int(found[1])

    def log(self) -> str:
        """Return what it has written to standard error so far."""
        size = os.fstat(self._errors.fileno()).st_size
        # Where the file is read must not move: the server writes there.
        return os.pread(self._errors.fileno(), size, 0).decode(errors="replace")

    def get(self, path: str) -> str:
        """Return what our own server answers to a GET, without TLS."""
        connection = http.client.HTTPConnection("127.0.0.1", self.plain_port, timeout=10)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


# ---------------------------------------------------------------- ourselves


def port_printed(output: IO[str]) -> int:
    """Wait until our own server names its port on standard output, and return it."""
    for line in output:
        if line.startswith("open http://"):
            return int(line.rstrip("/\n").rpartition(":")[2])
    raise BenchmarkError("the server did not start")


_ROOMS: Final = {
    "broadcast": "Broadcast",
    "bigworld": "BigWorld",
    "matches": "Match",
    "duels": "Duel",
    "churn": "Match",
    "idle": "Idle",
    "idle-duels": "IdleDuel",
    "arena": "BigArena",
    "arena-matches": "ArenaMatch",
}


def _start_ourselves(setting: Setting) -> Started:
    rooms = [_ROOMS[setting.world]] + (["Arrivals"] if setting.joining else [])
    command = [sys.executable, "-m", "gameserver", "serve"]
    command += [*(f"benchmarks.worlds:{room}" for room in rooms), "--port", "0"]
    command += ["--log-level", "warning", "--max-connections", "20000"]
    command += ["--collecting", setting.collecting]
    # Everyone joins at once here; a limit on that would be all that a storm of joins measures.
    command += ["--joins-per-s", "100000", "--max-joining", "20000"]
    if setting.room_size:
        command += ["--max-rooms", "20000", "--rooms-per-s", "100000", "--empty-room-s", "0"]
    if setting.certificate is not None:
        certificate, key = setting.certificate
        command += ["--certificate", str(certificate), "--key", str(key), "--tls-port", "0"]
    return Started(
        command,
        {
            "BENCHMARK_PLAYERS": str(setting.players),
            "BENCHMARK_TICK_RATE": str(setting.tick_rate),
            "BENCHMARK_ENTITIES": str(setting.entities),
            "BENCHMARK_JOINING": str(setting.joining),
            "PYTHONPATH": str(ROOT),
        },
    )


def room_of(setting: Setting) -> str:
    """Return what clients of a world ask our server for: a kind, or a room for each few."""
    kind = _ROOMS[setting.world].lower()
    return f"{kind}/{ROOM_PLACE}" if setting.room_size else kind


def _to_ourselves(setting: Setting) -> Speech:
    return mover_speech(room_of(setting), setting.room_size)


OURSELVES: Final = Contender("gameserver", _start_ourselves, _to_ourselves, tuple(_ROOMS))

# ---------------------------------------------------------------- peers


def _flags(setting: Setting) -> list[str]:
    in_a_room = setting.room_size or setting.players
    flags = ["--world", setting.world, "--players", str(in_a_room)]
    return [*flags, "--rate", str(setting.tick_rate), "--port", "0"]


def _start_floor(setting: Setting) -> Started:
    command = [str(floor_program()), "--bytes", str(setting.delta_bytes)]
    return Started([*command, "--rate", str(setting.tick_rate), "--port", "0"])


def _start_python(peer: str, setting: Setting) -> Started:
    server = PEERS / peer / "server.py"
    return Started([str(python_of(peer)), str(server), *_flags(setting)], {"PYTHONPATH": str(ROOT)})


def _start_node(peer: str, setting: Setting) -> Started:
    folder = node_folder_of(peer)
    return Started(
        [str(node_of(folder)), str(folder / "server.mjs"), *_flags(setting)],
        {"NODE_ENV": "production"},
    )


def _to_plain(setting: Setting) -> Speech:
    return plain_speech(setting.room_size)


def _to_colyseus(setting: Setting) -> Speech:
    return colyseus_speech(setting.room_size)


def _python_peer(name: str, worlds: tuple[str, ...]) -> Contender:
    return Contender(name, lambda setting: _start_python(name, setting), _to_plain, worlds)


_ONE_ROOM: Final = ("broadcast", "bigworld")
_ALL: Final = (*_ONE_ROOM, "matches", "duels", "churn")
FLOOR: Final = Contender("floor", _start_floor, _to_plain, _ALL)
PEERS_OF_TABLE: Final = (
    FLOOR,
    _python_peer("picows", _ALL),
    Contender("node_ws", lambda setting: _start_node("node_ws", setting), _to_plain, _ALL),
    _python_peer("websockets", _ONE_ROOM),
    Contender("colyseus", lambda setting: _start_node("colyseus", setting), _to_colyseus, _ALL),
    _python_peer("plain_trio", _ONE_ROOM),
)
#: Ourselves first: the floor writes as many bytes as we did in the same round.
CONTENDERS: Final = {c.name: c for c in (OURSELVES, *PEERS_OF_TABLE)}
