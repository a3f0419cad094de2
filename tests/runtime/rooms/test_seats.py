"""Seat numbers: the smallest free one is given, after any taking, sharing and releasing."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameserver.runtime.rooms.seats import Seats


@given(st.lists(st.tuples(st.sampled_from(["take", "share", "release"]), st.integers(0, 30))))
def test_the_smallest_free_number_is_given(steps: list[tuple[str, int]]) -> None:
    seats = Seats()
    claims: Counter[int] = Counter()
    for step, pick in steps:
        if step == "take":
            number = seats.take_smallest()
            assert number == next(n for n in range(1, 100) if n not in claims)
            claims[number] = 1
        elif claims:
            number = sorted(claims)[pick % len(claims)]
            if step == "share":
                seats.share(number)
                claims[number] += 1
            else:
                seats.release(number)
                claims[number] -= 1
                claims += Counter()  # removes numbers without a claim
        assert len(seats) == len(claims)


def test_a_free_seat_cannot_be_shared() -> None:
    with pytest.raises(KeyError):
        Seats().share(1)
