"""The grid of things that do not move, compared with a search through all of them."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from gameserver.games.arena import rules
from gameserver.games.arena.movement import SHIP_RADIUS
from gameserver.games.arena.rocks import RockField, place_rocks
from gameserver.games.arena.still import StillGrid

places = st.integers(-20_000, 20_000)


@given(
    st.lists(st.tuples(places, places, st.integers(0, 12_000))),
    st.sets(st.integers(0, 20)),
    places,
    places,
)
def test_all_that_reach_a_point_are_found(things, gone, x, y):
    grid = StillGrid()
    for number, (at_x, at_y, reach) in enumerate(things):
        grid.add(number, at_x, at_y, reach)
    for number in gone & set(range(len(things))):
        grid.remove(number)
    reaching = {
        number
        for number, (at_x, at_y, reach) in enumerate(things)
        if number not in gone and (at_x - x) ** 2 + (at_y - y) ** 2 <= reach * reach
    }
    found = grid.at(x, y)
    assert reaching <= set(found)
    assert not gone & set(found)
    assert len(found) == len(set(found))
    assert len(grid) == len(things) - len(gone & set(range(len(things))))


def test_an_emptied_grid_keeps_nothing():
    grid = StillGrid()
    grid.add("a", 0, 0, 50_000)
    grid.remove("a")
    assert not grid._cells
    assert not grid._keys


def gap(a, b):
    return ((a.x - b.x) ** 2 + (a.y - b.y) ** 2) ** 0.5 - a.radius - b.radius


@given(st.integers(0, 2**32))
def test_rocks_lie_apart_and_inside(seed):
    rocks = place_rocks(random.Random(seed))
    assert len(rocks) >= 35
    assert {rock.radius for rock in rocks} == {radius for _, radius in rules.ROCKS}
    for i, rock in enumerate(rocks):
        assert all(gap(rock, other) >= rules.ROCK_SPACE for other in rocks[:i])
        for at in (rock.x, rock.y):
            inner = rules.BORDER_SPACE + rock.radius
            assert inner <= at <= rules.WORLD_SIZE - inner


def test_no_ship_can_touch_two_rocks():
    assert rules.ROCK_SPACE > 2 * SHIP_RADIUS


def test_a_seed_is_a_field():
    def field(seed):
        return [(r.x, r.y, r.radius, r.shape) for r in place_rocks(random.Random(seed))]

    assert field(4) == field(4)
    assert field(4) != field(5)


@given(st.integers(0, rules.WORLD_SIZE), st.integers(0, rules.WORLD_SIZE))
def test_the_field_finds_what_a_ship_touches_and_a_pulse_meets(x, y):
    rocks = place_rocks(random.Random(9))
    field = RockField(rocks)
    for rock in rocks:
        distance = ((rock.x - x) ** 2 + (rock.y - y) ** 2) ** 0.5 - rock.radius
        disc = (rock.x, rock.y, rock.radius)
        if distance <= SHIP_RADIUS + 1000:
            assert disc in field.touching(x, y)
        if distance <= rules.PULSE_RANGE:
            assert disc in field.in_range(x, y)
    free = all(((r.x - x) ** 2 + (r.y - y) ** 2) ** 0.5 > r.radius + SHIP_RADIUS for r in rocks)
    assert field.is_free(x, y) == free
