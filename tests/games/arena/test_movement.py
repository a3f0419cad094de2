"""Movement, rule by rule, with the same bits in both languages."""

from __future__ import annotations

import itertools
import json
import math
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameserver.games.arena import movement as m
from gameserver.games.arena.model import UNIT, Steer
from gameserver.games.arena.movement import Motion, move
from tests.support import arena_traces
from tests.support.node_tools import run_node

HERE = Path(__file__).parent
SIZE = 4000 * UNIT
MIDDLE = SIZE // 2
REST = Motion(MIDDLE, MIDDLE, 0, 0, 0, m.MAX_ENERGY, 0)
NEUTRAL = Steer()
ROCK = (MIDDLE, MIDDLE, 70 * UNIT)

motions = st.builds(
    Motion,
    st.integers(-9000, SIZE + 9000),
    st.integers(-9000, SIZE + 9000),
    st.integers(-800, 800),
    st.integers(-800, 800),
    st.integers(0, 255),
    st.integers(0, m.MAX_ENERGY),
    st.integers(0, m.DASH_TICKS),
)
steers = st.builds(Steer, st.integers(-1, 1), st.booleans(), st.booleans())


def flown(state, steer, ticks, rocks=(), size=SIZE):
    states = []
    for _ in range(ticks):
        state = move(state, steer, rocks, size)
        states.append(state)
    return states


def speed(state):
    return math.hypot(state.vx, state.vy)


def test_the_table_is_the_sine():
    for angle in range(256):
        radians = angle * math.tau / 256
        assert m.SINE[angle] == round(1024 * math.sin(radians))
        assert m.COSINE[angle] == round(1024 * math.cos(radians))


def test_nothing_happens_to_a_ship_at_rest():
    assert move(REST, NEUTRAL, (), SIZE) == REST


def test_turning_goes_round():
    assert move(REST, Steer(turn=1), (), SIZE).heading == m.TURN_RATE
    assert move(REST, Steer(turn=-1), (), SIZE).heading == 256 - m.TURN_RATE


@pytest.mark.parametrize(
    ("heading", "vx", "vy"), [(0, 1, 0), (64, 0, 1), (128, -1, 0), (192, 0, -1)]
)
def test_thrust_goes_where_the_ship_points(heading, vx, vy):
    end = flown(REST._replace(heading=heading), Steer(thrust=True), 60)[-1]
    assert (end.vx, end.vy) == (vx * m.TOP_SPEED, vy * m.TOP_SPEED)


@given(motions)
def test_a_ship_without_thrust_drifts_to_rest(state):
    state = state._replace(x=MIDDLE, y=MIDDLE, dash_left=0)
    path = flown(state, NEUTRAL, 150)
    assert (path[-1].vx, path[-1].vy) == (0, 0)
    assert all(speed(b) <= speed(a) for a, b in itertools.pairwise(path))


@given(st.integers(-m.TOP_SPEED, m.TOP_SPEED))
def test_drag_is_alike_in_both_directions(v):
    right = move(REST._replace(vx=v), NEUTRAL, (), SIZE)
    left = move(REST._replace(vx=-v), NEUTRAL, (), SIZE)
    assert (right.vx, right.vy) == (-left.vx, left.vy)


@given(st.integers(0, 255), st.lists(st.integers(-1, 1), min_size=40, max_size=60))
def test_without_a_dash_nobody_is_faster_than_the_top_speed(heading, turns):
    state = REST._replace(heading=heading)
    for turn in turns:
        state = move(state, Steer(turn, True), (), SIZE)
        assert speed(state) <= m.TOP_SPEED + 3  # rounding


def test_a_dash_costs_energy_and_lasts_a_few_ticks():
    first, *rest = flown(REST, Steer(dash=True), 1) + flown(
        move(REST, Steer(dash=True), (), SIZE), NEUTRAL, 40
    )
    assert first.energy == m.MAX_ENERGY - m.DASH_COST
    assert first.vx == m.DASH_SPEED
    assert [s.vx for s in rest[: m.DASH_TICKS]] == [m.DASH_SPEED] * (m.DASH_TICKS - 1) + [
        rest[5].vx
    ]
    assert rest[5].vx < m.DASH_SPEED
    assert rest[-1].vx < m.TOP_SPEED
    assert [s.dash_left for s in (first, *rest[:6])] == [5, 4, 3, 2, 1, 0, 0]


def test_no_dash_without_the_energy_for_it():
    poor = REST._replace(energy=m.DASH_COST - m.ENERGY_REFILL - 1)
    assert move(poor, Steer(dash=True), (), SIZE).dash_left == 0
    enough = REST._replace(energy=m.DASH_COST - m.ENERGY_REFILL)
    after = move(enough, Steer(dash=True), (), SIZE)
    assert (after.dash_left, after.energy) == (m.DASH_TICKS - 1, 0)


def test_energy_refills_to_the_brim():
    path = flown(REST._replace(energy=0), NEUTRAL, 150)
    assert [s.energy for s in path] == [
        min(i * m.ENERGY_REFILL, m.MAX_ENERGY) for i in range(1, 151)
    ]


@pytest.mark.parametrize(("heading", "axis"), [(0, "x"), (64, "y"), (128, "x"), (192, "y")])
def test_the_wall_is_soft(heading, axis):
    path = flown(REST._replace(heading=heading), Steer(thrust=True), 600)
    depths = [max(-getattr(s, axis), getattr(s, axis) - SIZE, 0) for s in path]
    assert 0 < max(depths) < 60 * UNIT
    inside = next(i for i, depth in enumerate(depths) if depth)
    speeds = [abs(getattr(s, "v" + axis)) for s in path[inside - 1 : inside + 2]]
    assert min(speeds) > 100, "no hard stop at the border"


def test_the_push_of_the_wall_grows_with_the_depth():
    pushes = [move(REST._replace(x=-depth), NEUTRAL, (), SIZE).vx for depth in (1, 100, 1000, 5000)]
    assert pushes == sorted(set(pushes))
    mirrored = [move(REST._replace(x=SIZE + d), NEUTRAL, (), SIZE).vx for d in (1, 100, 1000, 5000)]
    assert mirrored == [-push for push in pushes]


@given(motions, st.lists(steers, max_size=40))
def test_even_a_dashing_ship_comes_back_from_beyond_the_wall(state, controls):
    for steer in controls:
        state = move(state, steer, (), SIZE)
        assert -1000 * UNIT < state.x < SIZE + 1000 * UNIT
    end = flown(state, NEUTRAL, 300)[-1]
    assert -UNIT <= end.x <= SIZE + UNIT
    assert -UNIT <= end.y <= SIZE + UNIT


@given(motions, st.lists(steers, min_size=1, max_size=40), st.booleans())
def test_a_ship_is_never_in_a_rock(state, controls, near):
    if near:
        state = state._replace(x=MIDDLE + state.x % 5000 - 2500, y=MIDDLE + state.y % 5000 - 2500)
    for steer in controls:
        state = move(state, steer, (ROCK,), SIZE)
        assert math.hypot(state.x - ROCK[0], state.y - ROCK[1]) >= ROCK[2] + m.SHIP_RADIUS


def test_a_ship_slides_along_a_rock():
    edge = ROCK[2] + m.SHIP_RADIUS
    state = REST._replace(x=MIDDLE - edge - 50, y=MIDDLE - 10, vx=200, vy=200)
    after = move(state, NEUTRAL, (ROCK,), SIZE)
    assert abs(after.vx) < 20, "the part into the rock is gone"
    assert after.vy > 180, "the part along it is kept"


def test_a_ship_leaves_a_rock_as_it_likes():
    edge = ROCK[2] + m.SHIP_RADIUS
    state = REST._replace(x=MIDDLE - edge + 100, vx=-50)
    assert (
        move(state, NEUTRAL, (ROCK,), SIZE).vx == move(REST._replace(vx=-50), NEUTRAL, (), SIZE).vx
    )


def test_a_ship_in_the_dead_centre_of_a_rock_gets_out():
    after = move(REST, NEUTRAL, (ROCK,), SIZE)
    assert after.x - MIDDLE == ROCK[2] + m.SHIP_RADIUS + m.ROCK_GAP


@given(motions, steers)
def test_all_is_integers(state, steer):
    assert {type(value) for value in move(state, steer, (ROCK,), SIZE)} == {int}


# ---------------------------------------------------------------- both languages


def test_the_vectors_are_those_of_this_movement():
    assert arena_traces.MOVEMENT_VECTORS.read_text() == arena_traces.text(arena_traces.vectors()), (
        "python -m tests.support.arena_traces"
    )


def test_the_vectors_hold_what_they_promise():
    """At least 2,000 steps, with each of: a dash, the wall, a rock."""
    vectors = json.loads(arena_traces.MOVEMENT_VECTORS.read_text())
    states = [Motion(*state) for trace in vectors["traces"] for state in trace["states"]]
    assert len(states) >= 2000
    assert sum(s.dash_left > 0 for s in states) > 100
    assert (
        sum(not (0 <= s.x <= arena_traces.SIZE and 0 <= s.y <= arena_traces.SIZE) for s in states)
        > 100
    )
    touching = [
        state
        for state in states
        for x, y, radius in arena_traces.ROCKS
        if math.hypot(state.x - x, state.y - y) <= radius + m.SHIP_RADIUS + 2 * m.ROCK_GAP
    ]
    assert len(touching) > 50


@pytest.mark.node
def test_the_browser_flies_the_vectors():
    run_node("--test", "movement.test.mjs", cwd=HERE)


@pytest.mark.node
def test_the_browser_flies_random_traces():
    """20,000 random steps, different in each run; a failure names its seed."""
    seed = random.SystemRandom().randrange(2**32)
    rng = random.Random(seed)
    flights = [arena_traces.random_trace(rng, 50) for _ in range(400)]
    answers = json.loads(run_node("fly_traces.mjs", cwd=HERE, stdin=json.dumps(flights)))
    for flight, answer in zip(flights, answers, strict=True):
        assert answer == arena_traces.fly(flight), f"seed {seed}"
