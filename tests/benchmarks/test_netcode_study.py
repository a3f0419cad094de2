"""The netcode study: its rooms, pilots, screen and arithmetic, and for a moment the real thing."""

from __future__ import annotations

import io
import itertools
import json
import math
import random
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from rich.console import Console

from benchmarks import plots, records
from benchmarks.machine import BenchmarkError, Cores
from benchmarks.netcode.pilots import (
    FARTHEST,
    FIRE_EVERY_TICKS,
    HOVER,
    LEAST_PRESS_S,
    KeyPresser,
    Marksman,
    Weaver,
)
from benchmarks.netcode.players import (
    AimFigures,
    Counts,
    LinkFigures,
    Window,
    play_link,
    shoot,
    weave,
)
from benchmarks.netcode.results import (
    AimRecord,
    LinkRecord,
    aim_table,
    falls_short,
    links_table,
    load,
    newest,
)
from benchmarks.netcode.rooms import (
    BEAT_EVERY_TICKS,
    MARKSMAN,
    MAX_PAIRS,
    PAIR_DISTANCE,
    PAIR_SPACE,
    WEAVER,
    Beat,
    Range,
    Timed,
    name_of,
    place_of,
)
from benchmarks.netcode.screen import Screen, Shown
from benchmarks.studies import netcode
from benchmarks.studies.session import Session
from clients.lab.profiles import profile_of
from clients.netcode.prediction import Predictor, Smoothing
from gameserver.config import Settings
from gameserver.games.arena.model import TURN, UNIT, Hit, Play, Rock, Steer
from gameserver.games.arena.movement import COSINE, MAX_ENERGY, SINE
from gameserver.games.arena.rules import (
    MAX_HULL,
    PULSE_HIT_RADIUS,
    PULSE_RANGE,
    TICK_RATE,
    WORLD_SIZE,
)
from gameserver.games.arena.ship_step import ShipState, step_ship
from gameserver.replication.publisher import Publisher
from gameserver.runtime.serving import open_server
from gameserver.simulation.stepper import Seated, Stepper
from tests.support.frame_sinks import NoSink


def join(stepper: Stepper[Range], seat: int, name: str) -> Seated:
    seated = stepper.join(seat, NoSink(), name)
    seated.commands.take(1, Play(name=name, bot=True))
    return seated


def at(x: int, y: int, heading: int = 0) -> ShipState:
    return ShipState(x, y, 0, 0, heading, MAX_ENERGY, 0, 0, 0, 0)


# ---------------------------------------------------------------- the rooms


def test_the_room_tells_when_its_ticks_begin() -> None:
    stepper = Stepper(Timed(seed=1))
    for tick in range(1, 2 * BEAT_EVERY_TICKS + 1):
        stepper.step(tick)
    beats = [Beat.from_text(said.text) for said in stepper.take_texts()]
    assert [beat.tick for beat in beats if beat] == [BEAT_EVERY_TICKS, 2 * BEAT_EVERY_TICKS]
    assert stepper.failures == []
    assert Beat.from_text("beat 5 x") is None
    assert Beat.from_text(Beat(5, 123).to_text()) == Beat(5, 123)


def test_bots_can_join_the_room_of_the_links() -> None:
    """They refuse a schema that is not theirs."""
    from clients.bots.behaviours import SCHEMA

    assert Timed.schema().hash == Range.schema().hash == SCHEMA.hash


def test_on_the_range_everyone_is_placed_by_name_and_nobody_dies() -> None:
    room = Range(seed=1)
    stepper = Stepper(room)
    assert list(room.world.of_class(Rock)) == []
    marksman_seat = join(stepper, 1, name_of(MARKSMAN, 4))
    marksman = marksman_seat.player
    target_player = join(stepper, 2, name_of(WEAVER, 4)).player
    join(stepper, 3, "somebody else")
    stepper.step(1)
    assert stepper.failures == []
    own, target = marksman.entity, target_player.entity
    assert (own.x, own.y) == place_of(marksman.name)
    assert (target.x, target.y) == place_of(target_player.name)
    publisher = Publisher(room.world, check_every_ticks=100, quiet_ticks=30)
    hits = 0
    for tick in range(2, 600):
        own.energy = MAX_ENERGY
        marksman_seat.commands.take(tick, Steer(fire=True, aim=TURN // 4), tick=tick)
        stepper.step(tick)
        emissions = stepper.take_emissions()
        hits += sum(isinstance(emission.event, Hit) for emission in emissions)
        publisher.publish(tick, emissions)
        stepper.published(tick)
    assert stepper.failures == []
    assert hits > 50
    assert target_player.entity is target
    assert target.hull == MAX_HULL


# ---------------------------------------------------------------- the pilots


def test_keys_are_pressed_one_at_a_time_and_not_too_fast() -> None:
    keys = KeyPresser(random.Random(1), 0.0)
    at_s = 0.0
    for _ in range(200):
        assert keys.next_press_s >= at_s + LEAST_PRESS_S
        at_s = keys.next_press_s
        before = keys.press()
        after = keys.controls
        assert (before.turn != after.turn) + (before.thrust != after.thrust) == 1


def way_of(weaver: Weaver, *, fast: bool) -> list[ShipState]:
    """Where it flies, from the origin of its place."""
    state, way = at(50_000, 50_000), []
    for tick in range(1, 3000):
        turn, ahead = weaver.controls(state.x, state.y, state.heading, tick)
        steer = Steer(turn=turn, thrust=fast or ahead)
        state = step_ship(state, steer, (), WORLD_SIZE, armed=True)
        way.append(state._replace(x=state.x - 50_000, y=state.y - 50_000))
    return way


def weaver(seed: int, reach: float = 1.0) -> Weaver:
    return Weaver(random.Random(seed), (50_000, 50_000), reach=reach)


def test_a_weaver_is_fast_and_turns_often() -> None:
    way = way_of(weaver(1), fast=True)
    speeds = sorted(math.hypot(state.vx, state.vy) for state in way)
    # Fast enough that what is 150 ms old is a miss.
    assert 4.5 * speeds[len(speeds) // 2] > PULSE_HIT_RADIUS
    assert sum(a.vx * b.vx < 0 for a, b in itertools.pairwise(way)) > 50


def test_pairs_reach_each_other_and_nobody_else() -> None:
    for seed in range(5):
        hovering = way_of(weaver(seed, HOVER), fast=False)
        weaving = way_of(weaver(seed), fast=True)
        far = [
            math.hypot(one.x - other.x, one.y - other.y - PAIR_DISTANCE)
            for one, other in zip(hovering, reversed(weaving), strict=True)
        ]
        assert sum(distance > FARTHEST for distance in far) < len(far) / 100
        # How near the pairs beside and below come, at the worst.
        across, along = (
            max(abs(getattr(s, axis)) for s in hovering)
            + max(abs(getattr(s, axis)) for s in weaving)
            for axis in ("x", "y")
        )
        assert PAIR_SPACE - across > PULSE_RANGE
        assert PAIR_SPACE - PAIR_DISTANCE - along > PULSE_RANGE
        way = max(max(abs(state.x), abs(state.y)) for state in weaving)
        for pair in range(MAX_PAIRS):
            assert all(way < c < WORLD_SIZE - way for c in place_of(name_of(WEAVER, pair)))
    assert place_of(name_of(MARKSMAN, 0))[1] == place_of(name_of(WEAVER, 0))[1] - PAIR_DISTANCE


def test_a_marksman_aims_where_the_target_is_shown() -> None:
    marksman = Marksman()
    fired_at = []
    rng = random.Random(1)
    for tick in range(1, 100):
        target = (rng.uniform(-9e3, 9e3), rng.uniform(-9e3, 9e3))
        aim, fires = marksman.shot(at(100, 200), target, tick)
        distance = math.hypot(target[0] - 100, target[1] - 200)
        x, y = 100 + distance * COSINE[aim] / 1024, 200 + distance * SINE[aim] / 1024
        assert math.hypot(x - target[0], y - target[1]) <= distance * math.pi / TURN + UNIT
        if fires:
            fired_at.append(tick)
    assert fired_at == list(range(1, 100, FIRE_EVERY_TICKS))
    assert not marksman.shot(at(0, 0)._replace(fire_wait=1), (1.0, 1.0), 200)[1]
    assert not marksman.shot(at(0, 0), (FARTHEST, 0.0), 200)[1]


# ---------------------------------------------------------------- the screen


class Still:
    """A steering whose client's tick goes by the given time alone: 30 a second."""

    def __init__(self) -> None:
        self.predictor: Predictor[ShipState, Steer] = Predictor(
            lambda state, steer: step_ship(state, steer, (), WORLD_SIZE, armed=True),
            lambda one, other: abs(one.x - other.x),
            max_pending=60,
        )
        self.smoothing = Smoothing(1000.0)
        self.lead = self
        self.predictor.reset(0, at(50_000, 50_000))

    def advance(self, now_s: float) -> float:
        return now_s * TICK_RATE


def screen_of(steering: Still) -> Screen:
    return Screen(steering)  # type: ignore[arg-type]


def test_a_key_shows_in_the_next_frame_before_any_tick() -> None:
    steering = Still()
    screen = screen_of(steering)
    assert screen.draw(Steer(), 0.010) == (50_000, 50_000, 0)
    screen.pressed(0.012, Steer())
    pose = screen.draw(Steer(turn=1), 0.020)
    assert pose is not None
    assert 0 < pose[2] < 6
    assert screen.shown == [Shown(1, pytest.approx(0.008))]  # type: ignore[arg-type]
    screen.draw(Steer(turn=1), 0.030)
    assert len(screen.shown) == 1


def test_a_key_that_moves_nothing_has_not_shown() -> None:
    steering = Still()
    screen = screen_of(steering)
    screen.pressed(0.0, Steer())
    screen.draw(Steer(aim=7), 0.016)  # the aim moves no ship
    screen.draw(Steer(aim=7), 0.032)
    assert screen.shown == []
    steering.predictor.apply(1, Steer(aim=7))
    screen.draw(Steer(aim=7), 0.048)
    assert [shown.frames for shown in screen.shown] == [3]


def test_without_a_ship_nothing_is_drawn_or_measured() -> None:
    steering = Still()
    screen = screen_of(steering)
    screen.pressed(0.0, Steer())
    steering.predictor.reset(1, None)
    assert screen.draw(Steer(turn=1), 0.016) is None
    steering.predictor.reset(2, at(50_000, 50_000))
    screen.draw(Steer(turn=1), 0.080)
    assert screen.shown == []


def test_corrections_fade_on_the_screen() -> None:
    steering = Still()
    steering.smoothing.add(32.0, 0.0, 0.0)
    pose = screen_of(steering).draw(Steer(), 0.0)
    assert pose == (50_032.0, 50_000.0, 0.0)


# ---------------------------------------------------------------- arithmetic


def link(profile: str = "mobile", **changes: Any) -> LinkRecord:
    return attrs.evolve(
        LinkRecord(
            profile=profile,
            seconds=30.0,
            rtt_ms=51.2,
            keys=80,
            key_frames_p50=1.0,
            key_frames_max=2.0,
            key_ms_p50=9.0,
            key_ms_p95=16.4,
            corrections=3,
            correction_mean=2.25,
            correction_worst=7.04,
            snaps=0,
            underruns=2,
            commands=500,
            late=4,
            clock_error_ticks_p95=0.123,
            clock_error_ms_p95=4.1,
            stalls=1,
            frames=1800,
            frames_late=90,
            load_cpu_share=0.3,
        ),
        **changes,
    )


def aim(rtt_ms: int, hits: int, *, compensated: bool = True, **changes: Any) -> AimRecord:
    record = AimRecord(
        rtt_ms=rtt_ms,
        compensated=compensated,
        seconds=90.0,
        shots=200,
        hits=hits,
        disputed=0,
        ticks_missed=0,
        load_cpu_share=0.2,
    )
    return attrs.evolve(record, **changes)


def test_the_table_of_links() -> None:
    lines = links_table(
        [link(), link("lan", corrections=0), link("train", frames_late=91)]
    ).splitlines()
    assert lines[2] == (
        "| mobile | 51 | 1 frame, at most 2 | 16 | 6.0 | 2.2 | 7.0 | 4.0 | 8.0 "
        "| 0.12 ticks (4 ms) |"
    )
    assert "| 0.0 | – | – |" in lines[3]
    assert lines[4].startswith("| train (machine too slow) |")
    assert math.isnan(link(commands=0).late_per_1000)


def test_the_table_of_hit_rates() -> None:
    found = [
        aim(300, 190),
        aim(0, 198),
        aim(0, 100, compensated=False),
        aim(300, 0, compensated=False, ticks_missed=136),
    ]
    lines = aim_table(found).splitlines()
    assert lines[2] == "| 0 ms | 99.0% of 200 | 100.0% | 50.0% of 200 | 0 |"
    assert lines[3] == "| 300 ms | 95.0% of 200 | 96.0% | 0.0% of 200, machine too slow | 0 |"
    assert [record.rtt_ms for record in falls_short(found)] == [300]
    assert falls_short([aim(0, 198), aim(300, 193)]) == []
    assert aim_table([]).count("\n") == 1


def test_intervals_are_those_of_wilson() -> None:
    low, high = aim(0, 10, shots=20).interval
    assert low == pytest.approx(0.2993, abs=1e-4)
    assert high == pytest.approx(0.7007, abs=1e-4)
    assert aim(0, 0, shots=0).interval == (0.0, 1.0)
    assert math.isnan(aim(0, 0, shots=0).rate)


def test_records_survive_the_file_and_the_newest_of_a_setting_counts(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    file.write_text(json.dumps({"study": "compare", "server": "x"}) + "\n")
    for record in (link(), aim(0, 1), link("lan"), aim(0, 2, compensated=False), aim(0, 3)):
        records.append(file, record)
    assert load(file, LinkRecord) == [link(), link("lan")]
    assert newest(load(file, AimRecord)) == [aim(0, 3), aim(0, 2, compensated=False)]


def test_the_clock_is_compared_with_the_earliest_beat() -> None:
    # Tick 0 was at 100 s; the second beat was told 5 ms late.
    beats = [Beat(30, 101_000_000), Beat(60, 102_005_000)]
    errors = netcode.clock_errors(beats, [(103.0, 90.5), (104.0, 119.75)])
    assert errors == [pytest.approx(0.25), pytest.approx(0.5)]
    assert netcode.clock_errors([], [(1.0, 1.0)]) == []


def test_a_record_is_made_of_what_was_seen() -> None:
    figures = LinkFigures(
        rtts_us=[40_000, 90_000, 50_000],
        counts=Counts(corrections=4, distance_sum=4 * 3 * UNIT, underruns=2),
        correction_worst=5 * UNIT,
        shown=[Shown(1, 0.01), Shown(1, 0.02), Shown(3, 0.06)],
        clock=[(101.0, 30.5)],
        beats=[Beat(30, 101_000_000)],
        commands=10,
        late=1,
    )
    record = netcode.link_record("lan", figures, 60.0, {"load_cpu_share": 0.1})
    assert (record.key_frames_p50, record.key_frames_max, record.key_ms_p95) == (1, 3, 60)
    assert (record.correction_mean, record.correction_worst) == (3.0, 5.0)
    assert record.clock_error_ms_p95 == pytest.approx(0.5 * 1000 / 30)
    assert record.late_per_1000 == 100
    assert record.rtt_ms == 50
    nothing = netcode.link_record("lan", LinkFigures(), 60.0, {"load_cpu_share": 0.1})
    assert math.isnan(nothing.key_frames_p50)
    assert nothing.correction_mean == 0


def test_the_plot_says_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(BenchmarkError, match="matplotlib"):
        plots.draw_hit_rates([aim(0, 1)], tmp_path / "plot.svg")


def test_there_are_places_for_so_many_only(tmp_path: Path) -> None:
    console = Console(file=io.StringIO())
    driver: Any = attrs.make_class("Driver", {"cores": attrs.field()})(Cores(0, 0))
    session = Session(tmp_path / "x", 1, 0.0, 1.0, console, driver)
    with pytest.raises(BenchmarkError, match="at most 4 round trips"):
        netcode.run(session, ["lan"], [0, 1, 2, 3, 4])


# ---------------------------------------------------------------- the real thing, for a moment


async def watch(url: str, seconds: float) -> tuple[LinkFigures, AimFigures]:
    begin_s = trio.current_time() + seconds
    window = Window(begin_s, begin_s + seconds)
    seen: list[LinkFigures] = []
    aimed: list[AimFigures] = []

    async def play() -> None:
        seen.append(await play_link(url, profile_of("20ms"), window))

    async def aim_at() -> None:
        aimed.append(await shoot(url, 0, profile_of("20ms"), compensated=True, window=window))

    async with trio.open_nursery() as targets:
        targets.start_soon(weave, url, 0)
        async with trio.open_nursery() as players:
            players.start_soon(play)
            players.start_soon(aim_at)
        targets.cancel_scope.cancel()
    return seen[0], aimed[0]


async def test_players_are_watched_on_a_real_server() -> None:
    settings = Settings(host="127.0.0.1", port=0, log_level="error")
    with trio.fail_after(60):
        async with open_server({"timed": Timed, "range": Range}, settings) as server:
            for seconds in (1.5, 4.0, 9.0):  # a slow machine is given more time
                figures, aimed = await watch(f"ws://127.0.0.1:{server.port}/", seconds)
                if figures.shown and figures.beats and figures.commands and aimed.shots:
                    break
            else:
                pytest.fail(f"{figures}, {aimed}")
    assert figures.frames - figures.frames_late <= len(figures.clock) <= figures.frames
    assert aimed.hits <= aimed.shots
