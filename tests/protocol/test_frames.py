"""gameserver/protocol/frames.py, with wsproto as the judge of what a frame is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping

from gameserver.protocol.frames import (
    binary_frame,
    binary_frame_header,
    close_frame,
    masked_frame,
    ping_frame,
)

LENGTHS = [0, 1, 2, 3, 4, 5, 124, 125, 126, 127, 128, 4095, 4096, 4097, 65535, 65536, 70000]


# ---------------------------------------------------------------- frames of a server


@pytest.mark.parametrize("length", LENGTHS)
def test_frames_are_those_of_wsproto(length: int) -> None:
    payload = bytes(i % 251 for i in range(length))
    expected = Connection(ConnectionType.SERVER).send(BytesMessage(payload))
    assert binary_frame(payload) == expected
    assert binary_frame_header(length) == expected[: len(expected) - length]


def test_header_of_more_than_memory_holds() -> None:
    assert binary_frame_header(2**40).hex() == "827f" + "0000010000000000"


@pytest.mark.parametrize("length", [0, 8, 125])
def test_pings_are_those_of_wsproto(length: int) -> None:
    payload = bytes(range(length))
    assert ping_frame(payload) == Connection(ConnectionType.SERVER).send(Ping(payload))


@pytest.mark.parametrize("reason", ["", "kicked", "ü" * 61, "x" * 123])
def test_closes_are_those_of_wsproto(reason: str) -> None:
    expected = Connection(ConnectionType.SERVER).send(CloseConnection(code=4010, reason=reason))
    assert close_frame(4010, reason) == expected


def test_a_reason_that_is_too_long_is_cut_off() -> None:
    assert close_frame(1002, "ü" * 100) == close_frame(1002, "ü" * 61)


# ---------------------------------------------------------------- frames of a client


@given(
    st.binary(max_size=200) | st.sampled_from([bytes(126), bytes(1 << 16)]),
    st.just(bytes(4)) | st.binary(min_size=4, max_size=4),
)
def test_a_server_reads_a_masked_frame(payload: bytes, mask: bytes) -> None:
    server = Connection(ConnectionType.SERVER)
    server.receive_data(masked_frame(payload, mask))
    assert (
        b"".join(bytes(event.data) for event in server.events() if isinstance(event, BytesMessage))
        == payload
    )
