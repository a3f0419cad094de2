"""A set from which members are drawn at random."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from gameserver.cluster.directory.bag import Bag

MEMBERS = st.sampled_from("abcdef")


@given(st.lists(st.tuples(st.booleans(), MEMBERS)), st.integers(0, 8), st.randoms())
def test_a_bag_is_a_set(steps: list[tuple[bool, str]], most: int, chance: random.Random) -> None:
    bag, model = Bag(), set()
    for adds, member in steps:
        if adds:
            bag.add(member)
            model.add(member)
        else:
            bag.discard(member)
            model.discard(member)
        assert len(bag) == len(model)
    drawn = list(bag.drawn(chance, most))
    assert len(drawn) == len(set(drawn)) == min(most, len(model))
    assert set(drawn) <= model


def test_each_member_is_drawn_as_often_as_another() -> None:
    bag = Bag()
    for member in "abcd":
        bag.add(member)
    bag.discard("b")
    chance = random.Random(1)
    counts = Counter(next(bag.drawn(chance, 1)) for _ in range(3000))
    assert set(counts) == set("acd")
    assert all(900 < count < 1100 for count in counts.values())
