"""Effects shown ahead of the server: each is confirmed once, or undone once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from clients.netcode.effects import MAX_WAITING, PATIENCE_TICKS, Effect, PendingEffects
from tests.support.netcode_vectors.files import check


def test_python_and_the_page_play_the_same_scripts() -> None:
    check("effects")


def test_a_shot_is_confirmed_by_the_event_of_its_tick() -> None:
    pending = PendingEffects()
    shot = Effect("Shot", 10)
    assert pending.show(shot) is None
    assert pending.confirm("Hit", 10) is None
    assert pending.confirm("Shot", 10) is shot
    assert pending.confirm("Shot", 10) is None
    assert (len(pending), pending.confirmed, pending.undone) == (0, 1, 0)


def test_a_shot_without_an_event_is_undone_after_the_patience() -> None:
    pending = PendingEffects()
    shot = Effect("Shot", 10)
    pending.show(shot)
    assert pending.expire(10 + PATIENCE_TICKS - 1) == []
    assert pending.expire(10 + PATIENCE_TICKS) == [shot]
    assert pending.expire(99) == []
    assert pending.undone == 1


def test_an_event_confirms_the_nearest_effect_in_time() -> None:
    pending = PendingEffects()
    first, second = Effect("Shot", 10), Effect("Shot", 15)
    pending.show(first)
    pending.show(second)
    assert pending.confirm("Shot", 15) is second  # the first was refused
    assert pending.confirm("Shot", 12) is first


def test_keys_distinguish_pickups() -> None:
    pending = PendingEffects()
    one, two = Effect("Taken", 10, key=1), Effect("Taken", 10, key=2)
    pending.show(one)
    pending.show(two)
    assert pending.is_shown("Taken", 2)
    assert pending.confirm("Taken", 11, 2) is two
    assert not pending.is_shown("Taken", 2)
    assert pending.clear() == [one]


def test_too_many_undo_the_oldest() -> None:
    pending = PendingEffects()
    effects = [Effect("Shot", tick) for tick in range(MAX_WAITING + 2)]
    assert [pending.show(effect) for effect in effects][MAX_WAITING:] == effects[:2]
    assert (len(pending), pending.undone) == (MAX_WAITING, 2)


@given(shots=st.lists(st.tuples(st.integers(1, 9), st.integers(0, 12), st.booleans()), max_size=60))
def test_every_effect_ends_in_one_of_two_ways(shots: list[tuple[int, int, bool]]) -> None:
    """Shots at any distance, each applied by the server up to 12 ticks late, or never."""
    pending = PendingEffects()
    events: dict[int, int] = {}
    tick = 0
    shown: dict[int, int] = {}
    for apart, late, lost in shots:
        tick += apart
        shown[tick] = 1
        if not lost:
            events[tick + late] = events.get(tick + late, 0) + 1
    ended: list[Effect] = []
    for now in range(tick + 40):
        if now in shown:
            pending.show(Effect("Shot", now))
        if now >= 5:  # the server's word is five ticks old
            heard = [pending.confirm("Shot", now - 5) for _ in range(events.get(now - 5, 0))]
            ended += [effect for effect in heard if effect is not None]
            ended += pending.expire(now - 5)
    assert len(pending) == 0
    assert sorted(effect.tick for effect in ended) == sorted(shown)
    assert pending.confirmed + pending.undone == len(shown)
