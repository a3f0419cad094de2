"""The receive buffer: where received bytes go, and what floods it; see also test_fast_path.py."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from gameserver.errors import LocalProtocolError
from gameserver.protocol.allowance import Intake
from gameserver.protocol.fast_path import MAX_FRAGMENTS
from gameserver.runtime.net.receive_buffer import ReceiveBuffer
from tests.support.websocket_frames import frame


def test_before_frames_are_followed_all_bytes_are_unread() -> None:
    receive_buffer = ReceiveBuffer()
    receive_buffer.take_in(b"GET / HTTP/1.1")
    receive_buffer.take_in(frame(b"x"))
    assert receive_buffer.take(3) == b"GET"
    assert receive_buffer.take(1000) == b" / HTTP/1.1" + frame(b"x")
    assert receive_buffer.take(1000) == b""
    assert receive_buffer.bytes_in == 14 + len(frame(b"x"))


def test_the_fast_path_is_opened_and_closed() -> None:
    receive_buffer = ReceiveBuffer()
    messages: list[bytes] = []
    pongs: list[bytes] = []
    with pytest.raises(LocalProtocolError):
        receive_buffer.open_fast_path(messages.append, pongs.append)
    receive_buffer.follow_frames()
    receive_buffer.take_in(frame(b"hello"))
    assert receive_buffer.take(1000) == frame(b"hello")
    receive_buffer.message_taken()
    receive_buffer.open_fast_path(messages.append, pongs.append)
    receive_buffer.take_in(frame(b"one") + frame(b"p", 0x8A))
    assert (messages, pongs, receive_buffer.unread) == ([b"one"], [b"p"], b"")
    receive_buffer.close_fast_path()
    receive_buffer.take_in(frame(b"two") + frame(b"q", 0x8A))
    assert (messages, pongs, receive_buffer.unread) == ([b"one"], [b"p"], frame(b"two"))


def test_empty_bytes_mean_the_end() -> None:
    receive_buffer = ReceiveBuffer()
    receive_buffer.take_in(b"last")
    receive_buffer.take_in(b"")
    assert receive_buffer.ended
    assert receive_buffer.take(10) == b"last"


def test_a_message_in_too_many_fragments_is_a_flood() -> None:
    receive_buffer = ReceiveBuffer()
    receive_buffer.follow_frames()
    calls: list[str] = []
    receive_buffer.on_flood = lambda: calls.append("flood")
    receive_buffer.take_in(frame(b"", 0x02) + frame(b"", 0x00) * (MAX_FRAGMENTS - 1))
    assert not receive_buffer.flooded
    receive_buffer.take_in(frame(b"", 0x00))
    assert receive_buffer.flooded
    assert receive_buffer.unread == b""
    receive_buffer.take_in(frame(b"more"))
    assert receive_buffer.unread == b""
    assert calls == ["flood"]


KINDS = {
    "messages": frame(b"x"),
    "pongs": frame(b"", 0x8A),
    "pings": frame(b"", 0x89),
    "texts": frame(b"x", 0x81),
    "empty fragments": frame(b"", 0x02) + frame(b"", 0x80),
    "long messages": frame(bytes(4000)),
    "long pings": frame(bytes(125), 0x89),
}


@pytest.mark.parametrize("name", KINDS)
async def test_a_peer_that_sends_more_than_allowed_floods(
    name: str, autojump_clock: trio.testing.MockClock
) -> None:
    """As many as are allowed, for a minute, and then too many at once."""
    receive_buffer = ReceiveBuffer()
    receive_buffer.follow_frames()
    messages: list[bytes] = []
    receive_buffer.open_fast_path(messages.append, messages.append)
    calls: list[str] = []
    receive_buffer.limit(Intake(), lambda: calls.append("flood"))
    sent = KINDS[name]
    frames = 2 if name == "empty fragments" else 1
    fit = min(Intake().frames_per_s / frames, Intake().bytes_per_s / len(sent))
    for _ in range(60):
        receive_buffer.take_in(sent * int(fit))
        receive_buffer.take(1 << 20)
        await trio.sleep(1)
    assert not receive_buffer.flooded
    assert calls == []
    before = len(messages)
    burst = min(Intake().frames_burst / frames, Intake().bytes_burst / len(sent))
    receive_buffer.take_in(sent * int(burst + fit))
    assert receive_buffer.flooded
    assert calls == ["flood"]
    assert len(messages) == before, "no message of the flood was handed out"
    assert receive_buffer.unread == b""


async def test_without_limits_nothing_is_a_flood() -> None:
    receive_buffer = ReceiveBuffer()
    receive_buffer.follow_frames()
    receive_buffer.take_in(frame(b"", 0x89) * 100_000)
    assert not receive_buffer.flooded
