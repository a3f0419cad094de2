"""Spawning, ids, ownership, and finding what is near."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from gameserver.errors import LocalProtocolError
from gameserver.model import world as world_module
from gameserver.model.schema import Schema, entity, synced
from gameserver.model.view import Near
from gameserver.model.world import World
from gameserver.replication.publisher import Publisher


@entity(at=("x", "y"))
class Ship:
    x: float = synced(0.0, step=1 / 8)
    y: float = synced(0.0, step=1 / 8)


@entity(rare=True)
class Sign:
    text: str = synced("")
    notes: str = ""


@entity
class Stranger:
    x: int = synced(0)


SCHEMA = Schema.of([Ship, Sign])


def publisher(world: World) -> Publisher:
    return Publisher(world, check_every_ticks=100, quiet_ticks=20)


def test_ids_are_small_and_rest_before_they_are_used_again() -> None:
    world = World(SCHEMA)
    out = publisher(world)
    first, second = world.spawn(Ship()), world.spawn(Ship())
    assert (world.id_of(first), world.id_of(second)) == (1, 2)
    world.despawn(first)
    assert world.id_of(first) == 0
    assert world.id_of(world.spawn(Ship())) == 3
    for tick in range(1, world_module.ID_REST_PUBLISHES + 1):
        out.publish(tick)
    assert world.id_of(world.spawn(Ship())) == 4
    out.publish(tick + 1)
    assert world.id_of(world.spawn(Ship())) == 1
    assert world.id_of(world.spawn(Ship())) == 5


def test_only_declared_classes_and_only_once() -> None:
    world = World(SCHEMA)
    with pytest.raises(LocalProtocolError, match="Stranger is not an entity class of this room"):
        world.spawn(Stranger())
    with pytest.raises(LocalProtocolError, match="int cannot be spawned: it is no @entity class"):
        world.spawn(3)
    with pytest.raises(LocalProtocolError, match=r"^spawn a Ship\(\), not the class$"):
        world.spawn(Ship)
    ship = world.spawn(Ship())
    with pytest.raises(LocalProtocolError, match="spawned already"):
        world.spawn(ship)
    world.despawn(ship)
    with pytest.raises(LocalProtocolError, match="not in this world"):
        world.despawn(ship)
    with pytest.raises(LocalProtocolError, match=r"^None is no entity; .*despawned"):
        world.despawn(None)
    with pytest.raises(LocalProtocolError, match="not in this world"):
        World(SCHEMA).set_owner(world.spawn(ship), 1)


def test_entities_are_found_by_id_and_class() -> None:
    world = World(SCHEMA)
    ship, sign = world.spawn(Ship()), world.spawn(Sign())
    assert world.get(world.id_of(sign)) is sign
    assert world.get(99) is None
    assert list(world.of_class(Ship)) == [ship]
    assert len(world) == 2


def test_ownership_is_indexed() -> None:
    world = World(SCHEMA)
    ship = world.spawn(Ship(), owner=3)
    assert list(world.owned) == [3]
    world.set_owner(ship, 4)
    assert list(world.owned) == [4]
    world.despawn(ship)
    assert world.owned == {}


def test_a_write_to_a_rare_entity_is_noticed_and_nothing_else_is() -> None:
    world = World(SCHEMA)
    sign = world.spawn(Sign())
    publisher(world).publish(1)
    kind = SCHEMA.kinds[Sign]
    sign.notes = "not synced"
    assert world.touched[kind] == {}
    sign.text = "hello"
    assert list(world.touched[kind]) == [world.id_of(sign)]


points = st.tuples(st.floats(-500, 500), st.floats(-500, 500))


@pytest.mark.parametrize("view", [None, Near(60)])
@given(ships=st.lists(points, max_size=30), centre=points, radius=st.floats(0, 300))
def test_near_finds_exactly_what_a_search_of_all_finds(
    view: Near | None,
    ships: list[tuple[float, float]],
    centre: tuple[float, float],
    radius: float,
) -> None:
    world = World(SCHEMA, view)
    out = publisher(world)
    made = [world.spawn(Ship(x, y)) for x, y in ships[:20]]
    world.spawn(Sign())
    out.publish(1)
    made += [world.spawn(Ship(x, y)) for x, y in ships[20:]]  # not yet published
    for ship in made[::2]:
        ship.x += 7  # less than an eighth of the radius
    found = list(world.near(*centre, radius, Ship))
    wanted = [s for s in made if (s.x - centre[0]) ** 2 + (s.y - centre[1]) ** 2 <= radius * radius]
    assert sorted(map(world.id_of, found)) == sorted(map(world.id_of, wanted))


def test_near_needs_a_position() -> None:
    with pytest.raises(LocalProtocolError, match="Sign has no position"):
        list(World(SCHEMA).near(0, 0, 1, Sign))
