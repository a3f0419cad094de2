"""The lead: smooth, as small as the jitter allows, and a jump only where nothing else helps."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable

import attrs
import pytest

from clients.netcode.lead import (
    JUMP_TICKS,
    MARGIN_TICKS,
    MAX_SLEW,
    MOST_COVER_TICKS,
    REMEMBERED,
    STALLS,
    Lead,
)
from clients.netcode.tickclock import TickClock, ping_interval_s
from tests.support.netcode_vectors.files import check

RATE = 30

#: The delay of what is sent at a time.
Delay = Callable[[float, random.Random], float]


def between(low_s: float, high_s: float) -> Delay:
    return lambda _, rng: rng.uniform(low_s, high_s)


@attrs.define
class Outcome:
    late: int = 0
    commands: int = 0
    #: Ticks by which each command was in time, with their fractions.
    slack: list[float] = attrs.field(factory=list)
    #: (local time, the client's tick)
    line: list[tuple[float, float]] = attrs.field(factory=list)
    jumps: int = 0


def play(
    seed: int, up: Delay, down: Delay, *, seconds: float = 40.0, from_s: float = 5.0
) -> Outcome:
    """Let a client send a command each tick to a server that reads at its ticks, both ways FIFO."""
    rng = random.Random(seed)
    start = rng.uniform(0, 1e4)
    clock = TickClock(RATE, int(start), up(0.0, rng))
    lead = Lead(clock)
    seen = Outcome()
    agenda: list[tuple[float, int, str, float, float]] = []
    read_s = heard_s = 0.0
    inbox: list[tuple[str, float]] = []
    sent: int | None = None
    pings = 0

    def at(time_s: float, what: str, one: float = 0.0, two: float = 0.0) -> None:
        heapq.heappush(agenda, (time_s, len(agenda) + 1000 * len(seen.line), what, one, two))

    first = math.ceil(start)
    at(0.05, "ping")
    at(0.06, "loop")
    at((first - start) / RATE, "tick", first)
    while agenda:
        now_s, _, what, one, two = heapq.heappop(agenda)
        if now_s > seconds:
            break
        if what == "ping":
            read_s = max(read_s, now_s + up(now_s, rng))
            at(read_s, "read ping", now_s)
            pings += 1
            at(now_s + ping_interval_s(0.25 if pings < 8 else 1.0, RATE), "ping")
        elif what == "loop":
            if not clock.known:
                at(now_s + 0.01, "loop")
                continue
            shown = lead.advance(now_s)
            seen.line.append((now_s, shown))
            newest = math.floor(shown)
            for tick in range(newest if sent is None else max(sent + 1, newest - 3), newest + 1):
                sent = tick
                lead.sent(tick)
                read_s = max(read_s, now_s + up(now_s, rng))
                at(read_s, "read command", tick)
                if now_s > from_s:
                    seen.slack.append(tick - (start + read_s * RATE))
            assert sent is not None
            at(max(lead.time_of(sent + 1), now_s + 0.001) + rng.uniform(0, 0.002), "loop")
        elif what.startswith("read"):
            inbox.append((what, one))
        elif what == "tick":
            margin: int | None = None
            for came, value in inbox:
                if came == "read command":
                    margin = int(value - one)
                    if now_s > from_s:
                        seen.commands += 1
                        seen.late += margin < 0
                else:
                    heard_s = max(heard_s, now_s + 0.001 + down(now_s, rng))
                    at(heard_s, "pong", value, start + (now_s + 0.001) * RATE)
            inbox.clear()
            heard_s = max(heard_s, now_s + 0.002 + down(now_s, rng))
            at(heard_s, "delta", one, math.nan if margin is None else margin)
            at((one + 1 - start) / RATE, "tick", one + 1)
        elif what == "pong":
            clock.pong(one, now_s, two)
        else:
            clock.delta(int(one), now_s)
            if not math.isnan(two):
                lead.margin(int(one), int(two))
            else:
                lead.margin(int(one), None)
    seen.jumps = lead.jumps
    seen.slack.sort()
    return seen


def test_python_and_the_page_play_the_same_scripts() -> None:
    check("lead")


@pytest.mark.parametrize("delay_s", [0.0005, 0.02, 0.15])
def test_on_a_steady_link_no_command_is_late_and_none_waits_for_more_than_a_tick(
    delay_s: float,
) -> None:
    steady = between(delay_s, delay_s + 0.003)
    seen = play(1, steady, steady)
    assert seen.late == 0
    assert seen.slack[0] > 0
    assert seen.slack[-1] <= 1.0
    assert seen.jumps == 0


def test_margins_correct_the_lead_on_an_asymmetric_link() -> None:
    seen = play(2, between(0.2, 0.203), between(0.02, 0.023))
    assert seen.late == 0
    assert seen.slack[-1] <= 1.0


@pytest.mark.parametrize("seed", range(3))
def test_the_lead_covers_jitter_and_not_much_more(seed: int) -> None:
    jittery = between(0.04, 0.10)  # 1.8 ticks wide
    seen = play(seed, jittery, jittery, seconds=60.0)
    assert seen.late <= 0.025 * seen.commands
    middle = seen.slack[len(seen.slack) // 2]
    assert middle < 1.8 + MARGIN_TICKS


def test_the_lead_shrinks_when_the_latency_does() -> None:
    seen = play(3, lambda t, _: 0.2 if t < 10 else 0.05, between(0.05, 0.05), from_s=18.0)
    assert seen.late == 0
    assert seen.slack[-1] <= 1.1


def test_commands_are_soon_in_time_again_after_the_latency_grew() -> None:
    seen = play(4, lambda t, _: 0.05 if t < 10 else 0.2, between(0.05, 0.05), from_s=14.0)
    assert seen.late == 0


def test_rare_stalls_do_not_lengthen_the_lead_for_good() -> None:
    def stalls(now_s: float, rng: random.Random) -> float:
        return rng.uniform(0.05, 0.06) + max(0.4 - now_s % 7, 0.0)

    seen = play(5, stalls, stalls, seconds=60.0)
    assert seen.slack[len(seen.slack) // 2] < 1.2


def stalls_of(every_s: float, lasts_s: float, until_s: float = math.inf) -> Delay:
    """Let what is sent in the first ``lasts_s`` of each ``every_s`` arrive together."""

    def delay_s(now_s: float, rng: random.Random) -> float:
        stalled_s = max(lasts_s - now_s % every_s, 0.0) if now_s < until_s else 0.0
        return rng.uniform(0.05, 0.06) + stalled_s

    return delay_s


def test_stalls_that_recur_are_covered() -> None:
    """As where a segment in a hundred is lost: each stall would make five commands late."""
    way = stalls_of(3.0, 0.17)
    seen = play(6, way, between(0.05, 0.06), seconds=80.0, from_s=30.0)
    assert seen.late <= 0.01 * seen.commands
    assert seen.jumps == 0


def test_no_more_than_the_most_is_covered() -> None:
    seen = play(6, stalls_of(2.0, 0.6), between(0.05, 0.06), seconds=80.0, from_s=30.0)
    assert seen.slack[len(seen.slack) // 2] <= MOST_COVER_TICKS + 2.5


def test_when_the_stalls_are_over_the_lead_is_short_again() -> None:
    way = stalls_of(1.0, 0.2, until_s=30.0)
    seen = play(7, way, between(0.05, 0.06), seconds=70.0, from_s=56.0)
    assert seen.late == 0
    assert seen.slack[-1] <= 1.5


@pytest.mark.parametrize("seed", range(3))
def test_the_tick_grows_at_the_servers_rate_give_or_take_five_percent(seed: int) -> None:
    wild = between(0.01, 0.2)
    seen = play(seed, wild, wild)
    assert seen.jumps == 0
    for (then_s, before), (now_s, after) in zip(seen.line, seen.line[1:], strict=False):
        ticks = (now_s - then_s) * RATE
        assert ticks * (1 - MAX_SLEW) - 1e-6 <= after - before <= ticks * (1 + MAX_SLEW) + 1e-6


# ---------------------------------------------------------------- by hand


def started(*, rtt_s: float = 0.1) -> tuple[TickClock, Lead]:
    """Return a lead at local time 1.0, when the server is at tick 100."""
    clock = TickClock(RATE, 90, 0.9)
    clock.pong(1.0 - rtt_s / 2, 1.0 + rtt_s / 2, 100.0)
    lead = Lead(clock)
    lead.advance(1.0)
    return clock, lead


def test_the_first_lead_is_half_the_round_trip_and_the_margin() -> None:
    _, lead = started()
    assert lead.lead_ticks == pytest.approx(0.05 * RATE + MARGIN_TICKS)
    assert lead.time_of(110) == pytest.approx(1.0 + (10 - lead.lead_ticks) / RATE)


def test_before_the_first_tick_nothing_is_known() -> None:
    clock = TickClock(RATE, 0, 0.0)
    lead = Lead(clock)
    lead.margin(5, 1)
    assert not lead.started
    assert lead.advance(2.0) == pytest.approx(60 + MARGIN_TICKS)
    assert lead.started


def test_one_late_command_moves_the_lead_by_half_a_tick_however_late_it_was() -> None:
    for margin in (-1, -25):
        _, lead = started()
        before = lead.lead_ticks
        lead.sent(104)
        lead.margin(104 - margin, margin)
        lead.advance(1.0 + 0.1)
        assert 0 < lead.lead_ticks - before <= 0.1 * RATE * MAX_SLEW + 1e-9
        for later in range(1, 40):
            lead.advance(1.1 + later / RATE)
        assert lead.lead_ticks - before == pytest.approx(0.5, abs=0.05)


def test_four_late_ones_in_a_row_are_believed_as_far_as_the_least_late() -> None:
    _, lead = started()
    before = lead.lead_ticks
    for tick, margin in ((104, -6), (105, -5), (106, -7), (107, -6)):
        lead.sent(tick)
        lead.margin(tick - margin, margin)
    for later in range(1, 200):
        lead.advance(1.0 + later / RATE)
    assert lead.lead_ticks - before == pytest.approx(4 + MARGIN_TICKS, abs=0.05)


def test_a_stall_is_as_long_as_the_first_command_of_its_batch_was_late() -> None:
    clock = TickClock(RATE, 90, 0.9)
    clock.pong(0.95, 1.05, 100.0)
    lead = Lead(clock)
    lead.advance(1.0)
    tick = 104
    for number in range(STALLS):
        # The server reads nothing for four ticks, and then five commands; the newest is in time.
        for sent in range(tick, tick + 5):
            lead.sent(sent)
        for quiet in range(tick - 1, tick + 3):
            lead.margin(quiet, None)
        lead.margin(tick + 3, 1)
        assert (lead._cover > 0) is (number == STALLS - 1)
        tick += 5
    # The lead is half a tick longer than the delay to the server.  The first command of a batch was
    # read three ticks late, and had come within the tick before that.
    assert lead._cover == pytest.approx(MARGIN_TICKS + 3 - 1, abs=0.01)


def test_a_sleep_is_corrected_by_a_jump() -> None:
    _, lead = started()
    before = lead.lead_ticks
    assert lead.advance(11.0) == pytest.approx(400 + before)
    assert lead.jumps == 0


def test_a_jump_of_the_server_is_a_jump_of_the_lead() -> None:
    clock, lead = started()
    before = lead.lead_ticks
    clock.pong(2.0, 2.1, 100 + 1.05 * RATE - 300)
    lead.advance(2.1)
    assert lead.jumps == 1
    assert lead.lead_ticks == pytest.approx(before)


def test_what_is_just_short_of_a_jump_is_slewed() -> None:
    clock, lead = started()
    before = lead.advance(2.1)
    clock.pong(2.0, 2.1, 100 + 1.05 * RATE - (JUMP_TICKS - 0.5))
    assert lead.advance(2.1) == before
    assert lead.jumps == 0
    assert lead.advance(3.1) - before == pytest.approx(RATE * (1 - MAX_SLEW))


def test_sent_commands_that_no_delta_reports_are_forgotten() -> None:
    _, lead = started()
    for tick in range(REMEMBERED * 2):
        lead.sent(tick)
    assert len(lead._sent) == REMEMBERED
