"""Parties as plain values between nodes."""

from __future__ import annotations

from typing import Any

import pytest

from gameserver.runtime.rooms.party import Guest, Party, WrongParty

PARTY = Party("arena/x", (Guest("ann", {"size": 2}), Guest()), {"size": 2}, {"mode": "RANKED"})


def test_a_party_is_the_same_after_plain_values() -> None:
    assert Party.from_plain(PARTY.to_plain()) == PARTY


@pytest.mark.parametrize("guest", [None, "ann", ["ann"], ["ann", None, None], [1, None], ["a", []]])
def test_a_guest_of_another_form_is_no_party(guest: Any) -> None:
    plain = PARTY.to_plain()
    plain[1] = [guest]
    with pytest.raises(WrongParty):
        Party.from_plain(plain)
