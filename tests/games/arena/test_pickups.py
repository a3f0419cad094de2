"""Pickups: appearing, being taken, and what each gives."""

from __future__ import annotations

import pytest

from gameserver.games.arena import rules
from gameserver.games.arena.model import Flag, Pickup, PickupKind, Taken
from gameserver.games.arena.movement import MAX_ENERGY, SHIP_RADIUS
from tests.support.arena_field import MIDDLE, Field


def test_pickups_appear_one_by_one_up_to_a_number():
    field = Field()
    assert len(field.all(Pickup)) == rules.PICKUPS_AT_START
    counts = []
    for _ in range(40 * rules.PICKUP_EVERY_TICKS):
        field.step()
        counts.append(len(field.all(Pickup)))
    assert counts == sorted(counts)
    assert counts[0] == rules.PICKUPS_AT_START + 1
    assert counts[rules.PICKUP_EVERY_TICKS - 1] == counts[0]
    assert counts[rules.PICKUP_EVERY_TICKS] == counts[0] + 1
    assert counts[-1] == rules.MAX_PICKUPS


def test_pickups_lie_outside_rocks_and_in_all_kinds():
    kinds = set()
    for seed in range(8):
        field = Field(seed=seed)
        for pickup in field.all(Pickup):
            kinds.add(pickup.kind)
            assert field.room.rocks.is_free(pickup.x, pickup.y)
    assert kinds == set(PickupKind)


def test_a_seed_decides_where():
    def places(seed):
        return [(p.x, p.y, p.kind) for p in Field(seed=seed).all(Pickup)]

    assert places(3) == places(3)
    assert places(3) != places(4)


def over_a_pickup(kind, distance=0):
    field = Field(rocks=False)
    flier = field.play(1)
    pickup = field.all(Pickup)[0]
    pickup.kind = kind
    ship = field.put(flier, pickup.x + distance, pickup.y)
    ship.hull, ship.energy = 50, 10
    field.step()
    return field, flier, pickup


def test_a_taken_pickup_emits_an_event_and_is_removed():
    field, _flier, pickup = over_a_pickup(PickupKind.HULL)
    assert field.told(Taken) == [Taken(1, PickupKind.HULL, pickup.x, pickup.y)]
    assert pickup not in field.all(Pickup)
    field.step()
    assert not field.told(Taken)


def test_hull_is_repaired_up_to_the_whole():
    field, flier, _ = over_a_pickup(PickupKind.HULL)
    assert flier.ship.hull == 50 + rules.PICKUP_HULL
    pickup = field.all(Pickup)[0]
    pickup.kind = PickupKind.HULL
    field.put(flier, pickup.x, pickup.y)
    field.step()
    assert flier.ship.hull == rules.MAX_HULL


def test_energy_is_filled():
    _, flier, _ = over_a_pickup(PickupKind.ENERGY)
    assert flier.ship.energy == MAX_ENERGY


def test_damage_is_doubled_for_ten_seconds():
    field, flier, _ = over_a_pickup(PickupKind.DAMAGE)
    field.put(flier, MIDDLE, MIDDLE)
    boosted = 0
    while flier.ship.flags & Flag.BOOSTED:
        boosted += 1
        field.step()
    assert boosted == rules.BOOST_TICKS == 300


def test_a_shield_is_seen():
    _, flier, _ = over_a_pickup(PickupKind.SHIELD)
    assert flier.ship.flags & Flag.SHIELDED
    assert flier.life.shield == rules.SHIELD_DAMAGE


def test_two_at_one_place_are_both_taken():
    field = Field(rocks=False)
    flier = field.play(1)
    first, second = field.all(Pickup)[:2]
    field.room.pickups._grid.remove(second)
    second.x, second.y = first.x, first.y
    field.room.pickups._grid.add(second, first.x, first.y, rules.PICKUP_RADIUS)
    field.put(flier, first.x, first.y)
    field.step()
    assert len(field.told(Taken)) == 2


@pytest.mark.parametrize(("more", "taken"), [(0, True), (1, False)])
def test_a_ship_must_touch_it(more, taken):
    field, _, pickup = over_a_pickup(PickupKind.ENERGY, rules.PICKUP_RADIUS + SHIP_RADIUS + more)
    assert (pickup not in field.all(Pickup)) == taken


def test_the_dead_take_nothing():
    field = Field(rocks=False)
    flier = field.play(1)
    pickup = field.all(Pickup)[0]
    flier.ship, ship = None, flier.ship
    flier.pilot.respawn_at = 10**6
    ship.x, ship.y = pickup.x, pickup.y
    field.step()
    assert pickup in field.all(Pickup)
