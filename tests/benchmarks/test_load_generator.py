"""The load generator against real servers, for a moment."""

from __future__ import annotations

import json
import os
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import attrs
import pytest

from benchmarks import building
from benchmarks.driver import Driver
from benchmarks.generator import Generator, Load
from benchmarks.machine import BenchmarkError, Cores
from benchmarks.servers import FLOOR, OURSELVES, RunningServer, Setting
from benchmarks.speech import (
    ROOM_PLACE,
    Speech,
    plain_speech,
)

#: Pinning and /proc are Linux'.
linux = pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks measure on Linux")


def cores() -> Cores:
    allowed = sorted(os.sched_getaffinity(0))
    return Cores(allowed[0], allowed[-1])


@pytest.fixture
def _compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCHMARK_CACHE", str(tmp_path / "cache"))
    try:
        building.load_program()
    except BenchmarkError as error:
        pytest.skip(str(error))


@linux
@pytest.mark.usefixtures("_compiled")
def test_the_generator_counts_what_the_floor_sends() -> None:
    setting = Setting(world="bigworld", players=5, tick_rate=100, delta_bytes=300)
    load = Load(players=5, commands_per_s=100, warmup_s=0.05, window_s=0.3)
    with (
        RunningServer(FLOOR, setting, cores().server) as server,
        Generator(server.port, plain_speech(), load, cores().load) as generator,
    ):
        assert generator.wait_for("joined")["joined"] == 5
        generator.wait_for("begin")
        told = generator.wait_for("end")
    assert told["playing"] == 5
    assert told["deltas"] > 0
    assert told["delta_bytes"] == 300 * told["deltas"]
    assert told["deltas"] == told["frames"]
    assert told["sent"] > 0
    assert told["refused"] == 0


@linux
@pytest.mark.usefixtures("_compiled")
def test_our_server_is_measured() -> None:
    setting = Setting(world="bigworld", players=4)
    load = Load(players=4, warmup_s=0.1, window_s=0.5)
    record = Driver(cores(), {}).run("test", OURSELVES, setting, load)
    assert record.playing == 4
    assert record.deltas > 0
    assert record.cpu_s > 0
    assert record.rss_bytes > record.rss_empty_bytes / 2 > 0
    assert record.more["sent"] > 0


@linux
@pytest.mark.usefixtures("_compiled")
def test_rooms_come_and_go_beside_those_who_stay() -> None:
    setting = Setting(world="churn", players=10)
    load = Load(players=10, passing=20, stay_s=0.5, warmup_s=0.1, window_s=2.0)

    def figures(server: RunningServer) -> dict[str, Any]:
        (rooms,) = re.findall(r'gameserver_rooms{kind="match"} (.*)', server.get("/metrics"))
        return {"rooms": float(rooms), "log": server.log()}

    record = Driver(cores(), {}).run("test", OURSELVES, setting, load, at_end=figures)
    # On a slow machine some are not in yet when they go again.
    assert record.playing == 10
    assert record.more["passed"] + record.not_passed > 20
    assert record.more["passed"] > 0
    assert record.passing_deltas > 0
    assert 1 <= record.more["rooms"] <= 5
    assert "error" not in record.more["log"]


@linux
@pytest.mark.usefixtures("_compiled")
def test_matchmaking_says_where_each_client_goes() -> None:
    """Three clients in rooms of two ask over HTTP first, and go where the answer says."""
    asked: list[str] = []
    upgraded: list[str] = []

    class Matchmaker(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            asked.append(body)
            seat = {"roomId": f"r{body}", "sessionId": "s"}
            answer = json.dumps(seat, separators=(",", ":"))
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(answer)}\r\n\r\n"
            self.wfile.write((head + answer).encode())  # in one piece, as on loopback

        def do_GET(self) -> None:
            upgraded.append(self.path)
            self.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x82\x01\x00")
            self.connection.recv(1)  # until the client goes

        def log_message(self, *_: object) -> None:
            """Nothing."""

    speech = Speech(
        match="/match", match_body=ROOM_PLACE, path="/{roomId}?id={sessionId}", room_size=2
    )
    load = Load(players=3, commands_per_s=0.0, warmup_s=0.0, window_s=0.05, joining=1)
    with ThreadingHTTPServer(("127.0.0.1", 0), Matchmaker) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with Generator(server.server_port, speech, load, cores().load) as generator:
                assert generator.wait_for("joined")["joined"] == 3
        finally:
            server.shutdown()
            thread.join()
    assert asked == ["000000", "000000", "000001"]
    assert upgraded == ["/r000000?id=s", "/r000000?id=s", "/r000001?id=s"]


@linux
@pytest.mark.usefixtures("_compiled")
def test_a_server_that_does_not_start_is_reported() -> None:
    broken = attrs.evolve(
        OURSELVES,
        prepare=lambda s: attrs.evolve(
            OURSELVES.prepare(s),
            command=[sys.executable, "-c", "raise SystemExit('no such thing')"],
        ),
    )
    with pytest.raises(BenchmarkError, match="gameserver did not start: no such thing"):
        RunningServer(broken, Setting(world="bigworld", players=1), cores().server)
