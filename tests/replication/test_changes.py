"""The scan: which changes of an entity it finds, and what it does not compute twice."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from gameserver import Room, entity, synced
from gameserver.errors import LocalProtocolError
from gameserver.model.world import World
from gameserver.replication.changes import Changes, apply_crossings, find_changes


@entity
class Crate:
    """No field has values that can change in place."""

    weight: float = synced(0.0, step=0.5)
    count: int = synced(0)
    label: str | None = synced(None)


@entity
class Bag:
    """A game may set a list where a tuple is declared."""

    count: int = synced(0)
    stones: tuple[int, ...] = synced(())


class Shop(Room):
    classes = (Crate, Bag)


class Scanned:
    """An entity in a world that is scanned on request."""

    def __init__(self, thing: Any) -> None:
        self.world: World = Shop().world
        self.world.spawn(thing)
        self.record = self.world.record_of(thing)
        self.tick = 0
        self.scan()

    def scan(self) -> Changes:
        self.tick += 1
        changes = find_changes(self.world, self.tick)
        apply_crossings(self.world, changes)
        return changes


def test_a_field_that_was_not_set_is_not_quantised_again(monkeypatch: pytest.MonkeyPatch) -> None:
    class Weight(float):
        asked = 0

        def __mul__(self, other: float) -> float:
            Weight.asked += 1
            return float(self) * other

    scanned = Scanned(Crate(weight=Weight(2.0)))
    asked = Weight.asked
    assert asked
    for _ in range(3):
        assert not scanned.scan().cells()
    # Once more at most, by the first scan after the one that found the entity new.
    assert Weight.asked <= asked + 1


def test_a_value_that_changed_in_place_is_found() -> None:
    stones: Any = [1, 2]
    scanned = Scanned(Bag(stones=stones))
    assert not scanned.scan().cells()
    stones.append(3)
    assert scanned.scan().cells()
    assert scanned.record.values == (0, (1, 2, 3))


def test_a_wrong_value_is_refused_even_if_nothing_else_changed() -> None:
    crate = Crate()
    scanned = Scanned(crate)
    assert not scanned.scan().cells()
    crate.count = "many"  # type: ignore[assignment]
    with pytest.raises(LocalProtocolError, match=r"Crate\.count"):
        scanned.scan()


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.1, 0.25, 0.26, 0.5, -0.0, 3]),
            st.integers(-2, 2),
            st.sampled_from([None, "", "a"]),
        )
    )
)
def test_a_scan_finds_a_change_exactly_if_the_wire_values_differ(
    settings: list[tuple[float, int, str | None]],
) -> None:
    crate = Crate()
    scanned = Scanned(crate)
    for weight, count, label in settings:
        before = scanned.record.values
        crate.weight, crate.count, crate.label = weight, count, label
        changes = scanned.scan()
        assert scanned.record.values == (round(weight / 0.5), count, label)
        assert bool(changes.cells()) == (scanned.record.values != before)
