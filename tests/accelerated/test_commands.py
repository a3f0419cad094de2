"""The compiled path of a command beside the pure one: whatever comes, both do the same."""

from __future__ import annotations

from typing import Any
from unittest import mock

import hypothesis.strategies as st
import msgpack
import pytest
from hypothesis import given, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gameserver.protocol.messages import Ack, CommandMessage, Ping
from gameserver.runtime.sessions.reception import (
    MESSAGES_BURST,
    Reception,
    message_path_in_python,
)
from tests.hostile.fuzz import corpus_of
from tests.support.commanded_seat import COMMANDS, Aim, Checked, Mood, Nothing, Side, Steer, sent
from tests.support.examples import examples
from tests.support.twins import both, name_of

PATHS = both("message_path", message_path_in_python)


@pytest.fixture(params=PATHS, ids=name_of)
def side(request: pytest.FixtureRequest) -> Side:
    return Side(request.param)


def test_a_command_is_queued_and_an_input_waits_for_its_tick(side: Side) -> None:
    side.step()
    side.take(sent(1, Nothing))
    side.take(sent(2, Steer, -1, True, -70_000, tick=4))
    side.take(sent(3, Aim, 0.5, "é", 1, b"raw"))
    assert side.seated.seat.margin == 2
    assert side.counters.messages == 3
    for _ in range(3):
        side.step()
    assert [command for _, command in side.room.applied[:2]] == [
        Nothing(),
        Aim(0.5, "é", Mood.ANGRY, b"raw"),
    ]
    assert side.room.applied[-1] == (1, Steer(-1, True, -70_000))


@pytest.mark.parametrize(
    ("message", "code", "reason"),
    [
        (sent(1, Steer, 2, True, 0), 4002, "Steer.turn: 2 is outside -1 … 1"),
        (sent(1, Steer, 1, 1, 0), 4002, "Steer.thrust: 1 is not a value of type bool"),
        (sent(1, Steer, 1), 4002, "Steer has 3 fields, not 1"),
        (sent(1, Nothing, acked=1), 4002, "acknowledged a tick that has not been"),
        (sent(1, Checked, 13), 1011, "internal error"),
    ],
)
def test_a_wrong_command_ends_the_session_with_its_reason(
    side: Side, message: bytes, code: int, reason: str
) -> None:
    side.take(message)
    assert [end for _, end in side.ends] == [reason]
    side.take(sent(1, Nothing))
    assert side.seated.commands.newest_seq == 0, "nothing is taken after the end"


def test_too_many_messages_end_the_session(side: Side) -> None:
    for seq in range(1, MESSAGES_BURST + 2):
        side.take(sent(seq, Nothing))
    assert len(side.ends) == 1
    assert side.counters.messages == MESSAGES_BURST + 1


def test_a_longer_queue_than_may_wait_drops_the_oldest(side: Side) -> None:
    for seq in range(1, 300):
        side.take(sent(seq, Nothing))
    assert side.seated.commands.dropped == 299 - 256
    assert side.seated.commands._inbox[0].seq == 299 - 255


@pytest.mark.parametrize(
    ("message", "ours"),
    [
        (sent(1, Nothing), True),
        (sent(1, Steer, 1, True, -(2**52)), True),
        (sent(1, Steer, 1, True, 3, tick=1), True),
        (sent(1, Aim, 0.25, "word", None, b""), True),
        (sent(1, Checked, 1), True),
        (sent(1, Steer, 2, True, 3), False),
        (Ack(0).encode(), False),
    ],
)
def test_the_compiled_path_takes_ordinary_commands_itself(message: bytes, ours: bool) -> None:
    for path in PATHS[1:]:
        with mock.patch.object(Reception, "take_bytes") as take_bytes:
            side = Side(path)
            side.take(message)
        assert take_bytes.call_args_list == ([] if ours else [mock.call(message)])


# ---------------------------------------------------------------- both side by side

leaves = (
    st.none()
    | st.booleans()
    | st.integers(-2, 3)
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(width=32)
    | st.text(max_size=9)
    | st.binary(max_size=10)
)
values_of = {
    Aim: st.tuples(
        st.floats(-1, 1, width=32), st.text(max_size=8), st.none() | st.integers(0, 1), st.binary()
    ),
    Checked: st.tuples(st.integers(10, 14)),
    Nothing: st.tuples(),
    Steer: st.tuples(st.integers(-1, 1), st.booleans(), st.sampled_from((7, -(2**52), 2**52))),
}


class Beside(RuleBasedStateMachine):
    """Two rooms that get the same, one by each path."""

    def __init__(self) -> None:
        super().__init__()
        self.sides = [Side(path) for path in PATHS]
        self.seq = 0

    def take(self, data: bytes) -> None:
        for side in self.sides:
            side.take(data)

    @rule(
        cls=st.sampled_from(COMMANDS),
        ahead=st.integers(-3, 40),
        acked=st.integers(0, 2),
        skipped=st.integers(0, 1),
        timed=st.booleans(),
        data=st.data(),
    )
    def command(
        self, cls: type, ahead: int, acked: int, skipped: int, timed: bool, data: st.DataObject
    ) -> None:
        self.seq += skipped
        tick = self.sides[0].tick
        message = CommandMessage(
            max(1, self.seq),
            max(0, tick + ahead) if timed else 0,
            tick,
            max(0, tick - acked),
            COMMANDS.index(cls),
            [*data.draw(values_of[cls])],
        )
        self.take(message.encode())

    @rule(count=st.integers(2, 6))
    def several_untimed_inputs(self, count: int) -> None:
        for _ in range(count):
            self.seq += 1
            self.take(sent(self.seq, Steer, 1, False, 0))

    @rule(head=st.lists(leaves, min_size=5, max_size=5), values=st.lists(leaves, max_size=4))
    def anything_like_a_command(self, head: list[Any], values: list[Any]) -> None:
        self.take(msgpack.packb([2, *head, *values], use_single_float=True))

    @rule(at=st.integers(0, 8), wrong=leaves)
    def one_wrong_value(self, at: int, wrong: Any) -> None:
        message: list[Any] = [2, self.seq + 1, 0, 0, 0, COMMANDS.index(Steer), 1, True, 3]
        message[at] = wrong
        self.take(msgpack.packb(message, use_single_float=True))

    @rule(message=st.sampled_from((Ack(0), Ack(1), Ping(1, 2.0))))
    def another_message(self, message: Ack | Ping) -> None:
        self.take(message.encode())

    @rule(data=st.binary(max_size=140))
    def any_bytes(self, data: bytes) -> None:
        self.take(data)

    @rule(later_s=st.sampled_from((0.0, 0.01, 1.0)))
    def time_passes(self, later_s: float) -> None:
        for side in self.sides:
            side.now_s += later_s

    @rule()
    def step(self) -> None:
        for side in self.sides:
            side.step()

    @rule(records=st.booleans())
    def record(self, records: bool) -> None:
        for side in self.sides:
            side.stepper.record_to(side.recording if records else None)

    @rule()
    def play_on_after_an_end(self) -> None:
        for side in self.sides:
            side.reception._ended = False

    @invariant()
    def they_are_the_same(self) -> None:
        first, *others = [side.state() for side in self.sides]
        for other in others:
            assert other == first


Beside.TestCase.settings = settings(max_examples=examples(60), stateful_step_count=40)
TestBesideEachOther = Beside.TestCase


@settings(max_examples=examples(150))
@given(st.binary(max_size=140), st.integers(0, 8))
def test_any_bytes_after_the_head_of_a_command(data: bytes, count: int) -> None:
    sides = [Side(path) for path in PATHS]
    for side in sides:
        side.take(bytes((0x96 + count, 2, 1, 0, 0, 0)) + data)
    assert all(side.state() == sides[0].state() for side in sides)


@pytest.mark.parametrize("name", ["from_client", "lane"])
def test_the_corpora_of_the_fuzzers(name: str) -> None:
    for data in corpus_of(name):
        sides = [Side(path) for path in PATHS]
        for side in sides:
            side.take(data)
        assert all(side.state() == sides[0].state() for side in sides)
