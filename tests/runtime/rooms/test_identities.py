"""The index of where identities play."""

from __future__ import annotations

from gameserver.runtime.rooms.identities import Identities


def test_an_identity_is_found_in_all_its_rooms_and_forgotten_with_the_last() -> None:
    identities = Identities()
    identities.add("ann", "arena/2")
    identities.add("ann", "arena/1")
    identities.add("bob", "arena/1")
    assert list(identities.labels("ann")) == ["arena/2", "arena/1"]
    identities.remove("ann", "arena/2")
    assert list(identities.labels("ann")) == ["arena/1"]
    identities.remove("ann", "arena/1")
    identities.remove("bob", "arena/1")
    assert list(identities.labels("ann")) == list(identities.labels("carl")) == []
    assert len(identities) == 0, "nothing grows with players who are gone"
