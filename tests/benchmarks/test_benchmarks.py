"""The pure parts of the benchmarks, and the load generator against real servers for a moment."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import attrs
import msgpack
import pytest

from benchmarks import building, measure, plots, records, tables
from benchmarks.driver import Driver
from benchmarks.exposition import tick_times
from benchmarks.generator import Generator, Load, complaints
from benchmarks.machine import BenchmarkError, Cores
from benchmarks.moves import HEADINGS, STEP, passing_beside, start_of, world_side
from benchmarks.peers.shared.field import Field
from benchmarks.pilots import arena_speech, record_steering, split_frame
from benchmarks.records import Largest, Record
from benchmarks.servers import CONTENDERS, FLOOR, OURSELVES, RunningServer, Setting, room_of
from benchmarks.speech import (
    ROOM_PLACE,
    Speech,
    colyseus_speech,
    headings,
    mover_speech,
    plain_speech,
)
from benchmarks.studies import growth
from benchmarks.studies.compare import chosen, having
from benchmarks.studies.session import summary
from benchmarks.worlds import BigWorld, Turn
from gameserver.games.arena.room import Arena
from gameserver.protocol.frames import binary_frame
from gameserver.protocol.messages import CommandMessage, Hello, decode_from_client, pack
from gameserver.replication.interest import members_of
from gameserver.replication.publisher import Publisher
from tests.support.node_tools import require_node

#: Pinning and /proc are Linux'.
linux = pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks measure on Linux")


def make_record(**changes: Any) -> Record:
    plain = Record(
        study="compare",
        server="gameserver",
        world="bigworld",
        players=100,
        seconds=5.0,
        cpu_s=0.5,
        rss_bytes=60_000_000,
        rss_empty_bytes=50_000_000,
        deltas=10_000,
        delta_bytes=1_000_000,
        interval_p50_ms=50.0,
        interval_p99_ms=55.0,
        interval_p999_ms=60.0,
        interval_max_ms=70.0,
        playing=100,
        joins_per_s=500.0,
        load_cpu_share=0.2,
    )
    return attrs.evolve(plain, **changes)


# ---------------------------------------------------------------- growth


def test_growth_is_fitted_per_tick_from_valid_records() -> None:
    found = [
        make_record(players=n, cpu_s=(0.1 + n * 0.002) * 5, seconds=5.0) for n in (100, 200, 300)
    ]
    found.append(make_record(players=400, cpu_s=100.0, complaints=("slow",)))
    assert growth.fit_players(found[:1]) is None
    found.append(make_record(players=500, cpu_s=0.1, deltas=10))  # overloaded: it did less
    line = growth.fit_players(found)
    assert line is not None
    assert line.slope == pytest.approx(0.1)  # 2 ms of a second, over 20 ticks
    assert line.intercept == pytest.approx(5.0)


# ---------------------------------------------------------------- records


def test_what_a_record_derives() -> None:
    record = make_record()
    assert record.cpu_per_delta_us == pytest.approx(50.0)
    assert record.cpu_share == pytest.approx(0.1)
    assert record.hz == pytest.approx(20.0)
    assert record.bytes_per_delta == pytest.approx(100.0)
    assert record.rss_per_player_bytes == pytest.approx(100_000)
    assert record.held
    assert record.valid


@pytest.mark.parametrize(
    "changes",
    [
        {"playing": 99},
        {"not_passed": 1},
        {"deltas": 9_400},
        {"interval_p99_ms": 75.0},
        {"tick_rate": 30},
    ],
)
def test_what_does_not_hold(changes: dict[str, Any]) -> None:
    assert not make_record(**changes).held


def test_deltas_of_those_who_come_and_go_are_delivered_too() -> None:
    record = make_record(passing_deltas=10_000, more={"passed": 300})
    assert record.cpu_per_delta_us == pytest.approx(25.0)
    assert record.hz == pytest.approx(20.0)
    assert summary(record).endswith("300 came and went, 0 could not")


def test_nothing_delivered_is_not_cheap() -> None:
    assert make_record(deltas=0).cpu_per_delta_us == math.inf


def test_records_come_back_from_their_file(tmp_path: Path) -> None:
    file = tmp_path / "there" / "results.jsonl"
    first = make_record(more={"collecting": "young"})
    second = make_record(study="idle")
    for record in (first, second):
        records.append(file, record)
    with file.open("a") as out:  # a line of a later version
        out.write(json.dumps({**attrs.asdict(first), "new": 1}) + "\n")
    assert records.load(file, "compare") == [first, first]
    assert records.load(file) == [first, second, first]


def test_medians_are_of_valid_records_only() -> None:
    found = [
        make_record(cpu_s=0.1),
        make_record(cpu_s=0.3),
        make_record(cpu_s=0.2),
        make_record(cpu_s=9.0, complaints=("slow",)),
    ]
    assert records.median_of(found, lambda r: r.cpu_s) == pytest.approx(0.2)
    assert math.isnan(records.median_of(found[3:], lambda r: r.cpu_s))


def test_the_summary_says_when_a_result_is_refused() -> None:
    assert "REFUSED" not in summary(make_record())
    assert summary(make_record(complaints=("it was slow",))).endswith("REFUSED: it was slow")


def test_the_generator_is_judged() -> None:
    told = {"cpu_share": 0.9, "send_late_ms": {"p99": 20.0}, "skipped": 0}
    assert complaints(told) == []
    assert "91%" in complaints({**told, "cpu_share": 0.91})[0]
    assert "20.1" in complaints({**told, "send_late_ms": {"p99": 20.1}})[0]
    assert len(complaints({**told, "skipped": 3})) == 1


# ---------------------------------------------------------------- tables


def test_the_main_table() -> None:
    found = [
        make_record(server="plain_trio", deltas=2_000),
        make_record(server="gameserver", cpu_s=0.4),
        make_record(server="uneven", cpu_s=0.45, interval_p99_ms=80.0),
        make_record(server="floor", cpu_s=0.2),
        make_record(server="floor", cpu_s=0.4, players=200, playing=200, deltas=20_000),
        make_record(server="other world", world="broadcast"),
    ]
    assert tables.comparison(found, "bigworld").splitlines() == [
        "| bigworld | 100 players | 200 players |",
        "| --- | --: | --: |",
        "| floor | 20.0 µs | 20.0 µs |",
        "| gameserver | 40.0 µs (2.00 ×) | – |",
        "| uneven | 45.0 µs (2.25 ×), p99 80 ms | – |",
        "| plain_trio | falls to 4.0 Hz | – |",
    ]


def test_refused_results_are_not_in_the_main_table() -> None:
    found = [make_record(server="floor"), make_record(complaints=("slow",))]
    assert "| gameserver | – |" in tables.comparison(found, "bigworld")
    assert tables.details(found).splitlines()[-1].endswith("| 1 |")


def test_most_repeats_must_hold() -> None:
    good, bad = make_record(), make_record(playing=1)
    assert tables.held([good, good, bad])
    assert not tables.held([good, bad, bad])
    assert not tables.held([make_record(complaints=("slow",))])


def test_capacity_is_told_as_a_share_of_the_floor() -> None:
    found = {
        "gameserver": [Largest(n, at_least=False) for n in (3000, 2000, 4000)],
        "floor": [Largest(6000, at_least=True)],
    }
    rows = tables.capacity(found).splitlines()[2:]
    assert rows == ["| floor | ≥ 6000 | 100% |", "| gameserver | 3000 | 50% |"]


def test_settings_are_told_apart() -> None:
    found = [
        make_record(tick_rate=60, more={"collecting": collecting, "work_p99_ms": figure})
        for collecting, figure in (("all", 3.0), ("young", 1.0), ("all", 4.0), ("all", 5.0))
    ]
    rows = tables.by_more(found, ["work_p99_ms"]).splitlines()[2:]
    assert [row.split(" | ")[:2] for row in rows] == [
        ["| bigworld 100, 60 Hz, all", "4.00"],
        ["| bigworld 100, 60 Hz, young", "1.00"],
    ]


def test_memory_is_per_player() -> None:
    assert tables.memory([make_record()]).splitlines()[-1] == "| 100 | 50.0 | 60.0 | 97.7 |"


def test_plots_say_what_they_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(BenchmarkError, match="matplotlib"):
        plots.draw([make_record()], "bigworld", lambda r: r.hz, "Hz", tmp_path / "plot.svg")


# ---------------------------------------------------------------- /proc and /metrics


def test_cpu_time_from_stat_with_an_odd_name() -> None:
    fields = " ".join(str(n) for n in range(3, 53))
    assert measure.parse_stat_cpu_s(f"7 (a) b (c) {fields}", 10) == pytest.approx((14 + 15) / 10)
    assert measure.parse_schedstat_s("2500000000 17 3") == pytest.approx(2.5)


@linux
def test_the_figures_of_this_process() -> None:
    """The kernel's accounting lags behind: only what the start of Python took is sure."""
    assert measure.cpu_s(os.getpid()) > 0.0
    assert measure.waited_s(os.getpid()) >= 0.0
    assert measure.rss_bytes(os.getpid()) > 1_000_000
    assert measure.cpu_s(2**30) == 0.0


@pytest.fixture
def made_proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ``/proc`` with process 7, which has two threads, and its child 8."""
    files = {
        "7/task/7/schedstat": "2000000000 500000000 3",
        "7/task/7/children": "8 ",
        "7/task/9/schedstat": "1000000000 250000000 4",
        "7/task/9/children": "",
        "7/statm": "900 300 1 1 1 1 1",
        "8/task/8/schedstat": "250000000 9 1",
        "8/statm": "90 30 1 1 1 1 1",
        "8/stat": "8 (sh) " + " ".join(["S", *["0"] * 10, "30", "20", *["0"] * 30]),
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(measure, "PROC", tmp_path)
    return tmp_path


def test_cpu_time_and_memory_are_of_all_threads_and_children(made_proc: Path) -> None:
    assert measure.cpu_s(7) == pytest.approx(3.25)
    assert measure.waited_s(7) == pytest.approx(0.75)
    assert measure.rss_bytes(7) == 330 * os.sysconf("SC_PAGE_SIZE")


def test_cpu_time_of_a_kernel_without_schedstat(made_proc: Path) -> None:
    (made_proc / "8/task/8/schedstat").unlink()
    assert measure.cpu_s(8) == pytest.approx(50 / os.sysconf("SC_CLK_TCK"))


@linux
def test_the_time_that_a_core_was_stolen() -> None:
    text = "cpu  9 9 9 9 9 9 9 300\ncpu0 1 2 3 4 5 6 7 100\ncpu1 1 2 3 4 5 6 7 200 8 9\nintr 1\n"
    assert measure.parse_stolen_s(text, 1, 100) == pytest.approx(2.0)
    with pytest.raises(ValueError, match="no core 2"):
        measure.parse_stolen_s(text, 2, 100)
    assert measure.stolen_s(0) >= 0.0


def test_times_are_counted_from_a_moment() -> None:
    spent = measure.Times(5.0, 1.5).since(measure.Times(2.0, 1.0))
    assert spent == measure.Times(3.0, 0.5)


def test_tick_times_are_read_from_metrics() -> None:
    text = (
        "# HELP gameserver_tick_work_seconds x\n"
        'gameserver_tick_work_seconds{kind="bigworld",quantile="0.5"} 0.001\n'
        'gameserver_tick_work_seconds{kind="bigworld",quantile="1"} 0.25\n'
        'gameserver_tick_lateness_seconds{kind="bigworld",quantile="0.99"} 1e-05\n'
        'gameserver_ticks_dropped_total{kind="bigworld"} 3.0\n'
    )
    assert tick_times(text) == pytest.approx(
        {"work_p50_ms": 1.0, "work_max_ms": 250.0, "lateness_p99_ms": 0.01, "ticks_dropped": 3.0}
    )


# ---------------------------------------------------------------- the worlds


def test_everything_always_changes_both_coordinates_by_a_small_integer() -> None:
    assert all(0 < abs(d) < 32 for heading in HEADINGS for d in heading)


def test_about_twenty_others_are_in_view() -> None:
    for players in (500, 2000):
        side = world_side(players)
        room = BigWorld("test")
        room.side = side
        for _ in range(players):
            room.make_mover(None)
        grid = room.world.grid
        Publisher(room.world, check_every_ticks=10**9, quiet_ticks=10**9).publish(1)
        seen = [
            len(members_of(room.world, grid.cell_at(mover.x, mover.y))) - 1 for mover in room.movers
        ]
        assert 17 <= sum(seen) / len(seen) <= 21


def test_peers_see_as_many_as_we_do() -> None:
    field = Field("bigworld", 1000)
    movers = [field.join() for _ in range(1000)]
    field.step()
    seen = [sum(map(len, field.moves(mover.cell))) / 3 - 1 for mover in movers]
    assert 17 <= sum(seen) / len(seen) <= 21


def test_all_servers_move_alike() -> None:
    room = BigWorld("test")
    field = Field("bigworld", 100)
    ours = [room.make_mover(None) for _ in range(20)]
    theirs = [field.join() for _ in range(20)]
    assert room.side == world_side(100)
    turns = headings(40)
    for tick, heading in enumerate(turns):
        theirs[tick % 20].turn(heading)
        ours[tick % 20].dx, ours[tick % 20].dy = (d * STEP for d in HEADINGS[heading])
        for _ in range(15):
            room.tick()
            field.step()
    assert [(m.x / STEP, m.y / STEP) for m in ours] == [(m.x, m.y) for m in theirs]
    assert all(0 <= m.x <= room.side and 0 <= m.y <= room.side for m in theirs)


def test_a_message_of_the_peers_holds_the_moves_in_view() -> None:
    for world, cells in (("bigworld", 9), ("broadcast", 1)):
        field = Field(world, 200)
        movers = [field.join() for _ in range(200)]
        field.leave(movers.pop())
        field.step()
        for mover in movers[:5]:
            tick, *seen = msgpack.unpackb(field.message(mover.cell))
            assert tick == 1
            assert len(seen) == cells
            assert seen == field.moves(mover.cell)
            assert any(mover.id in cell[::3] for cell in seen)


@pytest.mark.node
def test_node_peers_have_the_same_rules() -> None:
    script = (
        "import { HEADINGS, advance, startOf, worldSide } from './benchmarks/peers/shared/"
        "field.mjs';"
        "const [x, y] = startOf(3, 999); const m = { x, y, dx: -700, dy: 12 }; advance(m, 999);"
        "console.log(JSON.stringify([HEADINGS, [1, 100, 5000].map(worldSide),"
        "[1, 2, 777].map((i) => startOf(i, 4096)), [x, y, m.x, m.y]]));"
    )
    done = subprocess.run(
        [*require_node(), "--input-type=module", "--eval", script],
        cwd=building.HERE.parent,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    theirs, sides, starts, moved = json.loads(done.stdout)
    assert theirs == [list(heading) for heading in HEADINGS]
    assert sides == [world_side(n) for n in (1, 100, 5000)]
    assert starts == [list(start_of(i, 4096)) for i in (1, 2, 777)]
    x, y = start_of(3, 999)
    assert moved == [x, y, x + 700 if x < 700 else x - 700, y + 12 if y + 12 <= 999 else y - 12]


# ---------------------------------------------------------------- what is said to servers


def command_of(speech: Speech, seq: int, tick: int, tail: bytes) -> bytes:
    """The messages that load.c sends."""
    values = {"s": seq, "0": 0, "t": tick, "w": 32 * tick}
    stamps = [pack(values[letter]) for letter in speech.stamps]
    return speech.head + b"".join(stamps) + tail


def test_our_server_understands_the_generator() -> None:
    speech = mover_speech()
    assert isinstance(decode_from_client(speech.open), Hello)
    schema = BigWorld.schema()
    for tail in speech.tails[:20]:
        message = decode_from_client(command_of(speech, 300, 70_000, tail))
        assert isinstance(message, CommandMessage)
        assert (message.seq, message.tick) == (300, 0)
        assert (message.rendered, message.acked) == (32 * 70_000, 70_000)
        assert isinstance(schema.commands[message.kind].from_wire(message.values), Turn)


def test_plain_peers_understand_the_generator() -> None:
    speech = plain_speech()
    assert msgpack.unpackb(command_of(speech, 300, 0, b"\x07")) == [300, 7]


def test_colyseus_is_told_to_go_on() -> None:
    speech = colyseus_speech()
    assert speech.first == b"\x0a"
    assert command_of(speech, 1, 1, b"\x07") == b"\x0d\xa1t\x07"


@pytest.mark.parametrize(("world", "size"), [("matches", 10), ("duels", 2), ("churn", 10)])
def test_players_of_small_rooms_are_told_which(world: str, size: int) -> None:
    setting = Setting(world=world, players=100)
    assert setting.room_size == size
    hello = decode_from_client(OURSELVES.speech(setting).open)
    assert isinstance(hello, Hello)
    assert hello.room == room_of(setting)
    assert room_of(setting) in {f"match/{ROOM_PLACE}", f"duel/{ROOM_PLACE}"}
    assert FLOOR.speech(setting).path == f"/{ROOM_PLACE}"
    assert ROOM_PLACE in CONTENDERS["colyseus"].speech(setting).match_body
    for contender in CONTENDERS.values():
        speech = contender.speech(setting)
        assert speech.room_size == (size if world in contender.worlds else speech.room_size)


def test_players_of_one_room_are_not_told_which() -> None:
    setting = Setting(world="bigworld", players=100)
    assert setting.room_size == 0
    assert FLOOR.speech(setting).path == "/"
    assert {contender.speech(setting).room_size for contender in CONTENDERS.values()} == {0}


def test_only_churn_has_players_who_come_and_go() -> None:
    assert passing_beside("matches", 1000) == 0
    # 20 rooms a second, each of ten for two seconds and a quarter until the next.
    assert passing_beside("churn", 500) == 450
    assert passing_beside("churn", 1) == 10


def test_the_list_of_tails_reaches_the_generator_in_a_file(tmp_path: Path) -> None:
    speech = Speech(head=b"\x92", tails=[b"\x00\x01", b"\xff"], delta_at=1, delta_byte=18)
    flags = speech.flags(tmp_path)
    assert flags[flags.index("--tails") + 1] == str(tmp_path / "tails")
    assert (tmp_path / "tails").read_text() == "0001\nff\n"
    assert flags[flags.index("--delta-byte") + 1] == "18"
    assert flags[flags.index("--path") + 1] == "/"


def test_recorded_pilots_fly_and_shoot() -> None:
    steering = record_steering(bots=4, ticks=150)
    assert any(command.thrust for command in steering)
    assert any(command.fire for command in steering)
    assert len({command.aim for command in steering}) > 20
    assert record_steering(bots=4, ticks=150) == steering


def test_the_arena_understands_the_recordings(monkeypatch: pytest.MonkeyPatch) -> None:
    short = record_steering(bots=2, ticks=60)
    monkeypatch.setattr("benchmarks.pilots.record_steering", lambda: short)
    speech = arena_speech()
    schema = Arena.schema()
    takes_off = decode_from_client(speech.first)
    assert isinstance(takes_off, CommandMessage)
    assert type(schema.commands[takes_off.kind].from_wire(takes_off.values)).__name__ == "Play"
    for tail in speech.tails:
        message = decode_from_client(command_of(speech, 2, 5, tail))
        assert isinstance(message, CommandMessage)
        schema.commands[message.kind].from_wire(message.values)


@pytest.mark.parametrize("length", [0, 125, 126, 65_535, 65_536])
def test_frames_are_split(length: int) -> None:
    payload = bytes(length)
    assert split_frame(binary_frame(payload) + b"rest") == (payload, b"rest")


def test_contenders_are_chosen_by_name_and_we_come_first() -> None:
    assert [c.name for c in chosen(("floor", "gameserver"))] == ["gameserver", "floor"]
    assert len(chosen(())) == len(CONTENDERS) == 7
    with pytest.raises(BenchmarkError, match="there is no server flor; there are gameserver, fl"):
        chosen(("gameserver", "flor"))


def test_contenders_are_those_that_have_the_world() -> None:
    assert "plain_trio" in {c.name for c in having("bigworld", ())}
    assert "plain_trio" not in {c.name for c in having("duels", ())}
    assert having("idle", ()) == [OURSELVES]
    with pytest.raises(BenchmarkError, match="none of these servers has the world matchs"):
        having("matchs", ())


# ---------------------------------------------------------------- the real thing, for a moment


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
