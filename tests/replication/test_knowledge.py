"""The knowledge of a seat: each transition leads where the picture in ``knowledge.py`` says."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gameserver.replication.knowledge import NEW, UP_TO_DATE, Knowledge, Lapsed
from gameserver.replication.seat import Seat
from tests.support.frame_sinks import FakeSink

LAPSED = Lapsed({1, 2}, 7)


def new() -> Seat:
    return Seat(1, FakeSink())


def up_to_date() -> Seat:
    seat = new()
    seat.delta_posted(7)
    return seat


def lapsed() -> Seat:
    seat = up_to_date()
    seat.lapse(LAPSED)
    return seat


def test_a_seat_begins_new_is_brought_up_to_date_and_lapses() -> None:
    assert new().knowledge is NEW
    assert up_to_date().knowledge is UP_TO_DATE
    assert lapsed().knowledge is LAPSED


def test_a_delta_brings_a_lapsed_seat_up_to_date() -> None:
    seat = lapsed()
    seat.delta_posted(9)
    assert seat.knowledge is UP_TO_DATE
    assert seat.posted_tick == 9


@pytest.mark.parametrize("make", [new, lapsed])
def test_only_a_seat_that_is_up_to_date_can_lapse(make: Callable[[], Seat]) -> None:
    seat = make()
    with pytest.raises(AssertionError):
        seat.lapse(LAPSED)


@pytest.mark.parametrize("make", [new, up_to_date, lapsed])
@pytest.mark.parametrize("forget", [Seat.forget, Seat.lose_sink])
def test_any_seat_can_be_made_new(make: Callable[[], Seat], forget: Callable[[Seat], None]) -> None:
    seat = make()
    seat.miss_event(b"a")
    forget(seat)
    assert seat.knowledge is NEW
    assert (seat.waiting_events, seat.holds, seat.sent_own_id) == ([], {}, -1)


@pytest.mark.parametrize("make", [new, up_to_date, lapsed])
def test_any_seat_can_resume_from_what_its_client_holds(make: Callable[[], Seat]) -> None:
    seat, sink = make(), FakeSink()
    seat.resume(sink, {3}, 5)
    knowledge: Knowledge = seat.knowledge
    assert isinstance(knowledge, Lapsed)
    assert (knowledge.known, knowledge.since, knowledge.resumed) == ({3}, 5, True)
    assert seat.sink is sink


@pytest.mark.parametrize("make", [new, up_to_date, lapsed])
def test_a_client_that_holds_nothing_resumes_as_new(make: Callable[[], Seat]) -> None:
    seat = make()
    seat.resume(FakeSink(), None, 5)
    assert seat.knowledge is NEW
