"""Bytes that are no snapshot, or none any more: one error, with one line that says why."""

from __future__ import annotations

import contextlib
import functools
import random
import re

import hypothesis.strategies as st
import msgpack
import pytest
from hypothesis import example, given

from gameserver import Room, SnapshotError
from gameserver.games.chat import Chat
from gameserver.simulation.stepper import Stepper
from gameserver.state.container import MARK, unwrap, wrap
from gameserver.state.restore import load
from gameserver.state.snapshot import capture
from tests.hostile.msgpack_mutation import EDGES, SHAPES, _places
from tests.support.kept_game import Zoo, odd_values
from tests.support.zoo_stage import played


@functools.cache
def good() -> bytes:
    stage = played(6)
    stage.room.anything = odd_values(stage.room, stage.room.players[1])
    stage.room.despawn(stage.room.signs.pop())
    return stage.bytes()


def refused(data: bytes, room: type[Room] = Zoo) -> str:
    with pytest.raises(SnapshotError) as error:
        load(room, data)
    text = str(error.value)
    assert text
    assert "\n" not in text
    return text


# ---------------------------------------------------------------- damaged bytes


@given(st.integers(0, 1 << 20))
@example(0)
@example(9)
def test_cut_bytes_are_refused(at: int) -> None:
    text = refused(good()[: at % len(good())])
    assert re.match(r"byte \d+: ", text)


@given(st.integers(0, 1 << 20), st.integers(0, 7))
@example(8, 0)
@example(9, 0)
@example(18, 3)
def test_a_flipped_bit_is_found(at: int, bit: int) -> None:
    data = bytearray(good())
    data[at % len(data)] ^= 1 << bit
    assert re.match(r"byte \d+: ", refused(bytes(data)))


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(data: bytes) -> None:
    assert re.match(r"byte \d+: ", refused(data))
    assert re.match(r"byte \d+: ", refused(MARK + data))


def test_what_is_wrong_is_said_with_its_offset() -> None:
    data = good()
    assert refused(b"") == "byte 0: this is no snapshot of a room"
    assert refused(data.replace(b"\r\n", b"\n")) == "byte 0: this is no snapshot of a room"
    assert refused(data[:15]) == "byte 15: the head ends here; it should have 22 bytes"
    newer = data[:8] + b"\x00\x02" + data[10:]
    assert refused(newer) == "byte 8: the format has version 2, and this gameserver reads 1"
    wanted = f"byte {len(data) - 1}: the snapshot ends here; it should have {len(data)} bytes"
    assert refused(data[:-1]) == wanted
    assert refused(data[:-1] + b"\x00") == "byte 22: the body is damaged: its checksum is wrong"
    assert refused(wrap([])) == "byte 0: the last section is missing"


def test_a_snapshot_of_another_room_is_refused() -> None:
    chat = capture(Stepper(Chat())).encode()
    assert refused(chat) == "it is of a room Chat, not of Zoo"


# ---------------------------------------------------------------- whole bytes, wrong content


def reshaped(seed: int) -> bytes:
    """Return a snapshot with one value changed, and a checksum that fits."""
    rng = random.Random(seed)
    sections = [[name, payload] for _, name, payload in unwrap(good())]
    inside, key = rng.choice(list(_places(rng.choice(sections))))
    if rng.random() < 0.5:
        inside[key] = rng.choice([e for e in EDGES if not isinstance(e, msgpack.Timestamp)])
    else:
        rng.choice(SHAPES)(inside, key, rng)
    return wrap([(section[0], section[1]) for section in sections if len(section) == 2])


@given(st.integers(0, 1 << 30))
def test_wrong_content_raises_nothing_else(seed: int) -> None:
    try:
        data = reshaped(seed)
    except (TypeError, ValueError):
        return  # it cannot even be packed
    with contextlib.suppress(SnapshotError):
        load(Zoo, data)


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        *(("room", "tick", wrong) for wrong in (-1, 1.5, "1", None, 2**60)),
        *(("room", "name", wrong) for wrong in (None, 3)),
        *(("engine", "pace", wrong) for wrong in ("1", 0, -1.0, float("nan"))),
        *(("engine", "publish_interval", wrong) for wrong in (0, 1.5)),
        ("engine", "upcoming_tick", "1"),
    ],
)
def test_figures_that_cannot_be_are_refused(section: str, key: str, value: object) -> None:
    sections = [(name, payload) for _, name, payload in unwrap(good())]
    for name, payload in sections:
        if name == section:
            payload[key] = value
    assert f"{key} is {value!r}" in refused(wrap(sections))
