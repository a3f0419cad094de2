"""Frames that a client splits, beside wsproto's."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Message, Ping, TextMessage

from clients.frames import FrameScanner
from gameserver.errors import RemoteProtocolError

MOST = 1 << 17


def parts(message: bytes, fragments: int) -> list[BytesMessage]:
    cuts = [round(len(message) * n / fragments) for n in range(fragments + 1)]
    return [
        BytesMessage(message[a:b], message_finished=b is cuts[-1] and n == fragments - 1)
        for n, (a, b) in enumerate(pairwise(cuts))
    ]


EVENTS = st.one_of(
    st.tuples(st.binary(max_size=300), st.integers(1, 3)).map(lambda m: parts(*m)),
    st.binary(max_size=20).map(lambda payload: [Ping(payload)]),
    st.text(max_size=20).map(lambda text: [TextMessage(text)]),
)


@given(st.lists(EVENTS, max_size=8), st.data())
def test_binary_messages_are_taken_and_the_rest_is_foreign(
    groups: list[list[Message]], data: st.DataObject
) -> None:
    server, library = Connection(ConnectionType.SERVER), Connection(ConnectionType.CLIENT)
    events = [event for group in groups for event in group] + [CloseConnection(1000)]
    stream = b"".join(server.send(event) for event in events)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    scanner = FrameScanner(MOST)
    taken: list[bytes] = []
    for a, b in pairwise([0, *cuts, len(stream)]):
        messages, foreign = scanner.feed(stream[a:b])
        taken += messages
        library.receive_data(foreign)
    whole: list[bytes] = []
    rest = b""
    for event in events:
        if isinstance(event, BytesMessage):
            rest += event.data
            if event.message_finished:
                whole.append(rest)
                rest = b""
    assert taken == whole
    kinds = [type(event) for event in library.events()]
    assert BytesMessage not in kinds
    assert kinds.count(Ping) == sum(isinstance(event, Ping) for event in events)
    assert kinds[-1] is CloseConnection


@given(st.lists(st.binary(max_size=40), max_size=10))
def test_any_bytes_are_split_or_refused(chunks: list[bytes]) -> None:
    scanner = FrameScanner(MOST)
    try:
        for chunk in chunks:
            scanner.feed(chunk)
    except RemoteProtocolError:
        pass


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x82\x7f" + (1 << 30).to_bytes(8, "big"), "too long"),
        (
            b"\x02\x7e\xff\xff"
            + bytes(65535)
            + b"\x00\x7e\xff\xff"
            + bytes(65535)
            + b"\x00\x03abc",
            "too long",
        ),
        (b"\x02\x01a\x82\x01b", "within another"),
    ],
)
def test_what_a_server_may_not_send(data: bytes, why: str) -> None:
    with pytest.raises(RemoteProtocolError, match=why):
        FrameScanner(MOST).feed(data)


@pytest.mark.parametrize("wrong", [b"\x82\x81abcdx", b"\xc2\x01x"], ids=["masked", "reserved bit"])
def test_after_a_frame_that_breaks_the_rules_everything_is_foreign(wrong: bytes) -> None:
    assert FrameScanner(MOST).feed(wrong + b"\x82\x01y") == ([], wrong + b"\x82\x01y")
