"""The fast path of a command gives what the full path gives, for any bytes."""

from __future__ import annotations

import enum
from typing import Any

import msgpack
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gameserver import command, number, text
from gameserver.errors import RemoteProtocolError
from gameserver.model.schema import Schema
from gameserver.protocol.messages import (
    MAX_SEQ,
    CommandMessage,
    Resync,
    decode_from_client,
    short_command,
)
from tests.support.examples import examples


class Mood(enum.Enum):
    CALM = 1
    ANGRY = 2


@command
class Steer:
    turn: int = number(-1, 1)
    thrust: bool = False


@command
class Everything:
    count: int = 0
    share: float = number(0.0, 1.0, default=0.5)
    word: str = text(max_length=8, default="")
    raw: bytes = b""
    mood: Mood | None = None
    pair: tuple[int, float] = (0, 0.0)
    many: tuple[int, ...] = ()


SCHEMA = Schema.of((Steer, Everything))
SPECS = SCHEMA.commands
STEER = SCHEMA.kinds[Steer]


def by_the_fast_path(data: bytes) -> Any:
    """Return what ``reception.py`` makes of it, or None if it takes the full path."""
    command = short_command(data)
    if command is None:
        return None
    seq, tick, rendered, acked, kind, values = command
    if kind >= len(SPECS):
        raise RemoteProtocolError("unknown")
    return seq, tick, rendered, acked, SPECS[kind].from_wire(values)


def by_the_full_path(data: bytes) -> Any:
    message = decode_from_client(data)
    if not isinstance(message, CommandMessage):
        return None
    if message.kind >= len(SPECS):
        raise RemoteProtocolError("unknown")
    made = SPECS[message.kind].from_wire(message.values)
    return message.seq, message.tick, message.rendered, message.acked, made


def outcome(path: Any, data: bytes) -> Any:
    try:
        return path(data)
    except RemoteProtocolError:
        return "refused"


def agree(data: bytes) -> None:
    fast = outcome(by_the_fast_path, data)
    if fast is not None:
        assert fast == outcome(by_the_full_path, data)


leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(width=32)
    | st.text(max_size=10)
    | st.binary(max_size=10)
    | st.builds(msgpack.ExtType, st.integers(0, 127), st.binary(max_size=4))
)
anything = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2)
    ),
    max_leaves=6,
)
heads = st.integers(-1, 5) | st.sampled_from((MAX_SEQ, MAX_SEQ + 1, 2**52, 2**52 + 1, 2**64 - 1))


@settings(max_examples=examples(200))
@given(
    st.lists(heads | anything, min_size=5, max_size=5),
    st.sampled_from((0, 1, 2)),
    st.lists(anything, max_size=8),
)
def test_both_paths_agree_on_any_values(head: list[Any], kind: int, values: list[Any]) -> None:
    agree(msgpack.packb([2, *head[:4], kind, *values], use_single_float=True))
    agree(msgpack.packb([*head, *values]))


@settings(max_examples=examples(200))
@given(st.integers(0, 5), heads | anything)
def test_both_paths_agree_on_one_wrong_value(at: int, wrong: Any) -> None:
    message = [2, 1, 1, 1, 1, STEER, 1, True]
    message[at] = wrong
    agree(msgpack.packb(message, use_single_float=True))


@settings(max_examples=examples(150))
@given(st.binary(max_size=200))
@example(b"\x97\x02" + b"\x81\xc0" * 3)
@example(b"\x97\x02\x01\x01\x01\x01\x00\xd5\xff\x00\x00")  # a timestamp of the wrong length
def test_both_paths_agree_on_any_bytes(data: bytes) -> None:
    agree(data)
    agree(bytes((0x98, 2, 1, 0, 0, 0, STEER)) + data)


def test_an_ordinary_command_takes_the_fast_path() -> None:
    sent = CommandMessage(70_000, 1234, 1230 * 32 + 5, 1230, 0, [1, True])
    assert short_command(sent.encode()) == (70_000, 1234, 1230 * 32 + 5, 1230, 0, [1, True])


@pytest.mark.parametrize("values", [[1, b"x" * 120], ["x" * 126], [1]])
def test_long_commands_and_other_messages_take_the_full_path(values: list[Any]) -> None:
    long = CommandMessage(1, 1, 1, 1, 0, [*values, b"y" * 120]).encode()
    assert short_command(long) is None
    assert short_command(Resync().encode()) is None
