"""The ids that a client holds, as bytes: there and back, and nothing else is taken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameserver.errors import RemoteProtocolError
from gameserver.protocol.held import MAX_HELD_BYTES, decode_held, encode_held

ids = st.sets(st.integers(1, 300) | st.integers(1, 2**52), max_size=200)


@given(ids)
def test_there_and_back(held: set[int]) -> None:
    encoded = encode_held(held)
    assert encoded is not None
    assert decode_held(encoded) == held


@given(st.binary(max_size=40))
def test_any_other_bytes_are_refused(data: bytes) -> None:
    try:
        held = decode_held(data)
    except RemoteProtocolError:
        return
    assert encode_held(held) == data  # the one form of these ids


def test_the_form() -> None:
    assert encode_held([]) == b""
    assert encode_held([3, 1, 2]) == b"\x01\x01\x01"
    assert encode_held([1, 129, 128, 16_513]) == b"\x01\x7f\x01\x80\x80\x01"


def test_neighbours_cost_a_byte_each_and_too_many_are_not_told() -> None:
    full = encode_held(range(1, MAX_HELD_BYTES + 1))
    assert full is not None
    assert len(full) == MAX_HELD_BYTES
    assert len(decode_held(full)) == MAX_HELD_BYTES
    assert encode_held(range(1, MAX_HELD_BYTES + 2)) is None
    with pytest.raises(RemoteProtocolError, match="too long"):
        decode_held(full + b"\x01")


@pytest.mark.parametrize(
    "data",
    [b"\x00", b"\x01\x00", b"\x81\x00", b"\x81", b"\xff" * 8 + b"\x01", b"\xff" * 7 + b"\x7f"],
)
def test_what_is_not_their_form(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        decode_held(data)
