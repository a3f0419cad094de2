"""gameserver/protocol/frames.py, with wsproto as the judge of what a frame is."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event
from wsproto.frame_protocol import FrameProtocol, Opcode

from gameserver.protocol.frames import binary_frame, binary_frame_header, scan_client_frames
from gameserver.protocol.wire import MAX_CLIENT_MESSAGE_BYTES

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


# ---------------------------------------------------------------- frames of a client


def frame(
    payload: bytes,
    *,
    first: int = 0x82,
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


plain = st.builds(
    frame,
    st.one_of(st.binary(max_size=20), st.sampled_from([125, 126, 127, 300, 4096]).map(bytes)),
    mask=st.binary(min_size=4, max_size=4),
)
#: Ping, pong, text, the first and last piece of a fragmented message, too large, a close.
foreign = st.one_of(
    st.builds(frame, st.binary(max_size=125), first=st.sampled_from([0x89, 0x8A])),
    st.builds(frame, st.text(max_size=20).map(str.encode), first=st.just(0x81)),
    st.binary(max_size=9).map(lambda b: frame(b, first=0x02) + frame(b, first=0x80)),
    st.just(frame(bytes(4097))),
    st.just(frame(bytes(65536))),
)
#: RSV bits, unknown opcode, no mask, a length that is not in its shortest form.
broken = st.one_of(
    st.builds(frame, st.just(b"abc"), first=st.sampled_from([0xC2, 0xA2, 0x92, 0x83, 0x8F])),
    st.builds(frame, st.binary(max_size=200), mask=st.none()),
    st.builds(frame, st.binary(max_size=125), length_bytes=st.just(2)),
    st.builds(frame, st.binary(max_size=300), length_bytes=st.just(8)),
)


def test_empty_buffer() -> None:
    assert scan_client_frames(b"") == ([], 0, False)


@pytest.mark.parametrize("length", [n for n in LENGTHS if n <= MAX_CLIENT_MESSAGE_BYTES])
@pytest.mark.parametrize("make", [bytes, bytearray, memoryview])
def test_one_frame(length: int, make: type) -> None:
    payload = bytes(i % 251 for i in range(length))
    raw = frame(payload)
    payloads, consumed, partial = scan_client_frames(make(raw))
    assert (payloads, consumed, partial) == ([payload], len(raw), False)
    assert type(payloads[0]) is bytes


@pytest.mark.parametrize("length", [0, 3, 125, 126, 300, 4096])
def test_every_beginning_of_a_frame_is_partial(length: int) -> None:
    raw = frame(bytes(length))
    for end in range(1, len(raw)):
        assert scan_client_frames(raw[:end]) == ([], 0, True)


def test_start() -> None:
    raw = b"\x89\x00" + frame(b"one") + frame(b"two") + b"\x82"
    assert scan_client_frames(raw, 2) == ([b"one", b"two"], len(raw) - 3, True)
    assert scan_client_frames(raw, len(raw)) == ([], 0, False)
    assert scan_client_frames(raw) == ([], 0, False)


@given(st.lists(plain, max_size=4), st.one_of(foreign, broken), st.lists(plain, max_size=2))
def test_stops_before_anything_else(before: list[bytes], other: bytes, after: list[bytes]) -> None:
    raw = b"".join((*before, other, *after))
    payloads, consumed, partial = scan_client_frames(raw)
    assert len(payloads) == len(before)
    assert consumed == sum(map(len, before))
    assert not partial


@pytest.mark.parametrize(
    "raw",
    [
        frame(b"", mask=None)[:2],
        frame(bytes(200), mask=None)[:2],
        frame(bytes(125), length_bytes=2)[:4],
        frame(bytes(4097))[:4],
        frame(bytes(65536))[:2],
        frame(b"", first=0x02)[:1],
        frame(b"", first=0x81)[:1],
    ],
)
def test_what_is_already_foreign_is_not_waited_for(raw: bytes) -> None:
    assert scan_client_frames(raw) == ([], 0, False)


def events_of(chunks: list[bytes]) -> list[Event]:
    """Return what wsproto makes of ``chunks``, up to and with a close or a frame error."""
    connection = Connection(ConnectionType.SERVER)
    found: list[Event] = []
    for chunk in chunks:
        connection.receive_data(chunk)
        for event in connection.events():
            found.append(event)
            if isinstance(event, CloseConnection):
                return found
    return found


def whole_messages(events: list[Event]) -> list[tuple[str, object]]:
    """Join the pieces in which wsproto hands out messages; pings and the like as they are."""
    made: list[tuple[str, object]] = []
    pieces: list[bytes] = []
    for event in events:
        if not isinstance(event, BytesMessage):
            made.append((type(event).__name__, repr(event)))
            continue
        pieces.append(bytes(event.data))
        if event.message_finished:
            made.append(("bytes", b"".join(pieces)))
            pieces = []
    return made


def split(raw: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(c % (len(raw) + 1) for c in cuts), len(raw)]
    return [raw[a:b] for a, b in itertools.pairwise(edges)]


@given(
    frames=st.lists(st.one_of(plain, plain, foreign, broken), max_size=8),
    cuts=st.lists(st.integers(0, 100_000), max_size=8),
)
def test_with_the_scanner_in_front_wsproto_sees_the_same(
    frames: list[bytes], cuts: list[int]
) -> None:
    """Bytes come in any split; plain frames are taken out until the first foreign one."""
    chunks = split(b"".join(frames), cuts)
    expected = events_of(chunks)

    buffer = bytearray()
    payloads: list[bytes] = []
    rest: list[bytes] = []
    for chunk in chunks:
        if rest:
            rest.append(chunk)
            continue
        buffer += chunk
        found, consumed, partial = scan_client_frames(buffer)
        payloads += found
        del buffer[:consumed]
        if buffer and not partial:
            rest.append(bytes(buffer))
    if not rest:
        rest = [bytes(buffer)]

    theirs = [("bytes", p) for p in payloads] + whole_messages(events_of(rest))
    assert theirs == whole_messages(expected)


@given(st.binary(max_size=300), st.integers(0, 20))
def test_any_bytes(raw: bytes, start: int) -> None:
    start = min(start, len(raw))
    payloads, consumed, partial = scan_client_frames(raw, start)
    assert 0 <= consumed <= len(raw) - start
    assert all(len(p) <= MAX_CLIENT_MESSAGE_BYTES for p in payloads)
    if consumed == len(raw) - start:
        assert not partial
    again = scan_client_frames(raw, start + consumed)
    assert again == ([], 0, partial)


def test_the_frames_built_here_are_those_of_wsproto() -> None:
    """Else the tests above would agree on something that is no WebSocket."""
    protocol = FrameProtocol(client=False, extensions=[])
    protocol.receive_bytes(frame(b"hello"))
    (received,) = protocol.received_frames()
    assert received.opcode is Opcode.BINARY
    assert received.payload == b"hello"
