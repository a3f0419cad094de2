"""gameserver/protocol/frames.py, with wsproto as the judge of what a frame is."""

from __future__ import annotations

import pytest
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, Ping

from gameserver.protocol.frames import binary_frame, binary_frame_header, ping_frame

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
