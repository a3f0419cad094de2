"""The map between ticks and steady ticks: a line with bends, the same both ways."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameserver.protocol.tempo import MAX_BENDS, Tempo
from gameserver.runtime.rooms.schedule import Schedule
from tests.support.netcode_vectors.files import check

paces = st.sampled_from([1.0, 0.75, 0.5, 0.375, 1 / 16])
bends = st.lists(st.tuples(st.integers(1, 500), paces), max_size=MAX_BENDS - 2)


def bent(gaps: list[tuple[int, float]]) -> tuple[Tempo, int]:
    tempo, tick = Tempo(), 0
    for gap, pace in gaps:
        tick += gap
        tempo.bend(tick, pace)
    return tempo, tick


def test_python_and_the_page_play_the_same_scripts() -> None:
    check("tempo")


def test_at_first_it_is_no_map_at_all() -> None:
    tempo = Tempo()
    assert tempo.pace == 1.0
    assert [tempo.steady_of(t) for t in (-5, 0, 7.25)] == [-5, 0, 7.25]
    assert [tempo.tick_of(t) for t in (-5, 0, 7.25)] == [-5, 0, 7.25]


def test_half_the_pace_takes_twice_as_long() -> None:
    tempo = Tempo()
    assert tempo.bend(100, 0.5)
    assert tempo.steady_of(100) == 100
    assert tempo.steady_of(110) == 120
    assert tempo.tick_of(120) == 110
    assert tempo.tick_of(90) == 90
    assert tempo.bend(200, 1.0)
    assert tempo.steady_of(210) == 310


def test_the_same_news_twice_is_no_news() -> None:
    tempo = Tempo()
    assert not tempo.bend(50, 1.0)
    assert tempo.bend(100, 0.5)
    assert not tempo.bend(100, 0.5)
    assert not tempo.bend(130, 0.5)


def test_a_later_word_replaces_what_has_not_come_yet() -> None:
    tempo = Tempo()
    tempo.bend(100, 0.5)
    assert tempo.bend(90, 0.75)
    assert tempo.pace == 0.75
    assert tempo.steady_of(120) == pytest.approx(90 + 30 / 0.75)


@given(gaps=bends, tick=st.floats(-100, 4000), other=st.floats(0.001, 500))
def test_it_is_one_to_one_and_grows(
    gaps: list[tuple[int, float]], tick: float, other: float
) -> None:
    tempo, _ = bent(gaps)
    assert tempo.tick_of(tempo.steady_of(tick)) == pytest.approx(tick, abs=1e-6)
    assert tempo.steady_of(tick + other) > tempo.steady_of(tick)
    assert tempo.steady_of(tick + other) - tempo.steady_of(tick) >= other - 1e-6


@given(gaps=st.lists(st.tuples(st.integers(1, 50), paces), max_size=40))
def test_what_is_forgotten_changes_nothing_later(gaps: list[tuple[int, float]]) -> None:
    tempo, tick = Tempo(), 0
    steady, pace = 0.0, 1.0
    for gap, new in gaps:
        tick += gap
        steady += gap / pace
        pace = new
        tempo.bend(tick, pace)
        assert tempo.steady_of(tick) == pytest.approx(steady)
    assert tempo.steady_of(tick + 10) == pytest.approx(steady + 10 / pace)


@given(
    rate=st.integers(1, 120),
    gaps=bends,
    waits=st.lists(st.floats(0, 3), max_size=60),
)
def test_a_schedule_keeps_its_deadlines_along_the_bends(
    rate: int, gaps: list[tuple[int, float]], waits: list[float]
) -> None:
    schedule = Schedule(rate, 100.0)
    now_s, last = 100.0, 0
    changes = iter(gaps)
    for wait in waits:
        now_s += wait
        while (tick := schedule.take(now_s)) is not None:
            assert tick > last
            assert schedule.deadline_s(tick) <= now_s
            assert schedule.now_ticks(schedule.deadline_s(tick)) == pytest.approx(tick)
            last = tick
        assert schedule.deadline_s(last + 1) > now_s
        if (change := next(changes, None)) is not None:
            before_s = schedule.deadline_s(last + change[0])
            schedule.tempo.bend(last + change[0], change[1])
            assert schedule.deadline_s(last + change[0]) == pytest.approx(before_s)
