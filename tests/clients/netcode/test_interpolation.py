"""Others in the past: never backwards, on the straight line, still after a moment of silence."""

from __future__ import annotations

import itertools
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.netcode.interpolation import (
    CAPACITY,
    EXTRAPOLATION_S,
    MAX_DELAY_S,
    MAX_SLEW,
    SNAP_S,
    PlaybackClock,
    Track,
)
from clients.netcode.tickclock import TickClock
from tests.support.netcode_vectors.files import check

TICK_S = 1 / 30
LEAST_S = 0.066


def new_clock(interval_ticks: int = 1) -> PlaybackClock:
    clock = TickClock(1 / TICK_S, 0, 0.0, interval_ticks)
    return PlaybackClock(clock, min_delay_s=LEAST_S)


def new_track(jump_distance: float = 60) -> Track:
    return Track(jump_distance, TICK_S)


def warm(ticks: int = 60) -> PlaybackClock:
    """Return a clock that heard ``ticks`` steady deltas, shown until the last came."""
    clock = new_clock()
    for tick in range(ticks):
        clock.arrived(tick, tick * TICK_S)
        clock.tick_at(tick * TICK_S)
    return clock


def test_python_and_the_page_play_the_same_scripts() -> None:
    check("interpolation")


# ---------------------------------------------------------------- the clock


def test_nothing_is_shown_before_the_first_delta() -> None:
    assert math.isnan(new_clock().tick_at(1.0))


def test_with_steady_deltas_playback_is_the_least_delay_behind() -> None:
    clock = warm(300)
    assert clock.tick_at(300 * TICK_S) == pytest.approx(300 - LEAST_S / TICK_S, abs=0.01)
    assert clock.delay_s == LEAST_S
    assert clock.underruns == 0


def test_a_rarer_delta_asks_for_more_delay_than_the_least() -> None:
    clock = new_clock(4)
    clock.arrived(4, 0.0)
    assert clock.delay_s == pytest.approx(4 * TICK_S)


def test_jitter_lengthens_the_delay_up_to_a_limit_and_steady_deltas_shorten_it_again() -> None:
    rng = random.Random(7)
    clock = new_clock()
    for tick in range(300):
        clock.arrived(tick, tick * TICK_S + rng.uniform(0, 0.08))
    assert 0.09 < clock.delay_s < 0.2
    for tick in range(300, 600):
        clock.arrived(tick, tick * TICK_S + rng.uniform(0, 0.45))
    assert clock.delay_s == MAX_DELAY_S
    for tick in range(600, 900):
        clock.arrived(tick, tick * TICK_S + 0.04)
    assert clock.delay_s == LEAST_S


@given(
    steps=st.lists(
        st.tuples(
            st.floats(0, 0.06),
            st.sampled_from([0, 0, 1, 1, 1, 2, 3, 60]),
            st.sampled_from([0.0] * 8 + [0.9]),
            st.sampled_from([0.0] * 8 + [4.0]),
        ),
        max_size=200,
    )
)
def test_playback_never_runs_backwards_whatever_comes_when(
    steps: list[tuple[float, int, float, float]],
) -> None:
    clock = new_clock()
    now_s, tick, shown = 0.0, 0, -math.inf
    for elapsed_s, ticks, late_s, pause_s in steps:
        now_s += elapsed_s + pause_s
        if ticks:
            tick += ticks
            clock.arrived(tick, now_s + late_s)
        now = clock.tick_at(now_s)
        if not math.isnan(now):
            assert now >= shown
            shown = now


def test_small_errors_are_corrected_by_running_a_tenth_faster_or_slower() -> None:
    clock = warm()
    for tick in range(60, 200):  # from now on everything takes a little longer
        clock.arrived(tick, tick * TICK_S + 0.1)
        before = clock.tick_at(tick * TICK_S + 0.001)
        after = clock.tick_at((tick + 0.9) * TICK_S)
        ticks = (0.9 * TICK_S - 0.001) / TICK_S
        assert ticks * (1 - MAX_SLEW) - 1e-6 <= after - before <= ticks * (1 + MAX_SLEW) + 1e-6


def test_playback_does_not_overshoot_after_a_long_pause_between_calls() -> None:
    clock = warm()
    for tick in range(60, 90):
        clock.arrived(tick, tick * TICK_S - 0.05)
    shown = clock.tick_at(89 * TICK_S)
    assert shown <= 90 - LEAST_S / TICK_S + 0.05 / TICK_S


def test_after_a_sleep_playback_jumps_to_the_newest_deltas() -> None:
    clock = warm()
    clock.arrived(360, 360 * TICK_S)
    assert clock.tick_at(360 * TICK_S) == pytest.approx(360 - LEAST_S / TICK_S, abs=0.1)


def test_playback_jumps_with_a_jump_of_the_servers_ticks() -> None:
    clock = warm()
    clock.arrived(360, 60 * TICK_S)
    assert clock.tick_at(60 * TICK_S) == pytest.approx(360 - LEAST_S / TICK_S, abs=0.1)


def test_a_server_that_pauses_with_its_ticks_is_followed_within_a_second() -> None:
    clock = warm()
    end_s = 59 * TICK_S
    paused = [clock.tick_at(end_s + later / 50) for later in range(500)]
    assert paused[-1] == pytest.approx(59 + SNAP_S / TICK_S)
    pause_s = 10.0
    now_s = end_s
    for tick in range(60, 90):
        now_s = tick * TICK_S + pause_s
        clock.arrived(tick, now_s)
        shown = clock.tick_at(now_s)
    assert shown == pytest.approx(90 - LEAST_S / TICK_S, abs=1.5)


def test_after_silence_playback_jumps_instead_of_racing() -> None:
    clock = warm()
    for later in range(60, 100):
        clock.tick_at(later * TICK_S)
    clock.arrived(89, 89 * TICK_S)
    clock.arrived(100, 100 * TICK_S)
    assert clock.tick_at(100 * TICK_S) == pytest.approx(100 - LEAST_S / TICK_S, abs=1)


def test_a_gap_is_counted_once_however_many_deltas_came_late() -> None:
    clock = warm()
    for gap in range(2):
        first = 60 + 5 * gap
        for late in range(5):
            clock.tick_at((first + late) * TICK_S)
        for tick in range(first, first + 5):
            clock.arrived(tick, (first + 4) * TICK_S)
        assert clock.underruns == gap + 1


def test_ticks_without_a_delta_are_no_underrun() -> None:
    clock = warm()
    for quiet in range(60, 75):
        clock.tick_at(quiet * TICK_S)
    clock.arrived(75, 75 * TICK_S)
    assert clock.underruns == 0


# ---------------------------------------------------------------- a track


def test_between_two_snapshots_lies_the_straight_line() -> None:
    track = new_track()
    assert (track.first_tick, track.last_tick) == (math.inf, -math.inf)
    track.push(10, 0, 0)
    track.push(12, 16, -8)
    assert (track.first_tick, track.last_tick) == (10, 12)
    assert track.sample(11) == (8, -4)
    assert track.sample(10.25) == (2, -1)
    assert track.sample(5) == (0, 0)
    with pytest.raises(IndexError):
        new_track().sample(1)


def test_it_goes_on_for_a_moment_and_then_stands_still() -> None:
    track = new_track()
    track.push(10, 0, 0)
    track.push(11, 8, 4)
    assert track.sample(12.5) == (20, 10)
    still = track.sample(11 + EXTRAPOLATION_S / TICK_S)
    assert still == pytest.approx((32, 16))
    assert track.sample(50) == pytest.approx(still)


def test_an_error_of_extrapolation_fades_and_does_not_jump() -> None:
    track = new_track()
    track.push(10, 0, 0)
    track.push(11, 8, 0)
    drawn = track.sample(13)
    track.push(12, 8, 0)
    track.push(13, 8, 0)
    track.push(14, 8, 0)
    assert track.sample(13) == pytest.approx(drawn)
    steps = [track.sample(13 + part / 4)[0] for part in range(40)]
    assert all(0 <= a - b <= 1.01 for a, b in itertools.pairwise(steps))
    assert steps[-1] == 8


def test_a_jump_is_not_a_movement() -> None:
    track = new_track()
    track.push(10, 0, 0)
    track.push(11, 500, 0)
    assert track.sample(10.9) == (0, 0)
    assert track.sample(11) == (500, 0)
    assert track.sample(11.5) == (500, 0)


def test_an_older_snapshot_changes_nothing_and_old_ones_are_forgotten() -> None:
    track = new_track()
    for tick in range(2 * CAPACITY):
        track.push(tick, tick, 0)
    track.push(5, 999, 999)
    assert track.first_tick == CAPACITY
    assert track.sample(CAPACITY + 0.5) == (CAPACITY + 0.5, 0)


@given(
    walk=st.lists(st.tuples(st.integers(-20, 20), st.integers(-20, 20)), min_size=2, max_size=30),
    part=st.floats(0, 1),
)
def test_a_sampled_position_lies_between_its_neighbours(
    walk: list[tuple[int, int]], part: float
) -> None:
    track = new_track()
    x = y = 0
    for tick, (dx, dy) in enumerate(walk):
        track.push(tick, x := x + dx, y := y + dy)
    tick = len(walk) - 2
    before, after = track.sample(tick), track.sample(tick + 1)
    at = track.sample(tick + part)
    for low, mid, high in zip(before, at, after, strict=True):
        assert min(low, high) - 1e-9 <= mid <= max(low, high) + 1e-9
