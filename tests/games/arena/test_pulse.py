"""The geometry of the pulse, against floats and by hand."""

from __future__ import annotations

import math

from hypothesis import assume, given
from hypothesis import strategies as st

from gameserver.games.arena.model import Ship
from gameserver.games.arena.movement import COSINE, SINE
from gameserver.games.arena.pulse import SEARCH_RADIUS, entry, middle, trace
from gameserver.games.arena.rules import PULSE_HIT_RADIUS, PULSE_RANGE

coordinates = st.integers(-30_000, 30_000)


def ship(x, y):
    """Return a ship that counts at a point, which need not be its position."""
    return Ship(x=-1, y=-1), x, y


def test_a_pulse_that_meets_nothing_ends_at_its_range():
    end = trace(100, 200, 0, [], [])
    assert (end.x, end.y, end.ship) == (100 + PULSE_RANGE, 200, None)


def test_the_nearest_ship_is_hit():
    near, far = ship(5000, 10), ship(9000, 0)
    for order in ([near, far], [far, near]):
        end = trace(0, 0, 0, [], order)
        assert end.ship is near[0]
        assert abs(end.x - (5000 - PULSE_HIT_RADIUS)) <= 1


def test_a_rock_in_between_stops_it():
    end = trace(0, 0, 0, [(4000, 0, 1000)], [ship(9000, 0)])
    assert (end.x, end.y, end.ship) == (3000, 0, None)


def test_a_rock_behind_the_ship_does_not():
    target = ship(5000, 0)
    assert trace(0, 0, 0, [(9000, 0, 1000)], [target]).ship is target[0]


def test_what_is_behind_or_beyond_is_not_hit():
    assert trace(0, 0, 0, [], [ship(-2000, 0)]).ship is None
    assert trace(0, 0, 0, [], [ship(PULSE_RANGE + PULSE_HIT_RADIUS, 0)]).ship is None
    just_in = ship(PULSE_RANGE + PULSE_HIT_RADIUS - 2, 0)
    assert trace(0, 0, 0, [], [just_in]).ship is just_in[0]


def test_a_ship_on_top_of_the_gun_is_hit_at_once():
    target = ship(-100, 50)
    end = trace(0, 0, 0, [], [target])
    assert (end.x, end.y, end.ship) == (0, 0, target[0])


def test_a_pulse_past_the_edge_misses():
    assert trace(0, 0, 0, [], [ship(5000, PULSE_HIT_RADIUS + 1)]).ship is None
    assert trace(0, 0, 0, [], [ship(5000, PULSE_HIT_RADIUS - 1)]).ship is not None


@given(coordinates, coordinates, st.integers(100, 4000), st.integers(0, 255))
def test_entry_agrees_with_floats(x, y, radius, aim):
    limit = 100_000
    got = entry(x, y, radius, COSINE[aim], SINE[aim], limit)
    along = (x * COSINE[aim] + y * SINE[aim]) / 1024
    across = abs(x * SINE[aim] - y * COSINE[aim]) / 1024
    assume(abs(across - radius) > 2)  # at the very edge either answer is right
    if across > radius:
        assert got == limit
        return
    half_chord = math.sqrt(radius * radius - across * across)
    slack = 3 + 2 * radius / half_chord  # rounding moves the line by up to a step
    assume(abs(along + half_chord) > slack)
    if along + half_chord < 0:
        assert got == limit
    else:
        assert abs(got - max(along - half_chord, 0)) < slack


@given(st.integers(0, 255), st.integers(0, PULSE_RANGE), st.integers(-1, 1))
def test_the_search_circle_holds_all_that_can_be_hit(aim, distance, side):
    angle = aim * math.tau / 256
    off = side * (PULSE_HIT_RADIUS - 40)
    target = ship(
        round(distance * math.cos(angle) - off * math.sin(angle)),
        round(distance * math.sin(angle) + off * math.cos(angle)),
    )
    assert trace(0, 0, aim, [], [target]).ship is target[0]
    x, y = middle(0, 0, aim)
    assert math.hypot(target[1] - x, target[2] - y) <= SEARCH_RADIUS + 40


@given(coordinates, coordinates, st.integers(0, 255))
def test_the_end_is_integers(x, y, aim):
    end = trace(x, y, aim, [(3000, 0, 500)], [ship(0, 4000)])
    assert type(end.x) is int
    assert type(end.y) is int
