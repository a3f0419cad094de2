"""Times of commands, counted from when they were due."""

from __future__ import annotations

import pytest

from clients.bots.answers import MAX_WAITING, Answers


def answers() -> tuple[Answers, list[float]]:
    noted: list[float] = []
    return Answers(noted.append, 20), noted


def test_a_command_counts_from_when_it_was_due() -> None:
    known, noted = answers()
    known.sent(1, 10.0)
    known.sent(2, 10.1)
    known.sent(5, 10.2)
    known.delta(0, 10.05)
    known.delta(3, 10.25)
    assert noted == pytest.approx([0.25, 0.15])
    known.give_up(10.7)
    assert noted == pytest.approx([0.25, 0.15, 0.5])
    known.delta(5, 11.0)
    assert len(noted) == 3


def test_a_bot_that_acts_late_was_due_at_the_rooms_own_time() -> None:
    """A room that stalls for a second owes an answer to every command of that second."""
    known, _ = answers()
    assert known.due_s(100, 7.0) == 7.0
    assert known.due_s(101, 7.06) == pytest.approx(7.05)
    assert known.due_s(121, 9.05) == pytest.approx(8.05)
    assert known.due_s(122, 8.09) == pytest.approx(8.09), "a delta that was earlier than all before"
    known.begin()
    assert known.due_s(123, 10.0) == 10.0


def test_what_waits_is_bounded() -> None:
    known, noted = answers()
    for seq in range(MAX_WAITING + 10):
        known.sent(seq + 1, 0.0)
    known.give_up(1.0)
    assert len(noted) == MAX_WAITING
