"""One tick of one ship: costs and cooldowns, and that the room does exactly this."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from gameserver.games.arena import rules
from gameserver.games.arena.model import UNIT, Flag, Mine, Ship, Shot, Steer
from gameserver.games.arena.movement import (
    DASH_COST,
    DASH_TICKS,
    ENERGY_REFILL,
    MAX_ENERGY,
    Motion,
    move,
)
from gameserver.games.arena.ship_step import ShipState, step_ship
from tests.support import arena_traces
from tests.support.arena_field import MIDDLE, Field
from tests.support.examples import examples

SIZE = rules.WORLD_SIZE
REST = ShipState(MIDDLE, MIDDLE, 0, 0, 0, MAX_ENERGY, 0, 0, 0, 0)

steers = st.builds(
    Steer,
    st.integers(-1, 1),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.integers(0, 255),
)
states = st.builds(
    ShipState,
    st.integers(-9000, SIZE + 9000),
    st.integers(-9000, SIZE + 9000),
    st.integers(-800, 800),
    st.integers(-800, 800),
    st.integers(0, 255),
    st.integers(0, MAX_ENERGY),
    st.integers(0, DASH_TICKS),
    st.integers(0, 255),
    st.integers(0, rules.COLD_TICKS),
    st.integers(0, rules.MINE_WAIT_TICKS),
)


def step(state, *, armed=True, **controls):
    return step_ship(state, Steer(**controls), (), SIZE, armed=armed)


def test_a_pulse_costs_energy_and_its_wait():
    after = step(REST, fire=True)
    assert after == REST._replace(
        energy=MAX_ENERGY - rules.PULSE_COST, fire_wait=rules.PULSE_WAIT_TICKS - 1
    )
    fired = []
    for _ in range(2 * rules.PULSE_WAIT_TICKS):
        before, after = after, step(after, fire=True)
        fired.append(after.fire_wait > before.fire_wait)
    assert [i for i, f in enumerate(fired) if f] == [4, 9]


def test_a_mine_costs_energy_and_its_wait():
    after = step(REST, mine=True)
    assert after.energy == MAX_ENERGY - rules.MINE_COST
    assert after.mine_wait == rules.MINE_WAIT_TICKS - 1
    assert step(after, mine=True).mine_wait == rules.MINE_WAIT_TICKS - 2


def test_what_is_refilled_in_this_tick_can_be_spent_in_it_and_dashing_comes_first():
    poor = REST._replace(energy=rules.PULSE_COST - ENERGY_REFILL)
    assert step(poor, fire=True).energy == 0
    assert step(poor._replace(energy=poor.energy - 1), fire=True).fire_wait == 0
    just = REST._replace(energy=DASH_COST + rules.PULSE_COST - ENERGY_REFILL)
    after = step(just, dash=True, fire=True, mine=True)
    assert (after.dash_left, after.energy) == (DASH_TICKS - 1, 0)
    assert (after.fire_wait, after.mine_wait) == (rules.PULSE_WAIT_TICKS - 1, 0)


def test_while_weapons_rest_their_waits_do_too():
    waiting = REST._replace(fire_wait=3, mine_wait=9)
    after = step(waiting, armed=False, fire=True, mine=True)
    assert (after.fire_wait, after.mine_wait, after.energy) == (3, 9, MAX_ENERGY)
    assert step(REST, armed=False, fire=True).energy == MAX_ENERGY


@given(states, steers, st.booleans())
def test_it_moves_as_movement_does_and_aims_as_told(state, steer, armed):
    after = step_ship(state, steer, (), SIZE, armed=armed)
    moved = move(Motion(*state[:7]), steer, (), SIZE)
    spent = moved.energy - after.energy
    assert after[:5] == moved[:5]
    assert (after.dash_left, after.aim) == (moved.dash_left, steer.aim)
    assert spent == rules.PULSE_COST * (after.fire_wait > state.fire_wait) + rules.MINE_COST * (
        after.mine_wait > state.mine_wait
    )
    assert {type(value) for value in after} == {int}


# ---------------------------------------------------------------- the room


def state_of(ship):
    return ShipState(*(getattr(ship, name) for name in ShipState._fields))


@settings(max_examples=examples(25))
@given(st.lists(steers, min_size=1, max_size=40))
def test_the_room_steps_a_ship_with_it_and_with_nothing_else(controls):
    field = Field()
    flier = field.play(1, at=(MIDDLE, MIDDLE))
    state = state_of(flier.ship)
    for steer in controls:
        expected = step_ship(
            state, steer, field.room.rocks.touching(state.x, state.y), SIZE, armed=True
        )
        field.tell(flier.player, steer)
        field.step()
        taken = flier.ship.energy == MAX_ENERGY != expected.energy  # a pickup on the way
        assert state_of(flier.ship)[:5] == expected[:5]
        assert taken or state_of(flier.ship) == expected
        assert bool(field.told(Shot)) == (expected.fire_wait > state.fire_wait)
        state = state_of(flier.ship)


def test_one_destroyed_in_the_tick_of_its_own_shot_does_not_shoot():
    field = Field(rocks=False)
    first, second = field.play(1), field.play(2)
    field.put(first, MIDDLE, MIDDLE)
    field.put(second, MIDDLE + 100 * UNIT, MIDDLE, heading=128)
    second.ship.hull = 1
    for flier in (first, second):
        field.steer(flier, fire=True, mine=True)
    field.step()
    assert [shot.seat for shot in field.told(Shot)] == [1]
    assert [mine.seat for mine in field.all(Mine)] == [1]
    field.until(lambda: second.ship is not None)
    assert second.ship.flags & Flag.PROTECTED
    assert not [s for s in field.told(Shot) if s.seat == 2], "no shot left over from the last life"


# ---------------------------------------------------------------- vectors


def test_the_vectors_are_those_of_this_step():
    text = arena_traces.text(arena_traces.step_vectors())
    assert text == arena_traces.STEP_VECTORS.read_text(), "python -m tests.support.arena_traces"


def test_the_vectors_hold_what_they_promise():
    """More than 2,000 steps, with pulses, mines, dashes, triggers without energy, and rest."""
    content = json.loads(arena_traces.STEP_VECTORS.read_text())
    names = ShipState._fields
    counts = dict.fromkeys(("steps", "pulse", "mine", "dash", "poor", "rest"), 0)
    for trace in content["traces"]:
        before = dict(zip(names, trace["start"], strict=True))
        for controls, armed, state in zip(
            trace["controls"], trace["armed"], trace["states"], strict=True
        ):
            after = dict(zip(names, state, strict=True))
            counts["steps"] += 1
            counts["pulse"] += after["fire_wait"] > before["fire_wait"]
            counts["mine"] += after["mine_wait"] > before["mine_wait"]
            counts["dash"] += after["dash_left"] > before["dash_left"]
            pressed = controls[3] and armed and not before["fire_wait"]
            counts["poor"] += bool(pressed and after["fire_wait"] == 0)
            counts["rest"] += not armed
            before = after
    assert counts.pop("steps") >= 2000
    assert min(counts.values()) >= 15, counts


def test_all_fields_of_the_state_are_fields_of_a_ship():
    assert set(ShipState._fields) <= {field.name for field in Ship.__attrs_attrs__}
    assert Motion._fields == ShipState._fields[:7]
