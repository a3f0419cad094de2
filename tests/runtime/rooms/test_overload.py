"""The decisions of the overload ladder: when it takes a step, and how seldom."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameserver.runtime.rooms.overload import (
    LOW_WINDOWS,
    MAX_LOW_WINDOWS,
    MIN_TICKS,
    RELAPSE_WINDOWS,
    STEP_DOWN_LOAD,
    STEP_UP_LOAD,
    STEPS,
    Level,
    OverloadLadder,
    steps_for,
)

RATE = 20


class Course:
    """A ladder and a count of ticks, which ``hold`` runs under a load."""

    def __init__(self, rate: int = RATE) -> None:
        self.rate = rate
        self.ladder = OverloadLadder(rate)
        self.tick = 0
        #: (tick, index) after each step.
        self.taken: list[tuple[int, int]] = []

    @property
    def index(self) -> int:
        return STEPS.index(self.ladder.step)

    def hold(self, load: float, windows: float) -> None:
        for _ in range(round(windows * self.rate)):
            self.tick += 1
            if self.ladder.ticked(self.tick, load / self.rate):
                self.taken.append((self.tick, self.index))


def test_each_step_saves_at_least_as_much_as_the_one_before() -> None:
    assert [step.level for step in STEPS] == sorted(step.level for step in STEPS)
    assert {step.level for step in STEPS} == set(Level)
    assert [step.pace for step in STEPS] == sorted((s.pace for s in STEPS), reverse=True)
    first, last = STEPS[0], STEPS[-1]
    assert (first.publish_factor, first.view_share) == (1, 1.0)
    assert (last.publish_factor, last.view_share) == (2, 2 / 3)
    assert [s.refuses_joins for s in STEPS] == [False] * (len(STEPS) - 1) + [True]


def test_a_room_without_a_view_radius_has_no_step_for_views() -> None:
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
    course.hold(1.25, 100)  # at a pace of 1/2 that would be 0.625 of the time
    assert course.ladder.step.pace == 0.375
    course.hold(1.15, LOW_WINDOWS)
    assert course.ladder.step.pace == 0.5
    course.hold(1.15, 100)
    assert course.ladder.step.pace == 0.5


def test_a_single_stalled_tick_is_not_an_overload() -> None:
    course = Course()
    course.hold(0.2, 2.5)
    course.ladder.ticked(course.tick, 2.0)
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
    assert waits == [5, 10, 20, 40, 60, 60, 60, 60]


def relapsed(waits: list[int]) -> Course:
    """Return a course one step up that relapsed right after each of these waits."""
    course = Course()
    course.hold(1.0, 1)
    for wait in waits:
        course.hold(0.1, wait)
        course.hold(1.0, 1)
    return course


def test_a_step_down_that_lasts_resets_the_wait() -> None:
    course = relapsed([5, 10])
    course.hold(0.1, 20 + RELAPSE_WINDOWS)
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
            if not ladder.ticked(tick, load / rate):
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


@given(
    base=st.floats(0.2, 2.5),
    reliefs=st.lists(st.floats(0.3, 1.0), min_size=len(STEPS), max_size=len(STEPS)),
)
def test_a_load_that_each_step_relieves_makes_the_ladder_oscillate_more_and_more_slowly(
    base: float, reliefs: list[float]
) -> None:
    """Whatever the steps save: over ten minutes, at most one step in fifteen seconds."""
    ladder = OverloadLadder(RATE)
    relief = 1.0
    steps = 0
    worth = [1.0]
    for each in reliefs[1:]:
        relief *= each
        worth.append(relief)
    for tick in range(1, 600 * RATE):
        index = STEPS.index(ladder.step)
        steps += ladder.ticked(tick, base * worth[index] / RATE)
    assert steps <= 600 / 15
