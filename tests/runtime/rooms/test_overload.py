"""The decisions of the overload ladder: when it takes a step, and how seldom."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gameserver.runtime.rooms.overload import (
    LOW_WINDOWS,
    MAX_LOW_WINDOWS,
    MIN_TICKS,
    PLAYERS_PER_ARRIVAL,
    RELAPSE_WINDOWS,
    RUSH_WINDOWS,
    STEP_DOWN_LOAD,
    STEP_UP_LOAD,
    STEPS,
    Level,
    OverloadLadder,
    Step,
    steps_for,
)
from tests.support.examples import examples

RATE = 20
PLAYERS = 100


class Course:
    """A ladder and a count of ticks, which ``hold`` runs under a load."""

    def __init__(self, rate: int = RATE, steps: Sequence[Step] = STEPS) -> None:
        self.rate = rate
        self.ladder = OverloadLadder(rate, steps)
        self.tick = self.arrived = 0
        #: (tick, index) after each step.
        self.taken: list[tuple[int, int]] = []

    @property
    def index(self) -> int:
        return STEPS.index(self.ladder.step)

    def hold(
        self, load: float, windows: float, *, publishing: float = 0.0, arrivals: int = 0
    ) -> None:
        """Run under a load that includes ``publishing``; so many arrive in each window."""
        work_s, publish_s = load / self.rate, publishing / self.rate
        for number in range(round(windows * self.rate)):
            self.tick += 1
            self.arrived += arrivals if number % self.rate == 0 else 0
            if self.ladder.ticked(self.tick, work_s, publish_s, PLAYERS, self.arrived):
                self.taken.append((self.tick, self.index))


def test_each_step_saves_at_least_as_much_as_the_one_before() -> None:
    assert [step.level for step in STEPS] == sorted(step.level for step in STEPS)
    assert {step.level for step in STEPS} == set(Level)
    assert [step.pace for step in STEPS] == sorted((s.pace for s in STEPS), reverse=True)
    first, last = STEPS[0], STEPS[-1]
    assert (first.publish_factor, first.view_share) == (1, 1.0)
    assert (last.publish_factor, last.view_share) == (2, 2 / 3)
    assert [s.refuses_joins for s in STEPS] == [False] * (len(STEPS) - 1) + [True]


def test_a_room_without_a_view_has_no_step_for_views() -> None:
    assert steps_for(has_view=True) == STEPS
    assert Level.SMALLER_VIEW not in {step.level for step in steps_for(has_view=False)}


def test_a_load_that_fits_changes_nothing() -> None:
    course = Course()
    course.hold(STEP_UP_LOAD - 0.01, 100)
    assert course.taken == []


def test_a_load_that_does_not_fit_goes_up_one_step_a_window_until_it_fits() -> None:
    course = Course()
    course.hold(2.0, 30)
    # Twice the load fits at 3/8 of real time, so joins are still accepted.
    assert [index for _, index in course.taken] == [1, 2, 3, 4, 5]
    assert [tick for tick, _ in course.taken] == [RATE * n for n in range(1, 6)]
    assert course.ladder.step.level == Level.SLOWER
    assert course.ladder.load == pytest.approx(2.0)


def test_a_load_that_no_pace_can_carry_goes_up_to_no_joins() -> None:
    course = Course()
    course.hold(10.0, 30)
    assert course.ladder.step == STEPS[-1]
    assert (course.ladder.ups, course.ladder.downs) == (len(STEPS) - 1, 0)


def test_a_low_load_goes_back_down_but_not_at_once() -> None:
    course = Course()
    course.hold(10.0, 7)
    course.hold(0.1, LOW_WINDOWS - 1)
    assert course.ladder.step == STEPS[-1]
    course.hold(0.1, 1)
    assert course.ladder.step == STEPS[-2]
    course.hold(0.1, 7 * LOW_WINDOWS)
    assert course.ladder.step == STEPS[0]
    assert course.ladder.downs == len(STEPS) - 1


def test_between_the_two_limits_it_stays() -> None:
    course = Course()
    course.hold(1.0, 1)
    course.hold((STEP_UP_LOAD + STEP_DOWN_LOAD) / 2, 100)
    assert course.index == 1


def test_a_step_down_must_fit_at_the_pace_that_it_brings() -> None:
    course = Course()
    course.hold(2.0, 6)
    assert course.ladder.step.pace == 0.375
    course.hold(1.55, 100)  # at a pace of 1/2 that would be 0.775 of the time
    assert course.ladder.step.pace == 0.375
    course.hold(1.45, LOW_WINDOWS)
    assert course.ladder.step.pace == 0.5
    course.hold(1.45, 100)
    assert course.ladder.step.pace == 0.5


def test_a_step_down_must_fit_with_all_the_publishes_that_it_brings() -> None:
    course = Course()
    course.hold(1.0, 1, publishing=0.8)
    assert course.index == 1
    # Every tick would publish again, and publishing take 0.8 instead of 0.4.
    course.hold(0.55, 100, publishing=0.4)
    assert course.index == 1
    course.hold(0.5, LOW_WINDOWS, publishing=0.2)
    assert course.index == 0


def test_a_wider_view_must_fit_as_well() -> None:
    course = Course()
    course.hold(1.0, 2, publishing=0.8)
    assert course.ladder.step.level == Level.SMALLER_VIEW
    course.hold(0.6, 100, publishing=0.4)  # 0.8 with views half as wide again
    assert course.ladder.step.level == Level.SMALLER_VIEW
    course.hold(0.5, LOW_WINDOWS, publishing=0.4)
    assert course.ladder.step.level == Level.HALF_RATE


def test_where_nothing_has_views_none_becomes_wider() -> None:
    course = Course(steps=steps_for(has_view=False))
    course.hold(1.0, 2, publishing=0.4)
    assert course.ladder.step.level == Level.SLOWER
    course.hold(0.7, LOW_WINDOWS, publishing=0.4)
    assert course.ladder.step.level == Level.HALF_RATE


# ---------------------------------------------------------------- rushes


def test_a_rush_of_players_who_come_is_not_an_overload() -> None:
    course = Course()
    course.hold(1.5, RUSH_WINDOWS, arrivals=PLAYERS // PLAYERS_PER_ARRIVAL)
    course.hold(STEP_UP_LOAD - 0.01, 100)
    assert course.taken == []


def test_a_rush_that_lasts_is_an_overload() -> None:
    course = Course()
    course.hold(1.5, RUSH_WINDOWS + 2, arrivals=PLAYERS // PLAYERS_PER_ARRIVAL)
    assert [tick for tick, _ in course.taken] == [
        RATE * (RUSH_WINDOWS + 1),
        RATE * (RUSH_WINDOWS + 2),
    ]


def test_what_is_too_much_after_a_rush_is_an_overload_at_once() -> None:
    course = Course()
    course.hold(1.5, 1, arrivals=PLAYERS)
    course.hold(1.5, 1)
    assert course.taken == [(2 * RATE, 1)]


def test_a_few_who_come_are_no_rush() -> None:
    course = Course()
    course.hold(1.5, 1, arrivals=PLAYERS // PLAYERS_PER_ARRIVAL - 1)
    assert course.taken == [(RATE, 1)]


def test_a_rush_does_not_keep_a_room_up_on_the_ladder() -> None:
    course = Course()
    course.hold(1.0, 1)
    course.hold(0.1, LOW_WINDOWS, arrivals=PLAYERS)
    assert course.index == 0


def test_nobody_comes_to_an_empty_room_that_is_overloaded() -> None:
    ladder = OverloadLadder(RATE)
    assert [ladder.ticked(tick, 0.1, 0.0, 0, 0) for tick in range(1, RATE + 1)][-1]


# ---------------------------------------------------------------- how seldom


def test_a_single_stalled_tick_is_not_an_overload() -> None:
    course = Course()
    course.hold(0.2, 2.5)
    course.ladder.ticked(course.tick, 2.0, 0.0, PLAYERS, 0)
    course.tick += 40  # which were dropped
    course.hold(0.2, 100)
    assert course.taken == []


def test_after_a_relapse_the_next_step_down_takes_twice_as_long() -> None:
    waits: list[int] = []
    for _ in range(8):
        course = relapsed(waits)
        began = course.tick
        course.hold(0.1, 2 * MAX_LOW_WINDOWS)
        down = next(tick for tick, index in course.taken if tick > began and index == 0)
        waits.append((down - began) // RATE)
    assert waits == [2, 4, 8, 16, 32, 60, 60, 60]


def relapsed(waits: list[int]) -> Course:
    """Return a course one step up that relapsed right after each of these waits."""
    course = Course()
    course.hold(1.0, 1)
    for wait in waits:
        course.hold(0.1, wait)
        course.hold(1.0, 1)
    return course


def test_a_step_down_that_lasts_resets_the_wait() -> None:
    course = relapsed([2, 4])
    course.hold(0.1, 8 + RELAPSE_WINDOWS)
    course.hold(1.0, 1)
    began = course.tick
    course.hold(0.1, LOW_WINDOWS)
    assert course.taken[-1] == (began + LOW_WINDOWS * RATE, 0)


loads = st.lists(st.tuples(st.floats(0, 6), st.integers(1, 400)), min_size=1, max_size=40)


@given(rate=st.integers(1, 120), loads=loads, jumps=st.lists(st.integers(0, 50), max_size=40))
def test_no_load_moves_the_ladder_more_than_one_step_a_window(
    rate: int, loads: list[tuple[float, int]], jumps: list[int]
) -> None:
    ladder = OverloadLadder(rate)
    tick = last_tick = ticks_between = 0
    window = max(MIN_TICKS, rate)
    index = 0
    jump_at = iter(jumps)
    for load, ticks in loads:
        tick += next(jump_at, 0)  # dropped ticks
        for _ in range(ticks):
            tick += 1
            ticks_between += 1
            if not ladder.ticked(tick, load / rate, 0.0, PLAYERS, 0):
                assert STEPS.index(ladder.step) == index
                continue
            assert tick - last_tick >= window
            assert ticks_between >= MIN_TICKS
            last_tick, ticks_between = tick, 0
            now = STEPS.index(ladder.step)
            assert abs(now - index) == 1
            pace = STEPS[index].pace if now > index else STEPS[now].pace
            over = ladder.load * pace
            assert over > STEP_UP_LOAD if now > index else over < STEP_DOWN_LOAD
            index = now
    assert ladder.ups - ladder.downs == index


@settings(max_examples=examples(40))
@given(
    base=st.floats(0.2, 2.5),
    reliefs=st.lists(st.floats(0.3, 1.0), min_size=len(STEPS), max_size=len(STEPS)),
)
def test_a_load_that_each_step_relieves_makes_the_ladder_oscillate_more_and_more_slowly(
    base: float, reliefs: list[float]
) -> None:
    """At most one step in fifteen seconds, over ten minutes and whatever the steps save."""
    ladder = OverloadLadder(RATE)
    relief = 1.0
    steps = 0
    worth = [1.0]
    for each in reliefs[1:]:
        relief *= each
        worth.append(relief)
    for tick in range(1, 600 * RATE):
        index = STEPS.index(ladder.step)
        steps += ladder.ticked(tick, base * worth[index] / RATE, 0.0, PLAYERS, 0)
    assert steps <= 600 / 15


@settings(max_examples=examples(40))
@given(
    base=st.floats(0.2, 2.5),
    published=st.floats(0.0, 1.0),
    wider=st.floats(1.0, 9 / 4),
    rushes=st.integers(0, 20),
)
def test_a_ladder_that_knows_what_publishing_costs_goes_up_and_stays(
    base: float, published: float, wider: float, rushes: int
) -> None:
    """Where only what views save is unknown, a room finds its place within a minute."""
    ladder = OverloadLadder(RATE)
    for tick in range(1, 600 * RATE):
        step = ladder.step
        saved = wider if step.level >= Level.SMALLER_VIEW else 1.0
        publish = base * published / step.publish_factor / saved
        work = base * (1 - published) + publish
        arrived = PLAYERS * min(rushes, tick // RATE)
        ladder.ticked(tick, work / RATE, publish / RATE, PLAYERS, arrived)
        if tick == 60 * RATE:
            steps = ladder.ups + ladder.downs
    relapses = ladder.ups + ladder.downs - steps
    assert relapses <= 600 / 15
    if wider <= 3 / 2:
        assert relapses == 0
