"""gameserver/protocol's messages: round trips, refusals, and the promise about any bytes."""

from __future__ import annotations

import contextlib
import json
import math
import struct
from typing import Any

import attrs
import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gameserver.errors import RemoteProtocolError
from gameserver.protocol import messages
from gameserver.protocol.messages import (
    MAX_CHECKSUM,
    MAX_CLIENT_MESSAGE_BYTES,
    MAX_NONCE,
    MAX_SEQ,
    MAX_SERVER_MESSAGE_BYTES,
    VERSION,
    Ack,
    Check,
    ClientMessage,
    CommandMessage,
    Hello,
    Kind,
    Moved,
    Pong,
    Resync,
    ServerMessage,
    Status,
    Welcome,
    decode_from_client,
    decode_from_server,
    pack,
    pack_float64,
)
from gameserver.protocol.wire import MAX_ELEMENTS, MAX_NESTING, MAX_SERVER_ELEMENTS, MAX_TEXT_BYTES
from tests.support.examples import examples
from tests.support.message_strategies import (
    INT_LIMIT,
    client_messages,
    leaves,
    sections,
    server_messages,
)
from tests.support.paths import VECTORS

MALFORMED = json.loads((VECTORS / "malformed.json").read_text())


def identical(a: object, b: object) -> bool:
    """Equal, and of the same types throughout: 1, 1.0 and True are different."""
    return repr(a) == repr(b)


def refuses(data: bytes, decode: Any = decode_from_client) -> str:
    with pytest.raises(RemoteProtocolError) as caught:
        decode(data)
    assert str(caught.value)
    return str(caught.value)


def settle(data: bytes) -> None:
    """Decode ``data`` as either side's; anything but a message or a refusal fails the test."""
    for decode in (decode_from_client, decode_from_server):
        with contextlib.suppress(RemoteProtocolError):
            decode(data)


# ---------------------------------------------------------------- round trips


@given(client_messages)
def test_client_messages_round_trip(message: ClientMessage) -> None:
    assert identical(decode_from_client(message.encode()), message)


@given(server_messages)
def test_server_messages_round_trip(message: ServerMessage) -> None:
    decoded = decode_from_server(message.encode())
    if isinstance(message, Welcome):  # its floats are steps: float 64
        assert decoded == message
    else:
        assert identical(decoded, message)


@settings(max_examples=examples(30))
@given(server_messages, sections)
def test_appended_elements_of_a_server_are_ignored(message: ServerMessage, more: list[Any]) -> None:
    array = msgpack.unpackb(message.encode()) + more
    assert decode_from_server(msgpack.packb(array)) == message


@settings(max_examples=examples(30))
@given(client_messages.filter(lambda m: not isinstance(m, CommandMessage)), leaves)
def test_client_messages_are_exact(message: ClientMessage, more: Any) -> None:
    array = msgpack.unpackb(message.encode())
    refuses(msgpack.packb([*array, more]))
    if not isinstance(message, Resync):
        refuses(msgpack.packb(array[:-1]))


@settings(max_examples=examples(30))
@given(server_messages, st.data())
def test_missing_elements_of_a_server_are_not(message: ServerMessage, data: st.DataObject) -> None:
    array = msgpack.unpackb(message.encode())
    fewest = {Status: 7, Moved: 4}.get(type(message), len(array))
    refuses(msgpack.packb(array[: data.draw(st.integers(0, fewest - 1))]), decode_from_server)


def test_a_moved_of_an_older_server_sends_nobody_again() -> None:
    older = decode_from_server(msgpack.packb([Kind.MOVED, "ws://a", "duel", "t"]))
    assert older == Moved("ws://a", "duel", "t", 0)
    refuses(msgpack.packb([Kind.MOVED, "ws://a", "duel", "t", 2]), decode_from_server)
    refuses(msgpack.packb([Kind.MOVED, "ws://a", "duel", "t", True]), decode_from_server)


def test_a_status_of_an_older_server_leaves_the_rest_unknown() -> None:
    older = decode_from_server(msgpack.packb([Kind.STATUS, 1, 2, 3, 4, 5, 6]))
    assert older == Status(1, 2, 3, 4, 5, 6)
    newer = decode_from_server(msgpack.packb([Kind.STATUS, *range(1, 16)]))
    assert newer == Status(*range(1, 15))
    refuses(msgpack.packb([Kind.STATUS, 1, 2, 3, 4, 5, 6, -1]), decode_from_server)
    refuses(msgpack.packb([Kind.STATUS, 1, 2, 3, 4, 5, None]), decode_from_server)


def test_neither_side_takes_the_others_messages() -> None:
    refuses(Check(1, 2).encode())
    refuses(Ack(1).encode(), decode_from_server)


def test_messages_have_slots() -> None:
    for name in messages.__all__:
        cls = getattr(messages, name)
        if isinstance(cls, type) and attrs.has(cls):
            assert "__dict__" not in dir(cls), name


# ---------------------------------------------------------------- any bytes


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    settle(data)


#: Mostly the first bytes of msgpack values, so that structures and not only integers come.
msgpackish = st.lists(
    st.sampled_from(sorted({*range(0x80, 0xA8), *range(0xC0, 0xE0), 0, 1, 2, 5, 17, 18, 0xFF})),
    max_size=40,
).map(bytes)


@given(st.integers(0, 7) | st.integers(16, 25), st.integers(1, 11), msgpackish)
def test_any_msgpack_like_bytes(kind: int, length: int, rest: bytes) -> None:
    data = bytes([0x90 | length, kind]) + rest
    settle(data)


def _mutate(data: bytes, at: int, how: int, byte: int) -> bytes:
    at %= len(data)
    return (
        data[:at] + bytes([byte]) + data[at + 1 :],
        data[:at] + bytes([byte]) + data[at:],
        data[:at] + data[at + 1 :],
        data[:at],
        data[:at] + data,
    )[how]


mutations = st.tuples(st.integers(0, 500), st.integers(0, 4), st.integers(0, 255))


@given(client_messages | server_messages, st.lists(mutations, min_size=1, max_size=3))
def test_mutated_messages(
    message: ClientMessage | ServerMessage, changes: list[tuple[int, int, int]]
) -> None:
    data = message.encode()
    for change in changes:
        data = _mutate(data or b"\x90", *change)
    settle(data)


@pytest.mark.parametrize("data", [bytes.fromhex(h) for h in MALFORMED], ids=range(len(MALFORMED)))
def test_malformed_corpus(data: bytes) -> None:
    refuses(data)
    settle(data)


def test_bombs_of_a_server() -> None:
    refuses(b"\x91" * 100_000, decode_from_server)
    # A thousand arrays inside one another that together declare two gigabytes of room.
    refuses(struct.pack(">BI", 0xDD, MAX_SERVER_ELEMENTS) * 1000, decode_from_server)
    refuses(struct.pack(">BI", 0xDD, MAX_SERVER_ELEMENTS + 1), decode_from_server)
    refuses(struct.pack(">BI", 0xDF, 2**32 - 1), decode_from_server)
    assert "too long" in refuses(bytes(MAX_SERVER_MESSAGE_BYTES + 1), decode_from_server)
    refuses(b"\x94\x12\xc7\x00\x05", decode_from_server)


def test_types_that_look_alike_are_no_kinds() -> None:
    for kind in (True, 6.0, "6", b"\x06", None, [6], {"6": 6}):
        assert "kind" in refuses(pack([kind]))
        assert "kind" in refuses(pack([kind]), decode_from_server)


# ---------------------------------------------------------------- limits of a client's values


def command(*of: Any) -> bytes:
    data: bytes = msgpack.packb([Kind.COMMAND, 1, 0, 0, 0, 0, *of])
    return data


def nested(depth: int, innermost: Any) -> Any:
    for level in range(depth):
        innermost = {"a": innermost} if level % 3 == 2 else [innermost]
    return innermost


WRONG: dict[str, Any] = {
    "2^52 + 1": INT_LIMIT + 1,
    "-2^52 - 1": -INT_LIMIT - 1,
    "2^64 - 1": 2**64 - 1,
    "-2^63": -(2**63),
    "nan": math.nan,
    "inf": math.inf,
    "-inf": -math.inf,
    "long str": "a" * (MAX_TEXT_BYTES + 1),
    "long str of two-byte characters": "é" * (MAX_TEXT_BYTES // 2 + 1),
    "long bytes": bytes(MAX_TEXT_BYTES + 1),
    "long array": [0] * (MAX_ELEMENTS + 1),
    "long map": {str(i): i for i in range(MAX_ELEMENTS + 1)},
    "empty ext": msgpack.ExtType(5, b""),
    "ext": msgpack.ExtType(5, b"abc"),
    "timestamp": msgpack.Timestamp(1, 2),
    "int key": {1: 1},
    "bytes key": {b"a": 1},
    "nil key": {None: 1},
    "bool key": {True: 1},
    "long key": {"a" * (MAX_TEXT_BYTES + 1): 1},
}
RIGHT: dict[str, Any] = {
    "2^52": INT_LIMIT,
    "-2^52": -INT_LIMIT,
    "largest float": 1.7976931348623157e308,
    "str": "a" * MAX_TEXT_BYTES,
    "bytes": bytes(MAX_TEXT_BYTES),
    "array": [0] * MAX_ELEMENTS,
    "map": {str(i): i for i in range(MAX_ELEMENTS)},
}


@pytest.mark.parametrize("depth", range(MAX_NESTING))
@pytest.mark.parametrize("name", WRONG)
def test_limits_hold_at_every_depth(name: str, depth: int) -> None:
    refuses(command(nested(depth, WRONG[name])))
    refuses(command(0, nested(depth, [0, WRONG[name], 0])))


#: The message is one level, and the value may be another.
@pytest.mark.parametrize("depth", range(MAX_NESTING - 1))
@pytest.mark.parametrize("name", RIGHT)
def test_what_is_just_within_the_limits_is_taken(name: str, depth: int) -> None:
    value = RIGHT[name]
    decoded = decode_from_client(command(nested(depth, value)))
    assert isinstance(decoded, CommandMessage)
    assert identical(decoded.values, [nested(depth, value)])


def test_nesting_counts_the_message_itself() -> None:
    decode_from_client(command(nested(MAX_NESTING - 1, 7)))
    assert "deep" in refuses(command(nested(MAX_NESTING, 7)))
    assert "deep" in refuses(command(nested(MAX_NESTING - 1, [])))


def test_a_doubled_key_hides_nothing() -> None:
    head = command()[1:]
    doubled = b"\x82\xa1a\xca\x7f\xc0\x00\x00\xa1a\x02"
    assert "twice" in refuses(b"\x97" + head + doubled)
    assert "finite" in refuses(b"\x97" + head + doubled.replace(b"\xa1a\x02", b"\xa1b\x02"))


def test_longest_message() -> None:
    longest = command("a" * 2045, "b" * (MAX_CLIENT_MESSAGE_BYTES - 2045 - 7 - 6))
    assert len(longest) == MAX_CLIENT_MESSAGE_BYTES
    decode_from_client(longest)
    assert "too long" in refuses(command("a" * 2046, "b" * (4096 - 2045 - 6 - 6)))


def test_integers_in_a_longer_form_than_needed_are_taken() -> None:
    """Senders must use the shortest form; nothing depends on it at the receiver."""
    assert decode_from_client(bytes.fromhex("92 03 cf 0000000000000005")) == Ack(5)


# ---------------------------------------------------------------- single fields


def test_only_the_version_of_a_hello_of_another_version_is_read() -> None:
    blank = Hello(1, None, "", "", None)
    assert decode_from_client(pack([1, 1])) == blank
    assert decode_from_client(pack([1, 1, ["anything"], 0, 0, 0, 0, 0, 0])) == blank
    assert decode_from_client(pack([1, 0])) == attrs.evolve(blank, version=0)
    refuses(pack([1, VERSION]))


def test_a_hello_may_carry_names_that_are_refused_later() -> None:
    """They have close codes of their own: 4004 and 4006 rather than 4000."""
    hello = Hello(2, None, "no such room!", "x" * 2000, None)
    assert decode_from_client(hello.encode()) == hello


GOOD_SERVER: dict[str, list[Any]] = {
    "welcome": [17, "a/b", 1, 0, 0, 30, [[], [], []], "t", {"message_bytes": 4096}, True, 7],
    "delta": [18, 1, 0, None, None, [], [], [], [], [[0, 1]]],
    "pong": [19, 1, 2.0, 3.5],
    "status": [20, 1, 2, 3, 4, 5, 6],
    "said": [21, 1, "a", "b"],
    "check": [22, 1, 2],
    "moved": [23, "ws://a", "b/c", "t"],
    "bye": [24, 4000, "why", None],
}
#: (message, position, values that may not stand there)
WRONG_SERVER: list[tuple[str, int, list[Any]]] = [
    ("welcome", 1, [None, 1, b"a/b"]),
    ("welcome", 2, [0, -1, True, None, 1.0]),
    ("welcome", 3, [-1, None, False]),
    ("welcome", 4, [-1, 0.0, True]),
    ("welcome", 5, [0, -1, math.inf, math.nan, True, "30", None]),
    ("welcome", 6, [None, {}, "schema"]),
    ("welcome", 7, [None, 5]),
    ("welcome", 8, [None, [], {"message_bytes": None}, {"a": True}, {"a": 1.0}, {"a": 2**60}]),
    ("welcome", 9, [None, 0, 1]),
    ("welcome", 10, [None, -1, True, MAX_SEQ + 1]),
    ("delta", 1, [-1, True, None, 1.0, 2**53]),
    ("delta", 2, [-1, True, None, MAX_SEQ + 1]),
    ("delta", 3, [0.5, True, "0", 2**53]),
    ("delta", 4, [False, 0, {}, "x"]),
    *[("delta", i, [None, 0, {}, "x", b"x"]) for i in range(5, 10)],
    ("delta", 9, [[None], [[0], 1], ["x"]]),
    ("pong", 1, [-1, MAX_NONCE + 1, True, None]),
    ("pong", 2, [None, True, math.nan, math.inf, "0", 2**53]),
    ("pong", 3, [None, 3, True, math.nan, -math.inf]),
    *[("status", i, [-1, True, 1.0, "1"]) for i in range(1, 6)],
    ("status", 6, [None, -1, True, 1.0]),
    ("said", 1, [None, -1, True]),
    ("said", 2, [None, 1, b"a"]),
    ("said", 3, [None, 1, b"a"]),
    ("check", 1, [None, -1, True]),
    ("check", 2, [None, -1, True, MAX_CHECKSUM + 1]),
    ("moved", 1, [None, 1, b"a"]),
    ("moved", 2, [None, 1, b"a"]),
    ("moved", 3, [None, 1, b"a"]),
    ("bye", 1, [None, True, 0, 999, 5000, 1000.0]),
    ("bye", 2, [None, 1, b"a"]),
    ("bye", 3, [-1, -0.5, math.nan, math.inf, True, "30"]),
]


@pytest.mark.parametrize("name", GOOD_SERVER)
def test_good_server_messages_are_good(name: str) -> None:
    assert decode_from_server(pack_float64(GOOD_SERVER[name])).encode()


@pytest.mark.parametrize(("name", "at", "wrong"), WRONG_SERVER)
def test_fields_of_a_server_are_checked(name: str, at: int, wrong: list[Any]) -> None:
    for value in wrong:
        message = [*GOOD_SERVER[name][:at], value, *GOOD_SERVER[name][at + 1 :]]
        assert name in refuses(pack_float64(message), decode_from_server), value


def test_the_tick_of_a_pong_is_always_a_float64() -> None:
    assert Pong(1, 2, 3).encode() == b"\x94\x13\x01\x02\xcb" + struct.pack(">d", 3)
