"""The input buffer: rule by rule, and compared with a plain model."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gameserver.simulation.inputs import LENGTH_TICKS, UNTIMED_AHEAD_TICKS, Input, InputBuffer
from tests.support.examples import examples


def entry(tick: int, seq: int, *, at: int) -> Input:
    """An input for ``tick``, read when ``at`` was the next tick; its seq is its command."""
    return Input(tick, seq, 0, at, 0.0, f"c{seq}")


def taken(buffer: InputBuffer, *ticks: int) -> list[int | None]:
    """The seqs of the inputs applied at ``ticks``."""
    found = [buffer.take(tick) for tick in ticks]
    return [None if one is None else one.seq for one in found]


def test_each_input_is_applied_at_its_tick() -> None:
    buffer = InputBuffer()
    for seq, tick in enumerate((10, 11, 13), 1):
        assert buffer.put(entry(tick, seq, at=10))
    assert len(buffer) == 3
    assert taken(buffer, 10, 11, 12, 13, 14) == [1, 2, None, 3, None]
    assert buffer.silent_ticks == 1


def test_a_second_input_for_a_tick_is_refused_and_counted() -> None:
    buffer = InputBuffer()
    assert buffer.put(entry(10, 1, at=9))
    assert buffer.put(entry(11, 2, at=9))
    assert not buffer.put(entry(10, 3, at=9))
    assert not buffer.put(entry(11, 4, at=9))
    assert (buffer.duplicate, buffer.dropped) == (2, 0)
    assert taken(buffer, 9, 10, 11) == [None, 1, 2]


def test_the_far_future_is_refused_and_counted() -> None:
    buffer = InputBuffer()
    assert buffer.put(entry(10 + LENGTH_TICKS, 1, at=10))
    assert not buffer.put(entry(11 + LENGTH_TICKS, 2, at=10))
    assert not buffer.put(entry(2**52, 3, at=10))
    assert (buffer.early, len(buffer)) == (2, 1)


def test_a_full_buffer_drops_the_oldest_and_counts() -> None:
    buffer = InputBuffer()
    for seq in range(1, LENGTH_TICKS + 2):
        assert buffer.put(entry(9 + seq, seq, at=10))
    assert (len(buffer), buffer.dropped) == (LENGTH_TICKS, 1)
    assert taken(buffer, 10, 11) == [None, 2]


def test_the_newest_late_input_is_used_where_no_other_is_there() -> None:
    buffer = InputBuffer()
    for seq, tick in enumerate((5, 7, 6), 1):
        assert buffer.put(entry(tick, seq, at=10))
    assert (buffer.late, buffer.dropped) == (3, 2)
    assert taken(buffer, 10, 11) == [3, None]


def test_a_late_one_makes_way_for_the_one_of_the_tick() -> None:
    buffer = InputBuffer()
    assert buffer.put(entry(9, 1, at=10))
    assert buffer.put(entry(10, 2, at=10))
    assert taken(buffer, 10, 11) == [2, None]
    assert (buffer.late, buffer.dropped) == (1, 1)


def test_a_clock_set_back_takes_back_what_was_meant_for_later() -> None:
    buffer = InputBuffer()
    for seq, tick in enumerate((20, 21, 22), 1):
        assert buffer.put(entry(tick, seq, at=10))
    assert buffer.put(entry(12, 4, at=10))
    assert buffer.dropped == 3
    assert taken(buffer, 12, 20, 21) == [4, None, None]


def test_inputs_whose_ticks_were_dropped_are_late() -> None:
    """The server fell behind and left out the ticks 11 to 14."""
    buffer = InputBuffer()
    for seq, tick in enumerate((11, 12, 13, 16), 1):
        assert buffer.put(entry(tick, seq, at=10))
    assert taken(buffer, 15, 16) == [3, 4]
    assert buffer.dropped == 2


def test_inputs_that_name_no_tick_get_one_each() -> None:
    buffer = InputBuffer()
    for seq in (1, 2, 3):
        assert buffer.put(entry(0, seq, at=10))
    assert taken(buffer, 10, 11, 12, 13) == [1, 2, 3, None]


def test_the_next_free_tick_is_after_all_that_wait() -> None:
    buffer = InputBuffer()
    assert buffer.put(entry(12, 1, at=10))
    assert buffer.put(entry(0, 2, at=10))
    assert taken(buffer, 10, 11, 12, 13) == [None, None, 1, 2]


def test_one_who_names_no_tick_and_is_too_fast_stays_near() -> None:
    buffer = InputBuffer()
    for seq in range(1, 11):
        assert buffer.put(entry(0, seq, at=10))
    assert len(buffer) == UNTIMED_AHEAD_TICKS
    assert taken(buffer, *range(10, 15)) == [1, 2, 3, 10, None]
    assert buffer.dropped == 6


def test_silence_is_counted_from_the_first_input_on() -> None:
    buffer = InputBuffer()
    assert taken(buffer, 1, 2) == [None, None]
    assert buffer.silent_ticks == 0
    buffer.put(entry(3, 1, at=3))
    assert taken(buffer, 3, 4, 5) == [1, None, None]
    assert buffer.silent_ticks == 2
    assert buffer.applied is not None
    assert buffer.applied.command == "c1"


def test_clearing_counts_what_it_drops() -> None:
    buffer = InputBuffer()
    buffer.put(entry(9, 1, at=10))
    buffer.put(entry(10, 2, at=10))
    buffer.clear()
    assert (len(buffer), buffer.dropped) == (0, 2)
    assert taken(buffer, 10) == [None]


class AnyClient(RuleBasedStateMachine):
    """A client that sends arbitrary inputs, and a server that drops ticks."""

    def __init__(self) -> None:
        super().__init__()
        self.buffer = InputBuffer(length_ticks=4)
        self.upcoming = 1
        self.seq = 0
        self.accepted = 0
        self.refused = 0
        self.late = 0
        self.applied: list[int] = []
        #: Tick → seq of the input that must be applied, unless a later one replaces it.
        self.promised: dict[int, int] = {}

    @rule(offset=st.integers(-6, 8), skip=st.integers(1, 3))
    def say(self, offset: int, skip: int) -> None:
        tick = max(1, self.upcoming + offset)
        self._put(tick, skip)

    @rule(skip=st.integers(1, 3))
    def say_untimed(self, skip: int) -> None:
        self._put(0, skip)

    def _put(self, tick: int, skip: int) -> None:
        self.seq += skip
        before = len(self.buffer)
        taken_in = self.buffer.put(entry(tick, self.seq, at=self.upcoming))
        self.accepted += taken_in
        self.refused += not taken_in
        if not taken_in:
            assert tick > self.upcoming + 4 or tick in self.promised
            assert len(self.buffer) == before
            return
        self.late += 0 < tick < self.upcoming
        if not tick:
            tick = max(self.upcoming, max(self.promised, default=0) + 1)
            if tick >= self.upcoming + UNTIMED_AHEAD_TICKS:
                tick = max(self.promised)
        self.promised = {t: s for t, s in self.promised.items() if t < tick}
        if tick >= self.upcoming:
            self.promised[tick] = self.seq
        if len(self.promised) > 4:
            del self.promised[min(self.promised)]

    @rule(dropped=st.sampled_from((0, 0, 0, 0, 1, 3)))
    def tick(self, dropped: int) -> None:
        now = self.upcoming + dropped
        one = self.buffer.take(now)
        if now in self.promised:
            assert one is not None
            assert one.seq == self.promised[now]
        if one is not None:
            self.applied.append(one.seq)
            assert one.command == f"c{one.seq}"
        self.promised = {t: s for t, s in self.promised.items() if t > now}
        self.upcoming = now + 1

    @precondition(lambda self: len(self.buffer) > 0)
    @rule()
    def clear(self) -> None:
        self.buffer.clear()
        self.promised.clear()

    @invariant()
    def seqs_grow(self) -> None:
        assert self.applied == sorted(set(self.applied))

    @invariant()
    def nothing_is_lost_silently(self) -> None:
        buffer = self.buffer
        assert self.accepted == len(self.applied) + buffer.dropped + len(buffer)
        assert self.refused == buffer.early + buffer.duplicate
        assert buffer.late == self.late

    @invariant()
    def it_is_bounded(self) -> None:
        assert len(self.buffer) <= 4 + 1  # and the late one


AnyClient.TestCase.settings = settings(max_examples=examples(150), stateful_step_count=40)
TestAnyClient = AnyClient.TestCase


@pytest.mark.parametrize("at", [1, 10**9])
def test_ticks_may_be_large(at: int) -> None:
    buffer = InputBuffer()
    assert buffer.put(entry(at + 1, 1, at=at))
    assert taken(buffer, at, at + 1) == [None, 1]
