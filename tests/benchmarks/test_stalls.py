"""The study of stalls: whose time is whose, and what is a stop."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
import trio

from benchmarks.driver import Driver
from benchmarks.machine import BenchmarkError, Cores
from benchmarks.servers import Setting
from benchmarks.stalls import results, rooms
from benchmarks.stalls.results import Mark, StallsRecord, phases_of, stops_of
from benchmarks.stalls.watch import MARKS, PUBLISH, STEP, Stages, Turn, Watch, find
from benchmarks.studies import stalls
from benchmarks.studies.session import Session
from gameserver import Room


def turn(at_s: float = 0.0, *, waits: int = 0, **stages_ms: float) -> Turn:
    """Return a turn whose stages took so long, on the core all the time."""
    took_ms = sum(stages_ms.values())
    return Turn(at_s, took_ms, took_ms, waits, {name: (ms, ms) for name, ms in stages_ms.items()})


def tick(at_s: float, publish_ms: float, room: str = "full") -> Turn:
    return turn(at_s, **{f"{STEP} {room}": 1.0, f"{PUBLISH} {room}": publish_ms})


# ---------------------------------------------------------------- the watch


@pytest.mark.parametrize("name", MARKS)
def test_every_stage_is_where_it_is_looked_for(name: str) -> None:
    owner, attribute, function = find(name)
    assert getattr(owner, attribute) is function


def test_what_is_not_there_or_awaits_is_no_stage() -> None:
    with pytest.raises(LookupError, match="there is no"):
        find("gameserver.runtime.http.acceptor:Acceptor.nothing")
    with pytest.raises(TypeError, match="awaits"):
        find("gameserver.runtime.http.acceptor:Acceptor.serve")


def test_a_stage_takes_what_those_inside_it_do_not() -> None:
    clock: Iterator[int] = iter([0, 1_000_000, 4_000_000, 9_000_000])
    core: Iterator[int] = iter([0, 1_000_000, 2_000_000, 5_000_000])
    stages = Stages(lambda: next(clock), lambda: next(core))
    stages.enter("outer")
    stages.enter("inner")
    stages.leave()
    stages.leave()
    assert not stages.is_open
    assert stages.take() == {"inner": (3.0, 1.0), "outer": (6.0, 4.0)}
    assert stages.take() == {}


async def test_the_loop_is_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.stalls.watch.MARKS", {})
    monkeypatch.setattr("benchmarks.stalls.watch.SHORTEST_MS", 0.0)
    watch = Watch()
    watch.begin()
    for _ in range(3):
        await trio.lowlevel.checkpoint()
        gc.collect(0)
    await trio.lowlevel.checkpoint()
    trio.lowlevel.remove_instrument(watch)
    gc.callbacks.remove(watch._collecting)
    file = tmp_path / "turns"
    watch.write(file)
    turns = results.read_turns(file)
    assert turns == watch.turns
    assert sum("garbage collector, generation 0" in t.stages for t in turns) >= 2
    assert any(name.startswith("task ") for t in turns for name in t.stages)


# ---------------------------------------------------------------- what is a stop


def test_the_work_of_every_tick_is_no_stop() -> None:
    assert stops_of([tick(n / 20, 20.0 + n % 5) for n in range(50)]) == []


def test_a_small_room_says_nothing_of_the_work_of_a_full_one() -> None:
    ticks = [tick(n / 40, *((20.0, "full") if n % 2 else (1.0, "small"))) for n in range(50)]
    assert stops_of(ticks) == []


def test_rooms_that_tick_in_one_turn_have_regular_work_each() -> None:
    ticks = [tick(n / 20, 20.0) for n in range(50)]
    small = tick(0.0, 4.0, "small").stages
    for n in range(3, 20):
        ticks[n] = attrs.evolve(
            ticks[n], took_ms=26.0, core_ms=26.0, stages={**ticks[n].stages, **small}
        )
    assert stops_of(ticks) == []


def test_the_first_ticks_of_a_room_are_nothing_regular() -> None:
    assert len(stops_of([tick(n / 20, 8.0) for n in range(5)])) == 5


def test_what_a_tick_takes_besides_is_one() -> None:
    ticks = [tick(n / 20, 20.0) for n in range(50)]
    ticks[25] = attrs.evolve(
        tick(1.25, 45.0),
        took_ms=58.0,
        core_ms=58.0,
        stages={**tick(1.25, 45.0).stages, "join": (12.0, 12.0)},
    )
    (stop,) = stops_of(ticks)
    assert stop.own_ms == pytest.approx(15.0 + 12.0)  # 1.5 × the median is regular
    assert results.named(stop) == "publish full 15.0, join 12.0"


def test_what_others_took_is_not_the_servers_own() -> None:
    taken = Turn(3.0, 30.0, 6.0, 0, {"accept": (30.0, 6.0)})
    (stop,) = stops_of([taken])
    assert (stop.own_ms, stop.taken_ms) == (pytest.approx(6.0), pytest.approx(24.0))


def test_what_the_server_waited_for_itself_is_its_own() -> None:
    (stop,) = stops_of([Turn(3.0, 30.0, 1.0, 2, {"files": (29.0, 0.5)})])
    assert stop.own_ms == pytest.approx(30.0)
    assert results.named(stop) == "files 29.0"


def test_what_no_stage_accounts_for_is_trios() -> None:
    (stop,) = stops_of([Turn(3.0, 8.0, 8.0, 0, {"accept": (1.0, 1.0)})])
    assert stop.who == {"Trio": pytest.approx(7.0), "accept": pytest.approx(1.0)}


def test_a_room_that_publishes_at_every_other_tick_has_regular_work_too() -> None:
    ticks = [tick(n / 20, 20.0) if n % 2 else turn(n / 20, **{STEP: 1.0}) for n in range(50)]
    assert stops_of(ticks) == []


# ---------------------------------------------------------------- phases, record, table


def record_of(*turns: Turn) -> StallsRecord:
    marks = [
        Mark("play", 100.0, 10, 1.0),
        Mark("join", 110.0, 30, 1.5),
        Mark("end", 120.0, 30, 1.5),
    ]
    return StallsRecord(phases=phases_of(turns, marks), not_joined=0, not_back=0)


def test_a_stop_belongs_to_the_phase_in_which_it_began() -> None:
    play, join = record_of(turn(104.0, accept=6.0), turn(110.5, log=11.0)).phases
    assert (play.name, play.players, play.seconds, play.stolen) == ("play", 10, 10.0, 0.05)
    assert [(s.phase, s.at_s) for s in play.stops + join.stops] == [("play", 4.0), ("join", 0.5)]
    assert play.too_long == []
    assert len(join.too_long) == 1


def test_the_table_and_what_it_complains_of() -> None:
    record = record_of(turn(104.0, accept=6.0), turn(110.5, log=11.0))
    assert results.stalls_table(record).splitlines()[2:] == [
        "| play | 10 | 10 | 0.0 | 1 | 6.0 | accept 6.0 | 0 | 0 | 5% |",
        "| join | 30 | 10 | 0.0 | 1 | 11.0 | log 11.0 | 1 | 0 | 0% |",
    ]
    assert results.lines_of(record)[1] == "join, 0.50 s: 11.0 ms: log 11.0"
    assert results.broken(record) == ["1 stops over 10 ms in 'join'"]
    wrong = attrs.evolve(record_of(), not_joined=2, not_back=1)
    assert results.broken(wrong) == ["2 could not join", "1 did not get their seats back"]


def test_records_come_back_from_their_file() -> None:
    record = record_of(turn(104.0, accept=6.0))
    lines = [json.dumps({"study": "idle"}), json.dumps(attrs.asdict(record))]
    assert results.load_newest(lines) == record
    assert results.load_newest(lines[:1]) is None


# ---------------------------------------------------------------- the worlds


@pytest.mark.parametrize(("world", "name"), rooms.WATCHED.items())
def test_each_world_has_a_room_that_is_watched(world: str, name: str, tmp_path: Path) -> None:
    room = getattr(rooms, name)
    assert room.on_start is not Room.on_start
    assert room.schema().describe() == rooms.Watched.schema().describe()
    setting = Setting(world=world, players=10)
    started = stalls.start_watched(setting, turns=tmp_path / "turns")
    assert f"benchmarks.stalls.rooms:{name}" in started.command
    assert started.command.count("--empty-room-s") == 1
    assert started.environment["BENCHMARK_STALLS"] == str(tmp_path / "turns")


def test_the_crowd_fills_small_rooms_of_its_own() -> None:
    assert stalls.room_of_crowd(Setting(world="bigworld", players=9), 7) == "watched"
    duels = Setting(world="duels", players=9)
    asked = [stalls.room_of_crowd(duels, number) for number in range(3)]
    assert asked == ["watchedduel/crowd0", "watchedduel/crowd0", "watchedduel/crowd1"]


def test_a_world_in_which_nothing_is_watched_is_refused(tmp_path: Path) -> None:
    session = Session(tmp_path / "results", 1, 0.0, 1.0, driver=Driver(Cores(0, 0), {}))
    with pytest.raises(BenchmarkError, match="bigworld, matches, duels, churn, not in arena"):
        stalls.run(session, "arena", 1, 2, 0.1)
