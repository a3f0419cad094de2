"""Frames of a client, right and wrong, and wsproto as the judge of what is in them."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, TextMessage
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
