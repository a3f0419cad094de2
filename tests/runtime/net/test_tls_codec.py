"""TLS by records: what a turn does at most, whatever a peer sends, and that nothing is lost."""

from __future__ import annotations

import itertools
import ssl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gameserver.runtime.net.tls_codec import (
    HANDSHAKE_RECORDS,
    HEADER_BYTES,
    RECORDS_PER_TURN,
    TlsCodec,
    record_bytes,
)
from tests.support.examples import examples
from tests.support.sockets import server_tls
from tests.support.tls_codecs import forged, pair
from tests.support.tls_records import ForgedTls

MANY = 100
ALL = 2**16


def turns_of(server: TlsCodec, max_bytes: int = ALL) -> list[bytes]:
    """The plaintext of each turn until nothing is left to do."""
    turns = []
    while server.ready:
        turns.append(server.decrypt(max_bytes))
    return turns


# Records that bring no data


@pytest.mark.parametrize("requested", [False, True])
def test_key_updates_are_a_few_a_turn(requested):
    server, client = forged()
    server.feed(client.key_updates(MANY, requested=requested))
    for turn in range(1, MANY // RECORDS_PER_TURN + 1):
        assert server.decrypt(ALL) == b""
        assert server.idle_records == turn * RECORDS_PER_TURN
    server.feed(client.data(b"and on it goes"))
    assert turns_of(server)[-1] == b"and on it goes"
    assert server.encrypt(b"answer")
    assert client.decrypt(server.take_ciphertext()) == b"answer"


def test_renegotiations_are_a_few_a_turn_and_refused():
    server, client = forged(ssl.TLSVersion.TLSv1_2)
    server.feed(client.renegotiations(MANY) + client.data(b"and on it goes"))
    assert server.decrypt(ALL) == b""
    assert server.idle_records == RECORDS_PER_TURN
    assert b"".join(turns_of(server)) == b"and on it goes"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_empty_records_are_a_few_a_turn(version):
    server, client = forged(version)
    server.feed(client.empties(MANY))
    assert server.decrypt(ALL) == b"x"
    assert server.idle_records == RECORDS_PER_TURN - 1
    assert len(b"".join(turns_of(server))) == 3


def test_warnings_are_counted_until_openssl_has_had_enough():
    server, client = forged(ssl.TLSVersion.TLSv1_2)
    server.feed(client.warnings(MANY))
    with pytest.raises(ssl.SSLError, match="TOO_MANY_WARN_ALERTS"):
        server.decrypt(ALL)
    assert server.idle_records == 4


def test_a_handshake_of_endless_records_fails():
    client = ForgedTls(ssl.TLSVersion.TLSv1_3)
    hello = client.shake_hands(b"")
    message = hello[HEADER_BYTES:]
    crumbs = [hello[:3] + b"\0\x01" + message[i : i + 1] for i in range(len(message))]
    server = TlsCodec(server_tls())
    server.feed(b"".join(crumbs))
    for _ in range(HANDSHAKE_RECORDS // RECORDS_PER_TURN):
        assert not server.shake_hands()
    with pytest.raises(ssl.SSLError, match="too many records"):
        server.shake_hands()


# Records that do


@settings(max_examples=examples(60))
@given(
    st.lists(st.binary(min_size=1, max_size=3000), max_size=30),
    st.lists(st.integers(1, 3000), min_size=1),
    st.lists(st.integers(1, 2000), min_size=1),
)
def test_all_data_comes_out_however_it_is_cut(contents, cuts, reads):
    server, client = pair()
    sent = b""
    for content in contents:
        assert client.encrypt(content) == len(content)
        sent += client.take_ciphertext()
    got, cut, read = b"", itertools.cycle(cuts), itertools.cycle(reads)
    while sent or server.ready:
        if not server.ready:
            size = next(cut)
            server.feed(sent[:size])
            sent = sent[size:]
        most_bytes = next(read)
        data = server.decrypt(most_bytes)
        assert len(data) <= most_bytes
        got += data
    assert got == b"".join(contents)
    assert server.idle_records == 0


def test_data_before_a_fault_is_delivered():
    server, client = pair()
    client.encrypt(b"good")
    server.feed(client.take_ciphertext() + b"\x17\x03\x03\x00\x20" + bytes(32))
    assert server.decrypt(ALL) == b"good"
    assert server.ready
    for _ in range(2):
        with pytest.raises(ssl.SSLError):
            server.decrypt(ALL)
    assert server.has_ciphertext  # an alert that says why


def test_a_close_notify_ends_it_after_the_data():
    server, client = pair()
    client.encrypt(b"last")
    client.end()
    server.feed(client.take_ciphertext())
    assert server.decrypt(ALL) == b"last"
    assert server.ended
    assert not server.ready


def test_it_encrypts_one_record_at_a_time():
    server, client = pair()
    big = bytes(40_000)
    assert server.encrypt(big) == 2**14
    client.feed(server.take_ciphertext())
    assert len(b"".join(turns_of(client))) == 2**14


# The length of a record


@pytest.mark.parametrize(
    ("data", "length"),
    [
        (b"", 0),
        (b"\x16\x03\x01\x00", 0),
        (b"\x16\x03\x01\x00\x05", 10),
        (b"\x17\x03\x03\x00\x05" + bytes(50), 10),
        (b"\x17\x03\x03\x41\x40", 5 + 16704),
        (b"\x17\x03\x03\x41\x41", 5),
        (b"GET / HTTP", 10),
        (b"\x16\x02\x01\x00\x05", 5),
    ],
)
def test_how_long_a_record_is(data, length):
    assert record_bytes(data) == length
