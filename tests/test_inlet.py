"""What arrives on a connection, and who gets it; the scanner itself is tested in test_lane.py."""

from __future__ import annotations

import pytest
from test_lane import frame

from gameserver.errors import LocalProtocolError
from gameserver.protocol.lane import MAX_FRAGMENTS
from gameserver.runtime.inlet import Inlet


def test_before_frames_are_followed_all_is_to_be_read() -> None:
    inlet = Inlet()
    inlet.take_in(b"GET / HTTP/1.1")
    inlet.take_in(frame(b"x"))
    assert inlet.take(3) == b"GET"
    assert inlet.take(1000) == b" / HTTP/1.1" + frame(b"x")
    assert inlet.take(1000) == b""
    assert inlet.bytes_in == 14 + len(frame(b"x"))


def test_a_lane_is_opened_and_closed() -> None:
    inlet = Inlet()
    messages: list[bytes] = []
    pongs: list[bytes] = []
    with pytest.raises(LocalProtocolError):
        inlet.open_lane(messages.append, pongs.append)
    inlet.follow_frames()
    inlet.take_in(frame(b"hello"))
    assert inlet.take(1000) == frame(b"hello")
    inlet.message_taken()
    inlet.open_lane(messages.append, pongs.append)
    inlet.take_in(frame(b"one") + frame(b"p", 0x8A))
    assert (messages, pongs, inlet.unread) == ([b"one"], [b"p"], b"")
    inlet.close_lane()
    inlet.take_in(frame(b"two") + frame(b"q", 0x8A))
    assert (messages, pongs, inlet.unread) == ([b"one"], [b"p"], frame(b"two"))


def test_nothing_received_is_the_end() -> None:
    inlet = Inlet()
    inlet.take_in(b"last")
    inlet.take_in(b"")
    assert inlet.ended
    assert inlet.take(10) == b"last"


def test_a_shredded_message_is_noticed() -> None:
    inlet = Inlet()
    inlet.follow_frames()
    inlet.take_in(frame(b"", 0x02) + frame(b"", 0x00) * (MAX_FRAGMENTS - 1))
    assert not inlet.shredded
    inlet.take_in(frame(b"", 0x00))
    assert inlet.shredded
