"""The client's clock: what it knows for certain, and how near it comes."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.netcode.tickclock import WINDOW, TickClock, ping_interval_s
from gameserver.errors import LocalProtocolError
from tests.support.netcode_vectors.files import check

RATE = 30


def test_python_and_the_page_play_the_same_scripts() -> None:
    check("tickclock")


def test_the_first_guess_is_what_the_welcome_said() -> None:
    clock = TickClock(20, 100, 5.0)
    assert not clock.known
    assert clock.tick_at(5.0) == 100
    assert clock.time_of(110) == 5.5
    clock.delta(104, 5.1)
    assert clock.tick_at(5.1) == 104


def test_the_first_pong_gives_the_middle_of_its_round_trip() -> None:
    clock = TickClock(20, 990, 10.0)
    clock.pong(10.0, 10.5, 1000.0)
    assert clock.known
    assert clock.rtt_s == clock.min_rtt_s == 0.5
    assert clock.tick_at(10.25) == pytest.approx(1000.0)


def test_a_slow_pong_changes_nothing() -> None:
    clock = TickClock(20, 990, 10.0)
    clock.pong(10.0, 10.5, 1000.0)
    before = clock.offset
    clock.pong(11.0, 13.0, 1020.0)  # as quick there, slow back
    clock.pong(14.0, 20.0, 1190.0)  # slow there, as quick back
    assert clock.offset == before
    assert clock.min_rtt_s == 0.5
    assert clock.rtt_s == 6.0


def test_a_fast_delta_narrows_the_interval_of_pongs() -> None:
    clock = TickClock(20, 900, 9.0)
    clock.pong(10.0, 10.5, 1000.0)  # the offset lies in 790 … 800
    clock.delta(1003, 10.4)  # … and above 795
    assert clock.offset == pytest.approx(797.5)
    clock.delta(1002, 10.4)
    assert clock.offset == pytest.approx(797.5)


def test_deltas_that_were_quicker_than_before_count_as_long_as_their_pong() -> None:
    clock = TickClock(RATE, 0, 0.0)
    clock.pong(0.0, 0.2, 3.0)
    clock.delta(6, 0.11)  # impossibly quick for the pong's middle, but not for its interval
    narrowed = clock.offset
    for number in range(WINDOW - 1):
        sent_s = 1.0 + number
        clock.pong(sent_s, sent_s + 0.2, (sent_s + 0.1) * RATE)
        assert clock.offset == pytest.approx(narrowed)
    clock.pong(50.0, 50.2, 50.1 * RATE)
    assert clock.offset == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("jump", [-300.0, -20.0, 20.0, 300.0])
def test_a_jump_of_the_servers_time_is_followed_by_the_next_pong(jump: float) -> None:
    clock = TickClock(RATE, 0, 0.0)
    for number in range(WINDOW):
        clock.pong(number, number + 0.1, (number + 0.05) * RATE)
    assert clock.jumps == 0
    clock.pong(20.0, 20.1, 20.05 * RATE + jump)
    assert clock.jumps == 1
    assert clock.tick_at(20.05) == pytest.approx(20.05 * RATE + jump)


def test_a_jump_ahead_is_seen_by_the_first_delta() -> None:
    clock = TickClock(RATE, 0, 0.0)
    clock.pong(1.0, 1.1, 1.05 * RATE)
    clock.delta(330, 1.2)
    assert clock.jumps == 1
    assert clock.tick_at(1.2) == pytest.approx(330 + 0.05 * RATE)  # and half a round trip
    clock.pong(2.0, 2.1, 2.05 * RATE + 300)
    assert clock.tick_at(2.0) == pytest.approx(360.0, abs=2)
    assert clock.jumps == 1


@pytest.mark.parametrize(
    ("sent_s", "received_s", "tick"),
    [(1.0, 0.5, 0.0), (math.nan, 1.0, 0.0), (0.0, math.inf, 0.0), (0.0, 1.0, math.nan)],
)
def test_times_that_are_no_round_trip_are_refused(
    sent_s: float, received_s: float, tick: float
) -> None:
    clock = TickClock(RATE, 0, 0.0)
    with pytest.raises(LocalProtocolError):
        clock.pong(sent_s, received_s, tick)
    assert not clock.known


@given(
    rate=st.integers(1, 128),
    start=st.floats(-1e5, 1e5),
    paths=st.lists(st.tuples(st.floats(0, 2), st.floats(0, 2)), min_size=1, max_size=40),
)
def test_error_is_at_most_half_the_shortest_round_trip(
    rate: int, start: float, paths: list[tuple[float, float]]
) -> None:
    """For any delays there and back, of a server whose clock runs steadily."""
    clock = TickClock(rate, start, 0.0)
    sent_s = 0.0
    for there_s, back_s in paths:
        read_s = sent_s + there_s
        clock.pong(sent_s, read_s + back_s, start + read_s * rate)
        sent_s = read_s + back_s + 1.0
    shortest_s = min(a + b for a, b in paths[-WINDOW:])
    assert clock.jumps == 0
    error_ticks = abs(clock.tick_at(sent_s) - (start + sent_s * rate))
    assert error_ticks <= shortest_s / 2 * rate + 1e-5


# ---------------------------------------------------------------- 100 ± 30 ms each way


def conversation(seed: int, seconds: float) -> Iterator[tuple[float, str, float, float]]:
    """Yield (received, what, tick, sent) in order: pings read at the server's ticks, as it does."""
    rng = random.Random(seed)
    came: list[tuple[float, str, float, float]] = []
    sent_s = read_s = 0.0
    answers: list[tuple[float, str, float, float]] = []
    number = 0
    while sent_s < seconds:
        read_s = max(read_s, sent_s + rng.uniform(0.07, 0.13))
        at_tick = math.ceil(read_s * RATE) / RATE + 0.001
        answers.append((at_tick, "pong", at_tick * RATE, sent_s))
        number += 1
        sent_s += ping_interval_s(0.25 if number < 8 else 1.0, RATE)
    answers += [(n / RATE + 0.002, "delta", n, 0.0) for n in range(int(seconds * RATE))]
    heard_s = 0.0
    for told_s, what, tick, sent in sorted(answers):
        heard_s = max(heard_s, told_s + rng.uniform(0.07, 0.13))
        came.append((heard_s, what, tick, sent))
    yield from came


@pytest.mark.parametrize("seed", range(8))
def test_error_is_under_half_a_tick_at_100_give_or_take_30_ms_each_way(seed: int) -> None:
    clock = TickClock(RATE, 0, 0.1)
    worst = 0.0
    for now_s, what, tick, sent_s in conversation(seed, 60.0):
        if what == "pong":
            clock.pong(sent_s, now_s, tick)
        else:
            clock.delta(int(tick), now_s)
        if now_s > 3.0:
            worst = max(worst, abs(clock.tick_at(now_s) - now_s * RATE))
    assert worst < 0.5
    assert clock.jumps == 0


def test_pings_meet_every_phase_of_the_servers_tick() -> None:
    phases = sorted(number * ping_interval_s(1.0, RATE) * RATE % 1 for number in range(WINDOW))
    gaps = [b - a for a, b in itertools.pairwise(phases)]
    assert max(gaps) < 2.7 / WINDOW
