"""Addresses as limits count them, and whom a chain of proxies makes the client."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameserver.runtime.admission.addresses import (
    MAX_HOPS,
    UNKNOWN_SENDER,
    Sender,
    counted_as,
    forwarded_for,
    is_in,
    read_address,
)

#: On a busy machine an example may take long.
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
def test_which_addresses_are_counted_together(one: str, other: str, together: bool) -> None:
    keys = [counted_as(address) for text in (one, other) if (address := read_address(text))]
    assert len(keys) == 2
    assert (keys[0] == keys[1]) is together


def test_networks_of_the_other_kind_contain_nothing() -> None:
    assert is_in(ipaddress.ip_address("10.1.2.3"), PROXIES)
    assert is_in(ipaddress.ip_address("2001:db8:f::9"), PROXIES)
    assert not is_in(ipaddress.ip_address("11.1.2.3"), PROXIES)
    assert not is_in(ipaddress.ip_address("::10.1.2.3"), PROXIES)


@pytest.mark.parametrize(
    ("headers", "client", "malformed"),
    [
        ([b"192.0.2.1"], "192.0.2.1", False),
        ([b"6.6.6.6, 192.0.2.1"], "192.0.2.1", False),  # made up by the client
        ([b"6.6.6.6", b"192.0.2.1"], "192.0.2.1", False),  # two headers are one list
        ([b"192.0.2.1, 10.0.0.2"], "192.0.2.1", False),  # two listed proxies
        ([b"6.6.6.6,192.0.2.1, 10.0.0.2,10.3.0.1"], "192.0.2.1", False),
        ([b"[2001:db8::7]:99"], "2001:db8::7", False),
        ([b"garbage, 192.0.2.1"], "192.0.2.1", False),  # never looked at
        # Nobody knows.
        ([], None, False),
        ([b"10.0.0.7"], None, False),  # all are proxies
        ([b"unknown"], None, True),
        ([b"192.0.2.1, unknown"], None, True),
        ([b""], None, True),
        ([b"192.0.2.1, \xff\x00, 10.0.0.2"], None, True),
        # A loopback address is that of the proxy's machine, not of ours.
        ([b"127.0.0.1"], None, False),
        ([b"192.0.2.1, ::1"], None, False),
        ([b"::ffff:127.0.0.1"], None, False),
    ],
)
def test_the_client_is_the_right_most_that_is_no_proxy(
    headers: list[bytes], client: str | None, malformed: bool
) -> None:
    address = None if client is None else ipaddress.ip_address(client)
    assert forwarded_for(headers, PROXIES) == Sender(address, malformed)


def test_a_loopback_proxy_that_is_listed_may_stand_behind_another() -> None:
    proxies = [*PROXIES, ipaddress.ip_network("127.0.0.0/8")]
    sender = forwarded_for([b"192.0.2.1, 127.0.0.1"], proxies)
    assert sender == Sender(ipaddress.ip_address("192.0.2.1"))


def test_a_chain_of_proxies_ends_somewhere() -> None:
    header = b", ".join([b"192.0.2.1"] + [b"10.0.0.2"] * MAX_HOPS)
    assert forwarded_for([header], PROXIES) == UNKNOWN_SENDER


@given(st.lists(st.binary(max_size=60), max_size=4))
def test_any_header_makes_no_proxy_and_not_this_machine_the_client(headers: list[bytes]) -> None:
    address = forwarded_for(headers, PROXIES).address
    assert address is None or not (address.is_loopback or is_in(address, PROXIES))
