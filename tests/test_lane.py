"""The lane in, with wsproto as the judge: whatever the bytes and however they are split, the
session sees the same messages in the same order, and the same error where there is one."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage
from wsproto.utilities import RemoteProtocolError

from gameserver.protocol.fast_path import FastPathScanner
from gameserver.protocol.wire import MAX_CLIENT_MESSAGE_BYTES


def frame(
    payload: bytes,
    first: int = 0x82,
    *,
    mask: bytes | None = b"\x12\x34\x56\x78",
    length_bytes: int | None = None,
) -> bytes:
    """Build any frame, right or wrong; ``length_bytes`` 0, 2 or 8 (None: the shortest)."""
    length = len(payload)
    if length_bytes is None:
        length_bytes = 0 if length < 126 else 2 if length < 65536 else 8
    code = {0: length, 2: 126, 8: 127}[length_bytes]
    head = bytes([first, code | (0x80 if mask is not None else 0)])
    head += length.to_bytes(length_bytes, "big") if length_bytes else b""
    if mask is None:
        return head + payload
    return head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload))


def an_open_scanner() -> FastPathScanner:
    scanner = FastPathScanner()
    scanner.open = True
    return scanner


class Receiver:
    """wsproto, and the order in which its messages would reach a session."""

    def __init__(self) -> None:
        self.connection = Connection(ConnectionType.SERVER)
        self.seen: list[Any] = []
        self.over = False
        self._pieces: list[Any] = []

    def feed(self, data: bytes) -> int:
        """Return how many data messages ``data`` completed."""
        if self.over:
            return 0
        messages = 0
        try:
            self.connection.receive_data(data)
            for event in self.connection.events():
                messages += self._note(event)
        except RemoteProtocolError:
            self.seen.append("error")
            self.over = True
        return messages

    def _note(self, event: Event) -> int:
        if isinstance(event, (BytesMessage, TextMessage)):
            self._pieces.append(event.data)
            if event.message_finished:
                self.seen.append(self._pieces[0][:0].join(self._pieces))
                self._pieces = []
                return 1
        elif isinstance(event, Ping):
            self.seen.append(("ping", bytes(event.payload)))
        elif isinstance(event, CloseConnection):
            self.seen.append(("close", event.code))
            self.over = True
        return 0


def messages_only(seen: list[Any]) -> list[Any]:
    return [item for item in seen if isinstance(item, (str, bytes))]


small = st.one_of(st.binary(max_size=20), st.sampled_from([125, 126, 127, 300, 4096]).map(bytes))
masks = st.binary(min_size=4, max_size=4)
plain = st.builds(frame, small, mask=masks)
fragmented = st.lists(
    st.tuples(st.binary(max_size=9), st.sampled_from([b"", frame(b"hi", 0x89), frame(b"", 0x8A)])),
    min_size=2,
    max_size=4,
).map(
    lambda parts: b"".join(
        between + frame(part, (0x02 if i == 0 else 0x00) | (0x80 if i == len(parts) - 1 else 0))
        for i, (part, between) in enumerate(parts)
    )
)
foreign = st.one_of(
    st.builds(frame, st.binary(max_size=125), st.just(0x89), mask=masks),
    st.builds(frame, st.text(max_size=20).map(str.encode), st.just(0x81), mask=masks),
    st.just(frame(bytes(MAX_CLIENT_MESSAGE_BYTES + 1))),
    st.just(frame(bytes(65536))),
    fragmented,
)
pongs = st.builds(frame, st.binary(max_size=125), st.just(0x8A), mask=masks)
broken = st.one_of(
    st.builds(frame, st.just(b"abc"), st.sampled_from([0xC2, 0xA2, 0x92, 0x83, 0x8F, 0x80, 0x09])),
    st.builds(frame, st.binary(max_size=200), mask=st.none()),
    st.builds(frame, st.binary(max_size=125), length_bytes=st.just(2)),
    st.builds(frame, st.binary(max_size=300), length_bytes=st.just(8)),
    st.builds(frame, st.binary(min_size=126, max_size=200), st.just(0x8A)),
    st.builds(frame, st.just(b"\x03\xe8"), st.just(0x88)),
    st.binary(max_size=30),
)
streams = st.lists(st.one_of(plain, plain, plain, foreign, pongs, broken), max_size=8).map(b"".join)


@settings(max_examples=300)
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
        # What the lane hands out in one go came before what it then made foreign.
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
