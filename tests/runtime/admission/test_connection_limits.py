"""Admission: the counting alone; see also ``test_connection_limits_sockets.py``."""

from __future__ import annotations

import ipaddress
from collections import deque
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gameserver.config import Settings
from gameserver.errors import JoinRefused
from gameserver.runtime.admission import connection_limits as module
from gameserver.runtime.admission.addresses import UNKNOWN_SENDER, Sender
from gameserver.runtime.admission.connection_limits import (
    LONGEST_WAIT_S,
    REQUEST_COST,
    ConnectionLimits,
    Peer,
    Reason,
    Stage,
)
from tests.support.code_blocks import PAGES_FOLDER
from tests.support.examples import examples

PROXY = ipaddress.ip_network("10.0.0.0/8")


def made(**changes: Any) -> ConnectionLimits:
    return ConnectionLimits(Settings(**{"trusted": (), "connects_per_s": 1000.0, **changes}))


def let_in(
    connection_limits: ConnectionLimits, host: str = "192.0.2.1", now_s: float = 0.0
) -> Peer:
    peer = connection_limits.admit(host, 1234, now_s)
    assert isinstance(peer, Peer), peer
    return peer


def by(address: str) -> Sender:
    return Sender(ipaddress.ip_address(address))


# ---------------------------------------------------------------- the counting


def test_a_peer_has_a_name_an_address_and_a_deadline() -> None:
    connection_limits = made(hello_deadline_s=5.0)
    peer = let_in(connection_limits, "::ffff:192.0.2.1", 100.0)
    assert (peer.name, peer.counted_as) == ("[::ffff:192.0.2.1]:1234", "192.0.2.1")
    assert peer.deadline_s == 105.0


def test_connections_in_all() -> None:
    connection_limits = made(max_connections=2)
    first, second = let_in(connection_limits, "192.0.2.1"), let_in(connection_limits, "192.0.2.2")
    first.joined()
    second.joined()
    assert connection_limits.admit("192.0.2.3", 1, 0.0) is Reason.CONNECTIONS
    first.leave()
    let_in(connection_limits, "192.0.2.3")
    assert connection_limits.turned_away == {Reason.CONNECTIONS: 1}
    assert set(connection_limits._addresses) == {"192.0.2.2", "192.0.2.3"}


def test_connections_that_have_not_joined_are_capped() -> None:
    connection_limits = made(max_joining=2)
    first, second = let_in(connection_limits, "192.0.2.1"), let_in(connection_limits, "192.0.2.2")
    first.greeted()
    second.greeted()
    assert connection_limits.admit("192.0.2.3", 1, 0.0) is Reason.JOINING
    first.joined()
    first.joined()
    third = let_in(connection_limits, "192.0.2.3")
    third.greeted()
    assert connection_limits.admit("192.0.2.4", 1, 0.0) is Reason.JOINING
    second.leave()  # without ever joining
    let_in(connection_limits, "192.0.2.4")
    first.leave()
    assert (connection_limits.connections, connection_limits.joining) == (2, 2)


# ---------------------------------------------------------------- eviction


def evictable(
    connection_limits: ConnectionLimits, evicted: list[str], number: int, now_s: float = 0.0
) -> Peer:
    """Let in a connection of an address of its own that tells of its eviction."""
    address = f"192.0.2.{number}"
    peer = let_in(connection_limits, address, now_s)
    peer.evict = lambda: evicted.append(address)
    return peer


@pytest.mark.parametrize("cap", ["max_joining", "max_connections"])
def test_the_oldest_that_has_not_said_hello_makes_room(cap: str) -> None:
    connection_limits = made(**{cap: 4})
    evicted: list[str] = []
    peers = [evictable(connection_limits, evicted, number) for number in range(4)]
    peers[0].greeted()
    peers[1].answered()
    for number in range(4, 8):
        evictable(connection_limits, evicted, number)
        assert (connection_limits.connections, connection_limits.joining) == (4, 4)
    assert evicted == ["192.0.2.2", "192.0.2.3", "192.0.2.1", "192.0.2.4"]
    assert connection_limits.turned_away == {Reason.EVICTED: 4}


def test_whoever_is_over_its_own_cap_evicts_nobody() -> None:
    connection_limits = made(max_joining=2, max_connections_per_address=1)
    evicted: list[str] = []
    evictable(connection_limits, evicted, 1)
    evictable(connection_limits, evicted, 2)
    for _ in range(10):
        assert connection_limits.admit("192.0.2.2", 1, 0.0) is Reason.ADDRESS
    assert evicted == []


def test_an_evicted_connection_counts_nowhere_whatever_it_still_does() -> None:
    connection_limits = made(max_joining=1, proxies=(PROXY,))
    peer = let_in(connection_limits, "10.0.0.1")
    let_in(connection_limits, "192.0.2.2")
    peer.answered()
    assert connection_limits.identify(peer, by("192.0.2.1"), 0.0) is None
    assert connection_limits.let_ask(peer, 0.0) is None
    peer.greeted()
    peer.joined()
    peer.leave()
    assert (connection_limits.connections, connection_limits.joining) == (1, 1)
    assert set(connection_limits._addresses) == {"192.0.2.2"}
    let_in(connection_limits, "192.0.2.3")
    assert connection_limits.turned_away == {Reason.EVICTED: 2}


def test_clients_that_may_come_back_to_a_held_seat_are_evicted_last() -> None:
    held = {"192.0.2.0": 1, "192.0.2.9": 2}
    settings = Settings(trusted=(), proxies=(PROXY,), max_joining=4, connects_per_s=1e6)
    connection_limits = ConnectionLimits(settings, held_by=lambda address: held.get(address, 0))
    evicted: list[str] = []
    evictable(connection_limits, evicted, 0)
    by_proxy = let_in(connection_limits, "10.0.0.1")
    by_proxy.evict = lambda: evicted.append("by proxy")
    connection_limits.identify(by_proxy, by("192.0.2.9"), 0.0)
    evictable(connection_limits, evicted, 0)  # more than it has held seats
    evictable(connection_limits, evicted, 1)
    for number in range(2, 5):
        evictable(connection_limits, evicted, number)
    assert evicted == ["192.0.2.0", "192.0.2.1", "192.0.2.2"]
    assert set(connection_limits._addresses) == {f"192.0.2.{number}" for number in (0, 9, 3, 4)}


def test_half_sent_heads_from_forty_addresses_keep_no_newcomer_out() -> None:
    """Each within its limits; newcomers need a second from connecting to their hello."""
    connection_limits = ConnectionLimits(Settings(trusted=()))
    hello_deadline_s, per_address_per_s, hello_after_s = 5.0, 17, 1.0
    opened: deque[tuple[float, Peer]] = deque()
    newcomers: deque[tuple[float, Peer]] = deque()
    joined = 0
    for step in range(20 * per_address_per_s):
        now_s = step / per_address_per_s
        while opened and opened[0][0] <= now_s - hello_deadline_s:
            opened.popleft()[1].leave()
        for number in range(40):
            peer = connection_limits.admit(f"198.51.100.{number}", 1, now_s)
            if isinstance(peer, Peer):
                opened.append((now_s, peer))
        newcomer = connection_limits.admit(f"192.0.2.{step % 250}", 1, now_s)
        assert isinstance(newcomer, Peer), f"turned away at {now_s:.1f} s: {newcomer}"
        newcomers.append((now_s, newcomer))
        while newcomers and newcomers[0][0] <= now_s - hello_after_s:
            _, newcomer = newcomers.popleft()
            assert newcomer.stage is Stage.OPENING, f"evicted before {now_s:.1f} s"
            newcomer.joined()
            joined += 1
    assert joined == 19 * per_address_per_s
    assert connection_limits.turned_away[Reason.EVICTED] > 1000
    assert connection_limits.turned_away[Reason.JOINING] == 0


@pytest.mark.parametrize(
    ("same", "another"),
    [("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8:0:1::1")],
)
def test_connections_of_one_address(same: str, another: str) -> None:
    connection_limits = made(max_connections_per_address=2)
    first = let_in(connection_limits, same)
    let_in(connection_limits, same)
    assert connection_limits.admit(same, 1, 0.0) is Reason.ADDRESS
    let_in(connection_limits, another)
    first.leave()
    let_in(connection_limits, same, 1.0)


def test_a_whole_64_is_one_customer_and_mapped_addresses_are_what_they_map() -> None:
    connection_limits = made(max_connections_per_address=1)
    let_in(connection_limits, "2001:db8::1")
    assert connection_limits.admit("2001:db8::ffff:1", 1, 0.0) is Reason.ADDRESS
    let_in(connection_limits, "192.0.2.1")
    assert connection_limits.admit("::ffff:192.0.2.1", 1, 0.0) is Reason.ADDRESS


def test_haste_of_one_address_is_remembered_after_it_left() -> None:
    connection_limits = made(max_connections_per_address=3, connects_per_s=0.5)
    for _ in range(3):
        let_in(connection_limits).leave()
    assert connection_limits.admit("192.0.2.1", 1, 0.0) is Reason.HASTE
    let_in(connection_limits, "192.0.2.2")
    assert connection_limits.admit("192.0.2.1", 1, 1.9) is Reason.HASTE
    let_in(connection_limits, "192.0.2.1", 2.0)


def test_further_requests_are_paid_for_as_connections_are() -> None:
    connection_limits = made(max_connections_per_address=4, connects_per_s=0.5)
    one, two = let_in(connection_limits), let_in(connection_limits)
    assert connection_limits.let_ask(one, 0.0) is None  # connecting has paid for the first one
    assert connection_limits.let_ask(two, 0.0) is None
    for peer in (one, two) * round(1 / REQUEST_COST):
        assert connection_limits.let_ask(peer, 0.0) is None
    assert connection_limits.let_ask(one, 0.0) is Reason.HASTE
    assert connection_limits.admit("192.0.2.1", 1, 0.0) is Reason.HASTE
    another = let_in(connection_limits, "192.0.2.2")
    assert connection_limits.let_ask(another, 0.0) is None
    assert connection_limits.let_ask(another, 0.0) is None
    earned_s = REQUEST_COST / 0.5
    assert connection_limits.let_ask(two, 0.8 * earned_s) is Reason.HASTE
    assert connection_limits.let_ask(two, earned_s) is None
    assert connection_limits.turned_away == {Reason.HASTE: 3}


def test_a_new_connection_does_not_bring_back_what_requests_have_spent() -> None:
    connection_limits = made(max_connections_per_address=3, connects_per_s=0.5)
    peer = let_in(connection_limits)
    for _ in range(1 + round(2 / REQUEST_COST)):
        assert connection_limits.let_ask(peer, 0.0) is None
    peer.leave()
    assert connection_limits.admit("192.0.2.1", 1, 0.0) is Reason.HASTE


def test_addresses_that_are_not_counted_ask_as_they_like() -> None:
    limits = {"max_connections_per_address": 1, "connects_per_s": 0.001}
    connection_limits = made(trusted=(PROXY,), **limits)
    peer = let_in(connection_limits, "10.0.0.1")
    assert [connection_limits.let_ask(peer, 0.0) for _ in range(10)] == [None] * 10
    connection_limits = made(proxies=(PROXY,), **limits)
    health_check = let_in(connection_limits, "10.0.0.1")
    assert [connection_limits.let_ask(health_check, 0.0) for _ in range(10)] == [None] * 10
    assert connection_limits.turned_away == {}


def test_each_request_by_a_proxy_is_paid_for_once_by_whose_it_is() -> None:
    connection_limits = made(proxies=(PROXY,), max_connections_per_address=1, connects_per_s=0.001)
    peer = let_in(connection_limits, "10.0.0.1")
    # One connection for the requests of two clients: each may make so many.
    for client in (1, 1, 2, 1, 2, 2, 1, 2) * round(1 / REQUEST_COST / 4):
        assert connection_limits.identify(peer, by(f"192.0.2.{client}"), 0.0) is None
        assert connection_limits.let_ask(peer, 0.0) is None
    assert connection_limits.let_ask(peer, 0.0) is Reason.HASTE
    assert connection_limits.identify(peer, by("192.0.2.1"), 0.0) is Reason.HASTE


def test_no_more_addresses_are_remembered_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_REMEMBERED_ADDRESSES", 10)
    connection_limits = made()
    for number in range(50):
        let_in(connection_limits, f"192.0.2.{number}").leave()
    assert list(connection_limits._remembered) == [f"192.0.2.{number}" for number in range(40, 50)]
    assert connection_limits._addresses == {}


def test_trusted_addresses_are_only_counted_in_all() -> None:
    connection_limits = made(trusted=(PROXY,), max_connections_per_address=1, max_connections=3)
    peers = [let_in(connection_limits, "10.0.0.1") for _ in range(3)]
    assert [peer.counted_as for peer in peers] == [None] * 3
    for peer in peers:
        peer.joined()
    assert connection_limits.admit("10.0.0.1", 1, 0.0) is Reason.CONNECTIONS


def test_a_client_behind_a_proxy_is_counted_by_its_own_address() -> None:
    connection_limits = made(proxies=(PROXY,), max_connections_per_address=1)
    one, two, three = (let_in(connection_limits, "10.0.0.1") for _ in range(3))
    assert connection_limits.identify(one, by("192.0.2.1"), 0.0) is None
    assert one.name == "192.0.2.1 via 10.0.0.1"
    assert connection_limits.identify(two, by("192.0.2.1"), 0.0) is Reason.ADDRESS
    assert connection_limits.identify(three, by("192.0.2.2"), 0.0) is None
    # The proxy uses the same connection for a request of another client.
    assert connection_limits.identify(three, by("192.0.2.3"), 0.0) is None
    assert (one.counted_as, two.counted_as, three.counted_as) == ("192.0.2.1", None, "192.0.2.3")
    for peer in (one, two, three):
        peer.leave()
    assert (connection_limits.connections, connection_limits._addresses) == (0, {})


def test_what_a_proxy_should_not_send_is_counted() -> None:
    connection_limits = made(proxies=(PROXY,))
    peer = let_in(connection_limits, "10.0.0.1")
    assert connection_limits.identify(peer, Sender(None, malformed=True), 0.0) is None
    assert connection_limits.malformed_forwards == 1


def test_all_unknown_clients_behind_a_proxy_are_one() -> None:
    limits = {"max_connections_per_address": 2, "connects_per_s": 0.001}
    connection_limits = made(proxies=(PROXY,), **limits)
    peers = [let_in(connection_limits, "10.0.0.1") for _ in range(3)]
    found = [connection_limits.identify(peer, UNKNOWN_SENDER, 0.0) for peer in peers]
    assert found == [None, None, Reason.ADDRESS]
    assert [peer.counted_as for peer in peers] == ["unknown via 10.0.0.1"] * 2 + [None]
    assert (peers[0].name, peers[0].address) == ("unknown via 10.0.0.1", None)
    # Each request is paid for, by all of them together.
    asked = [
        connection_limits.let_ask(peers[n % 2], 0.0) for n in range(round(2 / REQUEST_COST) + 1)
    ]
    assert asked == [None] * (len(asked) - 1) + [Reason.HASTE]
    # Those behind another proxy are others.
    other = let_in(connection_limits, "10.0.0.2")
    assert connection_limits.identify(other, UNKNOWN_SENDER, 0.0) is None
    # A client that says who it is counts for itself again.
    assert connection_limits.identify(peers[0], by("192.0.2.1"), 0.0) is None
    assert peers[0].counted_as == "192.0.2.1"
    for peer in (*peers, other):
        peer.leave()
    assert (connection_limits.connections, connection_limits._addresses) == (0, {})


def test_joins_a_second_and_when_to_come_again() -> None:
    connection_limits = made(joins_per_s=2.0)
    assert [connection_limits.let_join(10.0) for _ in range(2)] == [0.0, 0.5]  # one after the other
    waits = []
    for _ in range(3):
        with pytest.raises(JoinRefused) as refusal:
            connection_limits.let_join(10.0)
        assert refusal.value.code == 4005
        waits.append(refusal.value.retry_after_s)
    assert waits == [1.5, 2.0, 2.5]  # not all at once
    assert connection_limits.let_join(10.5) == 0.5
    assert connection_limits.let_join(20.0) == 0.0
    assert connection_limits.turned_away == {Reason.JOINS: 3}


def test_a_returning_client_is_let_in_before_newcomers() -> None:
    connection_limits = made(joins_per_s=2.0)
    for _ in range(50):
        with suppress(JoinRefused):
            connection_limits.let_join(10.0)
    assert connection_limits.let_join(10.0, returning=True) == 0.0
    with pytest.raises(JoinRefused) as refusal:
        connection_limits.let_join(10.0, returning=True)
    # In a line of their own: a seat is not held for as long as newcomers may have to wait.
    assert refusal.value.retry_after_s == 1.5
    # All of them together are no more than without anybody who comes back.
    came = []
    for step in range(100):
        for returning in (False, True):
            with suppress(JoinRefused):
                connection_limits.let_join(11.0 + step / 10, returning=returning)
                came.append(returning)
    assert came.count(False) <= 1
    assert len(came) == pytest.approx(2.0 * 11, abs=1)


def test_nobody_is_told_to_wait_for_long() -> None:
    connection_limits = made(joins_per_s=1.0)
    connection_limits.let_join(0.0)
    for _ in range(200):
        with pytest.raises(JoinRefused) as refusal:
            connection_limits.let_join(0.0)
        assert 0 < (refusal.value.retry_after_s or 0) <= LONGEST_WAIT_S + 1


DEEDS = st.lists(
    st.tuples(
        st.sampled_from(["admit", "greet", "join", "identify", "ask", "answer", "leave"]),
        st.integers(0, 7),
        st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1", "10.0.0.1"]),
    ),
    max_size=60,
)


@settings(max_examples=examples(200))
@given(DEEDS)
def test_counts_are_what_is_there_whatever_happens(deeds: list[tuple[str, int, str]]) -> None:
    limits = {"max_connections": 6, "max_joining": 4, "max_connections_per_address": 2}
    connection_limits = ConnectionLimits(
        Settings(trusted=(), proxies=(PROXY,), connects_per_s=1000.0, **limits),  # type: ignore[arg-type]
        held_by=lambda address: int(address == "192.0.2.1"),
    )
    inside: list[Peer] = []
    for step, (deed, which, address) in enumerate(deeds):
        if deed == "admit":
            if isinstance(peer := connection_limits.admit(address, 1, float(step)), Peer):
                peer.evict = partial(inside.remove, peer)
                inside.append(peer)
        elif inside:
            peer = inside[which % len(inside)]
            if deed == "join":
                peer.joined()
            elif deed == "greet":
                peer.greeted()
            elif deed == "answer":
                peer.answered()
            elif deed == "identify":
                connection_limits.identify(peer, by(address), float(step))
            elif deed == "ask":
                assert connection_limits.let_ask(peer, float(step)) is None
            else:
                inside.remove(peer)
                peer.leave()
        assert connection_limits.connections == len(inside) <= 6
        assert (
            connection_limits.joining == sum(peer.stage is not Stage.JOINED for peer in inside) <= 4
        )
        opening = {peer for peer in inside if peer.stage is Stage.OPENING}
        assert {*connection_limits._opening._new, *connection_limits._opening._returning} == opening
        counted = [peer.counted_as for peer in inside if peer.counted_as]
        assert {k: a.connections for k, a in connection_limits._addresses.items()} == {
            key: counted.count(key) for key in counted
        }
        assert all(counted.count(key) <= 2 for key in counted)


def test_the_documentation_names_every_reason() -> None:
    text = (PAGES_FOLDER / "topics" / "security.md").read_text()
    told = text.partition("\n## What is counted\n")[2].partition("\n## ")[0]
    assert [reason for reason in Reason if f"`{reason}`" not in told] == []
