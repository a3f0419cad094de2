"""Where things were: the ring of what was published, and the moments between two publishes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gameserver.errors import LocalProtocolError
from gameserver.model.history import History, Present
from gameserver.model.schema import Schema, entity, synced
from gameserver.model.view import Near
from gameserver.model.world import World
from gameserver.replication.publisher import Publisher
from tests.support.examples import examples

STEP = 1 / 4


@entity(at=("x", "y"))
class Mover:
    x: float = synced(0.0, step=STEP)
    y: float = synced(0.0, step=STEP)
    name: str = synced("")


@entity(at=("x", "y"))
class Other:
    x: float = synced(0.0)
    y: float = synced(0.0)


@entity
class Nowhere:
    value: int = synced(0)


@entity(at=("x", "y"), rare=True)
class Still:
    x: int = synced(0)
    y: int = synced(0)


NEAR = Near(80)


class Past:
    """A world that is published to nobody and remembered."""

    def __init__(self, *, length_ticks: int = 30, view: Near | None = NEAR) -> None:
        self.world = World(Schema.of((Mover, Other, Nowhere, Still)), view)
        self.history = History(self.world, (Mover,), length_ticks)
        self._publisher = Publisher(self.world, check_every_ticks=10**6, quiet_ticks=10**6)

    def publish(self, tick: int) -> None:
        self._publisher.publish(tick)
        self.history.record(tick)


def test_between_two_publishes_it_is_linear() -> None:
    past = Past()
    mover = past.world.spawn(Mover(0.0, 8.0))
    past.publish(10)
    mover.x, mover.y = 4.0, 0.0
    past.publish(12)
    mover.x = 100.0  # not published: nobody has seen it
    seen = {tick: past.history.at(tick).position(mover) for tick in (10, 10.5, 11, 12)}
    assert seen == {10: (0.0, 8.0), 10.5: (1.0, 6.0), 11: (2.0, 4.0), 12: (4.0, 0.0)}


def test_history_holds_the_quantised_values_that_were_sent() -> None:
    past = Past()
    mover = past.world.spawn(Mover(0.6, 0.0))
    past.publish(1)
    assert past.history.at(1).position(mover) == (0.5, 0.0)  # in steps of a quarter


def test_beyond_both_ends_it_is_the_nearest_publish() -> None:
    past = Past(length_ticks=10)
    mover = past.world.spawn(Mover())
    for tick in range(1, 41):
        mover.x = float(tick)
        past.publish(tick)
    assert past.history.newest_tick == 40
    for asked, seen in ((99, 40), (40, 40), (30, 30), (29.5, 30), (1, 30)):
        moment = past.history.at(asked)
        assert (moment.tick, moment.position(mover)) == (seen, (float(seen), 0.0))


def test_an_entity_is_hit_only_between_its_spawn_and_its_despawn() -> None:
    past = Past()
    first = past.world.spawn(Mover(1.0, 1.0))
    past.publish(1)
    second = past.world.spawn(Mover(2.0, 2.0))
    past.publish(2)
    early = past.history.at(1.5)
    assert early.position(second) is None
    assert [e for e, _, _ in early.near(0, 0, 50, Mover)] == [first]
    past.world.despawn(first)
    now = past.history.at(2)
    assert [e for e, _, _ in now.near(0, 0, 50, Mover)] == [second]
    assert now.position(first) is None
    assert past.history.at(1.5).position(Mover()) is None


def test_an_id_that_is_used_again_is_another_entity() -> None:
    past = Past()
    old = past.world.spawn(Mover(1.0, 1.0))
    past.publish(1)
    past.world.despawn(old)
    past.publish(2)
    past.world._free.append(1)
    new = past.world.spawn(Mover(9.0, 9.0))
    assert past.world.id_of(new) == 1
    past.publish(3)
    assert past.history.at(1).position(new) is None


def test_only_the_named_classes_have_a_past() -> None:
    past = Past()
    other = past.world.spawn(Other())
    past.publish(1)
    with pytest.raises(LocalProtocolError, match="Other"):
        past.history.at(1).position(other)
    with pytest.raises(LocalProtocolError, match="Other"):
        list(past.history.at(1).near(0, 0, 1, Other))
    for cls in (Nowhere, Still, int):
        with pytest.raises(LocalProtocolError, match=cls.__name__):
            History(past.world, (cls,), 10)


def test_before_the_first_publish_there_is_no_past() -> None:
    past = Past()
    assert past.history.newest_tick is None
    with pytest.raises(LocalProtocolError, match="published"):
        past.history.at(1)


moves = st.lists(st.tuples(st.integers(-40, 40), st.integers(-40, 40)), min_size=5, max_size=5)


@settings(max_examples=examples(60))
@given(
    st.lists(moves, min_size=2, max_size=5),
    st.floats(1, 6),
    st.integers(-150, 150),
    st.integers(-150, 150),
    st.integers(0, 120),
    st.sampled_from((NEAR, None)),
)
def test_near_finds_what_a_look_at_all_finds(
    steps: list[list[tuple[int, int]]],
    tick: float,
    x: int,
    y: int,
    radius: int,
    view: Near | None,
) -> None:
    past = Past(view=view)
    movers = [past.world.spawn(Mover(40.0 * i - 80, 30.0 * i - 60)) for i in range(5)]
    for number, step in enumerate(steps, 1):
        past.publish(number)
        for mover, (dx, dy) in zip(movers, step, strict=True):
            mover.x += dx * STEP
            mover.y += dy * STEP
    moment = past.history.at(tick)
    expected = []
    for mover in movers:
        position = moment.position(mover)
        assert position is not None
        if (position[0] - x) ** 2 + (position[1] - y) ** 2 <= radius * radius:
            expected.append((id(mover), *position))
    found = [(id(e), seen_x, seen_y) for e, seen_x, seen_y in moment.near(x, y, radius, Mover)]
    assert sorted(found) == sorted(expected)


def test_the_present_is_where_things_are_now() -> None:
    past = Past()
    mover = past.world.spawn(Mover(1.0, 2.0))
    past.publish(1)
    mover.x = 7.0
    now = Present(past.world, 2)
    assert now.tick == 2
    assert now.position(mover) == (7.0, 2.0)
    assert list(now.near(7, 2, 1, Mover)) == [(mover, 7.0, 2.0)]
    past.world.despawn(mover)
    assert now.position(mover) is None
