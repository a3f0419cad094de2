"""Move tickets and seals: signed by a secret of the cluster, or worth nothing."""

from __future__ import annotations

import attrs
import pytest

from gameserver.cluster.directory.listings import NodeListing
from gameserver.runtime.membership.seals import is_sealed, sealed
from gameserver.runtime.membership.tickets import VALID_S, MoveTickets
from gameserver.signing import Signing

OLD, NEW = ["o" * 32], ["n" * 32, "o" * 32]


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_a_ticket_says_what_it_is_for() -> None:
    tickets = MoveTickets(lambda: OLD, Clock())
    text = tickets.issue("b", "arena/x", life="life", identity="ann")
    read = MoveTickets(lambda: NEW, Clock()).read(text)
    assert read is not None
    assert (read.node, read.room, read.life, read.identity) == ("b", "arena/x", "life", "ann")
    assert read.expires_s == 1000.0 + VALID_S
    again = tickets.read(tickets.issue("b", "arena/x"))
    assert again is not None
    assert (again.life, again.identity) == (None, None)
    assert again.id != read.id


def test_a_ticket_expires_but_is_known_still() -> None:
    clock = Clock()
    tickets = MoveTickets(lambda: OLD, clock)
    text = tickets.issue("b", "arena/x")
    clock.now_s += VALID_S + 0.1
    assert tickets.read(text) is None
    assert tickets.content(text) is not None


@pytest.mark.parametrize(
    "payload",
    [None, [], ["a"] * 6, [1, "n", "r", None, None, 1.0], ["i", "n", "r", 1, None, 1.0], {}],
)
def test_another_text_that_the_secret_signed_is_no_ticket(payload: object) -> None:
    text = Signing(OLD, "gameserver.move-ticket.v1").sign(payload)
    assert MoveTickets(lambda: OLD).content(text) is None


def test_a_ticket_of_another_secret_is_none() -> None:
    text = MoveTickets(lambda: ["x" * 32]).issue("b", "arena/x")
    tickets = MoveTickets(lambda: NEW)
    assert tickets.content(text) is None
    assert tickets.content(None) is None
    assert tickets.content("") is None


def test_a_seal_is_of_one_node_at_one_address() -> None:
    listing = NodeListing(node="a", host="h", url="wss://a.example")
    made = sealed(listing, OLD)
    assert is_sealed(made, NEW)
    assert is_sealed(attrs.evolve(made, draining=True), OLD)
    for changed in ({"url": "wss://evil.example"}, {"node": "b"}, {"seal": ""}, {"seal": "x.y"}):
        assert not is_sealed(attrs.evolve(made, **changed), OLD)
    assert not is_sealed(made, ["x" * 32])
