"""gameserver/protocol/wire.py: values and arrays as msgpack."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameserver.errors import LocalProtocolError
from gameserver.protocol.wire import array_header, pack, pack_float64
from tests.support.message_strategies import values


def test_floats() -> None:
    assert pack([1.5]) == b"\x91\xca" + struct.pack(">f", 1.5)
    assert pack_float64([1.5]) == b"\x91\xcb" + struct.pack(">d", 1.5)


def test_a_float_beyond_float32_is_our_error() -> None:
    with pytest.raises(LocalProtocolError):
        pack([1e39])


@pytest.mark.parametrize("packer", [pack, pack_float64])
@pytest.mark.parametrize("wrong", [object(), 2**64, -(2**63) - 1, "\ud800", [[{1, 2}]]])
def test_what_cannot_be_packed_is_our_error_and_leaves_no_trace(packer: Any, wrong: Any) -> None:
    with pytest.raises(LocalProtocolError):
        packer([1, 2, wrong])
    assert packer([1, True]) == b"\x92\x01\xc3"


@given(st.lists(values, max_size=20))
def test_parts_join_to_an_array(parts: list[Any]) -> None:
    assert array_header(len(parts)) + b"".join(map(pack, parts)) == pack(parts)


@pytest.mark.parametrize("count", [0, 15, 16, 65535, 65536])
def test_array_header(count: int) -> None:
    assert array_header(count) + bytes(count) == pack([0] * count)
