"""Addresses as limits count them, and whom a chain of proxies makes the client."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gameserver.runtime.addresses import (
    MAX_HOPS,
    Sender,
    counted_as,
    forwarded_for,
    is_in,
    read_address,
)

#: On a busy machine an example may take long.
calm = settings(deadline=None)

PROXIES = [ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("2001:db8:f::/48")]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        (" 192.0.2.1:8080 ", "192.0.2.1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("[::ffff:192.0.2.1]:80", "192.0.2.1"),
    ],
)
def test_every_way_to_write_an_address(text: str, address: str) -> None:
    assert str(read_address(text)) == address


@pytest.mark.parametrize(
    "text", ["", "unknown", "_hidden", "192.0.2.256", "192.0.2.1:x", "[::1", "::1]", "1" * 9000]
)
def test_what_is_no_address(text: str) -> None:
    assert read_address(text) is None


@calm
@given(st.text())
def test_any_text_is_an_address_or_none(text: str) -> None:
    read_address(text)


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
    ],
)
def test_who_is_counted_together(one: str, other: str, together: bool) -> None:
    keys = [counted_as(address) for text in (one, other) if (address := read_address(text))]
    assert len(keys) == 2
    assert (keys[0] == keys[1]) is together


def test_networks_of_the_other_kind_contain_nothing() -> None:
    assert is_in(ipaddress.ip_address("10.1.2.3"), PROXIES)
    assert is_in(ipaddress.ip_address("2001:db8:f::9"), PROXIES)
    assert not is_in(ipaddress.ip_address("11.1.2.3"), PROXIES)
    assert not is_in(ipaddress.ip_address("::10.1.2.3"), PROXIES)


@pytest.mark.parametrize(
    ("over", "headers", "client", "malformed"),
    [
        ("10.0.0.1", [b"192.0.2.1"], "192.0.2.1", False),
        ("10.0.0.1", [b"6.6.6.6, 192.0.2.1"], "192.0.2.1", False),  # made up by the client
        ("10.0.0.1", [b"6.6.6.6", b"192.0.2.1"], "192.0.2.1", False),  # two headers are one list
        ("10.0.0.1", [b"192.0.2.1, 10.0.0.2"], "192.0.2.1", False),  # two listed proxies
        ("10.0.0.1", [b"6.6.6.6,192.0.2.1, 10.0.0.2,10.3.0.1"], "192.0.2.1", False),
        ("2001:db8:f::1", [b"[2001:db8::7]:99"], "2001:db8::7", False),
        ("10.0.0.1", [], "10.0.0.1", False),
        ("10.0.0.1", [b"10.0.0.7"], "10.0.0.7", False),  # all are proxies: the first of them
        ("10.0.0.1", [b"garbage"], "10.0.0.1", True),
        ("10.0.0.1", [b""], "10.0.0.1", True),
        ("10.0.0.1", [b"192.0.2.1, \xff\x00, 10.0.0.2"], "10.0.0.2", True),
        ("10.0.0.1", [b"garbage, 192.0.2.1"], "192.0.2.1", False),  # never looked at
        ("192.0.2.9", [b"6.6.6.6"], "192.0.2.9", False),  # no listed proxy says so
    ],
)
def test_the_client_is_the_right_most_that_is_no_proxy(
    over: str, headers: list[bytes], client: str, malformed: bool
) -> None:
    sender = forwarded_for(ipaddress.ip_address(over), headers, PROXIES)
    assert sender == Sender(ipaddress.ip_address(client), malformed)


def test_a_chain_of_proxies_ends_somewhere() -> None:
    header = b", ".join([b"192.0.2.1"] + [b"10.0.0.2"] * MAX_HOPS)
    sender = forwarded_for(ipaddress.ip_address("10.0.0.1"), [header], PROXIES)
    assert sender.address == ipaddress.ip_address("10.0.0.2")


@calm
@given(st.lists(st.binary(max_size=60), max_size=4))
def test_any_header_makes_someone_the_client(headers: list[bytes]) -> None:
    forwarded_for(ipaddress.ip_address("10.0.0.1"), headers, PROXIES)
    over = ipaddress.ip_address("192.0.2.9")
    assert forwarded_for(over, headers, PROXIES) == Sender(over)
