"""Held seats are counted by address, and refused where an address has too many."""

from __future__ import annotations

import pytest

from gameserver.runtime.admission.hold_quota import HoldQuota


def test_one_address_has_a_bounded_number_of_held_seats() -> None:
    quota = HoldQuota(most=2)
    assert [quota.take("a") for _ in range(3)] == [True, True, False]
    assert quota.take("b")
    assert (len(quota), quota.held_by("a"), quota.held_by("c"), quota.refused) == (3, 2, 0, 1)
    quota.give_back("a")
    assert quota.take("a")
    for address in "aab":
        quota.give_back(address)
    assert (len(quota), quota.held_by("a")) == (0, 0)


def test_connections_that_are_not_counted_have_no_limit() -> None:
    quota = HoldQuota(most=1)
    assert all(quota.take(None) for _ in range(5))
    assert (len(quota), quota.refused) == (5, 0)


@pytest.mark.parametrize("address", ["a", None])
def test_a_closed_quota_refuses_without_counting(address: str | None) -> None:
    quota = HoldQuota(most=1)
    assert quota.take(address)
    quota.close()
    assert not quota.take(address)
    assert (len(quota), quota.refused) == (1, 0)
    quota.give_back(address)
    assert len(quota) == 0


def test_seats_of_a_recovered_room_count_in_a_closed_quota_too() -> None:
    quota = HoldQuota(most=1)
    quota.close()
    quota.add(None)
    assert len(quota) == 1
    quota.give_back(None)
    assert len(quota) == 0
