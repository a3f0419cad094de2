"""The lane in, with wsproto as the judge: whatever the bytes and however they are split, the
session sees the same messages in the same order, and the same error where there is one."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from wsproto.connection import Connection, ConnectionType
from wsproto.events import Pong

from gameserver.protocol.fast_path import FastPathScanner
from gameserver.protocol.wire import MAX_CLIENT_MESSAGE_BYTES
from tests.support.examples import examples
from tests.support.websocket_frames import (
    Receiver,
    an_open_scanner,
    frame,
    messages_only,
    plain,
    pongs,
    streams,
)


@settings(max_examples=examples(150))
@given(
    stream=streams,
    splits=st.lists(st.integers(0, 400), max_size=12),
    delays=st.lists(st.integers(0, 3), max_size=12),
)
def test_messages_are_the_same_in_the_same_order(
    stream: bytes, splits: list[int], delays: list[int]
) -> None:
    alone = Receiver()
    alone.feed(stream)
    scanner, behind = an_open_scanner(), Receiver()
    seen: list[Any] = []
    taken = 0
    waiting = 0
    at = 0
    for i in range(len(splits) + 1):
        until = at + splits[i] if i < len(splits) else len(stream)
        payloads, _, rest = scanner.feed(stream[at:until])
        at = max(at, min(until, len(stream)))
        # Messages of one call came before the bytes that it then left to trio-websocket.
        seen += payloads
        waiting += behind.feed(rest)
        # The session takes messages when it gets round to it.
        for _ in range(delays[i] if i < len(delays) else waiting):
            if waiting:
                seen.append(messages_only(behind.seen)[taken])
                taken += 1
                waiting -= 1
                scanner.outstanding -= 1
    seen += messages_only(behind.seen)[taken:]
    assert seen == messages_only(alone.seen)
    others = [item for item in behind.seen if not isinstance(item, (str, bytes))]
    assert others == [item for item in alone.seen if not isinstance(item, (str, bytes))]


@given(st.lists(pongs, max_size=4), st.lists(plain, max_size=4))
def test_pongs_are_handed_out(first: list[bytes], second: list[bytes]) -> None:
    scanner = FastPathScanner()
    _, heard, rest = scanner.feed(b"".join(first))
    assert len(heard) == len(first)
    assert rest == b""
    events = Connection(ConnectionType.SERVER)
    events.receive_data(b"".join(first))
    assert heard == [bytes(e.payload) for e in events.events() if isinstance(e, Pong)]


def test_a_closed_lane_hands_all_messages_on_and_counts_them() -> None:
    scanner = FastPathScanner()
    data = frame(b"hello") + frame(b"world")
    assert scanner.feed(data) == ([], [], data)
    assert scanner.outstanding == 2
    scanner.open = True
    assert scanner.feed(frame(b"a")) == ([], [], frame(b"a")), "two are still on their way"
    scanner.outstanding -= 3
    assert scanner.feed(frame(b"b")) == ([b"b"], [], b"")


@pytest.mark.parametrize("length", [0, 3, 125, 126, 300, MAX_CLIENT_MESSAGE_BYTES])
def test_a_frame_in_single_bytes(length: int) -> None:
    scanner = an_open_scanner()
    payload = bytes(i % 251 for i in range(length))
    for byte in frame(payload)[:-1]:
        assert scanner.feed(bytes([byte])) == ([], [], b"")
    assert scanner.feed(frame(payload)[-1:]) == ([payload], [], b"")


def test_what_is_held_is_bounded() -> None:
    scanner = an_open_scanner()
    scanner.feed(frame(bytes(MAX_CLIENT_MESSAGE_BYTES))[:-1])
    assert len(scanner._held) < MAX_CLIENT_MESSAGE_BYTES + 8
    scanner = an_open_scanner()
    big = frame(bytes(MAX_CLIENT_MESSAGE_BYTES + 1))
    assert scanner.feed(big[:2000]) == ([], [], big[:2000])


@pytest.mark.parametrize(
    "error",
    [
        frame(b"x", 0xC2),
        frame(b"x", 0x83),
        frame(b"x", mask=None),
        frame(b"x", 0x80),
        frame(b"x", 0x09),
        frame(bytes(126), 0x8A),
        frame(bytes(126), 0x89),
        frame(b"x", length_bytes=2),
        frame(bytes(126), length_bytes=8),
        frame(b"x", 0x81, length_bytes=2),
        b"\x82\xff" + b"\xff" * 12,
        frame(b"a", 0x01) + frame(b"b", 0x81),
        frame(b"\x03\xe8", 0x88),
    ],
)
def test_after_an_error_all_is_handed_on(error: bytes) -> None:
    scanner = an_open_scanner()
    wrong = error + frame(b"plain")
    assert scanner.feed(wrong) == ([], [], wrong)
    assert scanner.feed(frame(b"y")) == ([], [], frame(b"y"))


@pytest.mark.parametrize("wrong", [b"\x82\xfe\x00\x01", b"\x81\xff" + bytes(8), b"\x89\xfe"])
def test_a_wrong_length_is_handed_on_before_its_mask_is_here(wrong: bytes) -> None:
    scanner = an_open_scanner()
    assert scanner.feed(wrong) == ([], [], wrong)
