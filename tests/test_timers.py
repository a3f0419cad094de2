"""Timers of a room: when they call, in which order, and what they refuse."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameserver import LocalProtocolError, Player, Room, Timer, entity, synced
from gameserver.simulation.stepper import Stepper
from gameserver.state.restore import load
from gameserver.state.snapshot import capture
from gameserver.testing import Rehearsal
from gameserver.timers import Timers, ticks_of


@entity
class Bomb:
    fuse: int = synced(3)
    heard: int = 0

    def shorten(self, by: int) -> None:
        self.fuse -= by


class Field(Room):
    tick_rate = 30
    classes = (Bomb,)

    calls: list[tuple[int, str]]
    bomb: Bomb
    pulse: Timer | None

    def on_create(self) -> None:
        self.calls = []
        self.bomb = self.spawn(Bomb())
        self.pulse = None

    def note(self, what: str = "") -> None:
        self.calls.append((self.tick_number, what))

    def note_player(self, player: Player, bomb: Bomb, seats: list[int]) -> None:
        self.calls.append((self.tick_number, f"{player.name} {bomb is self.bomb} {seats}"))

    def stop(self) -> None:
        assert self.pulse is not None
        self.cancel(self.pulse)
        self.note("stopped")

    def again(self) -> None:
        self.note("again")
        self.after(0, self.again)

    def fail(self) -> None:
        raise ZeroDivisionError

    async def wait(self) -> None: ...


def test_a_timer_is_called_once_that_many_seconds_of_ticks_later() -> None:
    play = Rehearsal(Field())
    play.step(5)
    timer = play.room.after(0.1, play.room.note, "now")
    assert (timer.active, timer.due_tick, timer.period_ticks) == (True, 8, None)
    play.step(20)
    assert play.room.calls == [(8, "now")]
    assert (timer.active, timer.due_tick) == (False, None)


def test_no_time_at_all_is_the_next_tick() -> None:
    play = Rehearsal(Field())
    play.room.again()
    play.step(3)
    assert play.room.calls == [(n, "again") for n in range(4)]


def test_a_repeated_timer_does_not_drift_and_ends_when_it_is_cancelled() -> None:
    play = Rehearsal(Field())
    room = play.room
    room.pulse = room.every(0.15, room.note)  # 4.5 ticks: 5 of them
    room.after(0.5, room.stop)
    play.step(40)
    assert room.calls == [(5, ""), (10, ""), (15, ""), (15, "stopped")]
    room.cancel(room.pulse)  # harmless


def test_a_timer_may_cancel_itself_and_others_of_its_tick() -> None:
    play = Rehearsal(Field())
    room = play.room
    room.after(0.1, room.stop)
    room.pulse = room.every(0.1, room.note)
    play.step(9)
    assert room.calls == [(3, "stopped")]


def test_calls_that_fell_into_dropped_ticks_become_one() -> None:
    stepper = Stepper(Field())
    stepper.room.every(0.1, stepper.room.note)
    stepper.room.after(0.2, stepper.room.note, "late")
    for tick in (1, 2, 11, 12, 13):
        stepper.step(tick)
    assert stepper.room.calls == [(11, ""), (11, "late"), (12, "")]


def test_timers_of_one_tick_are_called_in_the_order_in_which_they_were_made() -> None:
    play = Rehearsal(Field())
    for what in "abc":
        play.room.after(0.2, play.room.note, what)
    play.room.after(0.1, play.room.note, "first")
    play.step(9)
    assert play.room.calls == [(3, "first"), (6, "a"), (6, "b"), (6, "c")]


def test_methods_of_players_and_entities_can_be_called() -> None:
    play = Rehearsal(Field())
    ann = play.join("ann")
    play.room.after(0.1, play.room.bomb.shorten, 2)
    play.room.after(0.2, ann.kick, "time is up")
    play.step(6)
    assert play.room.bomb.fuse == 1
    assert not play.room.players


def test_a_timer_that_raises_is_a_failure_of_the_room() -> None:
    stepper = Stepper(Field())
    stepper.room.after(0, stepper.room.fail)
    stepper.room.after(0, stepper.room.note)
    stepper.step(1)
    (failure,) = stepper.take_failures()
    assert (failure.hook, failure.player) == ("timer fail", None)
    assert stepper.room.calls == [(1, "")]


@given(st.integers(1, 240), st.integers(0, 100_000))
def test_whole_ticks_stay_whole(tick_rate: int, ticks: int) -> None:
    assert ticks_of("after", ticks / tick_rate, tick_rate) == max(1, ticks)


@given(st.lists(st.tuples(st.integers(1, 9), st.none() | st.integers(1, 4)), max_size=8))
def test_timers_call_as_a_simple_model_does(made: list[tuple[int, int | None]]) -> None:
    timers = Timers()
    numbers = {
        timers.add(due, period, print, ()): number for number, (due, period) in enumerate(made)
    }
    for tick in range(1, 20):
        expected = [
            number
            for number, (due, period) in enumerate(made)
            if due == tick or (period and tick > due and (tick - due) % period == 0)
        ]
        assert [numbers[timer] for timer in timers.due(tick)] == expected


# ---------------------------------------------------------------- mistakes


WRONG: list[tuple[Callable[[Field], Any], str]] = [
    (lambda r: r.after(1, lambda: None), "after() cannot save a lambda with the room: give it"),
    (lambda r: r.every(1, print), "every() cannot save print with the room: give it a method"),
    (lambda r: r.after(1, functools.partial(r.note, "x")), "after() cannot save partial with the"),
    (lambda r: r.after(1, r.note("now")), "after() was given None: name the method without"),  # type: ignore[func-returns-value]
    (lambda r: r.after(1, r.wait), "after() calls a plain method, and wait is async: nothing"),
    (lambda r: r.after(1, r.stop, 5), "after() cannot call stop with 1 arguments: too many"),
    (lambda r: r.after(1, r.note_player), "after() cannot call note_player with 0 arguments: "),
    (lambda r: r.after(-1, r.note), "after() takes a number of seconds from 0 up, and then a"),
    (lambda r: r.every("1", r.note), "every() takes a number of seconds from 0 up"),
    (lambda r: r.after(r.note, 1), "after() takes a number of seconds from 0 up, and then a"),
    (lambda r: r.after(float("nan"), r.note), "after() takes a number of seconds from 0 up"),
    (lambda r: r.cancel(None), "cancel() takes the Timer that after() or every() returned, not No"),
    (lambda r: r.cancel(Field().after(1, r.note)), "cancel() was given a timer of another room"),
]


@pytest.mark.parametrize(("mistake", "says"), WRONG)
def test_a_mistake_is_said_at_once(mistake: Callable[[Field], Any], says: str) -> None:
    with pytest.raises(LocalProtocolError, match=f"^{re.escape(says)}"):
        mistake(Field())


# ---------------------------------------------------------------- snapshots


def copy_of(stepper: Stepper[Field]) -> Stepper[Field]:
    return load(Field, capture(stepper).encode()).stepper


def test_timers_are_saved_with_the_room() -> None:
    play = Rehearsal(Field())
    room, ann = play.room, play.join("ann")
    room.pulse = room.every(0.2, room.note, "pulse")
    room.after(0.3, room.note_player, ann, room.bomb, [ann.seat])
    room.after(0.25, room.bomb.shorten, 1)
    room.cancel(room.after(0.2, room.fail))
    play.step(2)
    copy = copy_of(play._stepper)
    for tick in range(3, 14):
        copy.step(tick)
    play.step(11)
    assert copy.room.calls == room.calls
    assert room.calls == [(6, "pulse"), (9, "ann True [1]"), (12, "pulse")]
    assert copy.room.bomb.fuse == 2
    assert copy.room.pulse is not None
    copy.room.cancel(copy.room.pulse)
    copy.step(18)
    assert len(copy.room.calls) == 3


def test_a_timer_that_is_over_is_still_what_an_attribute_refers_to() -> None:
    stepper = Stepper(Field())
    stepper.room.pulse = stepper.room.after(0, stepper.room.note)
    stepper.step(1)
    copy = copy_of(stepper)
    assert copy.room.pulse is not None
    assert not copy.room.pulse.active
    assert copy.room.after(0, copy.room.note)._serial == 2


class Sprite:
    def jump(self) -> None: ...


def test_what_cannot_be_saved_of_a_timer_is_named() -> None:
    stepper = Stepper(Field())
    stepper.room.after(1, stepper.room.note, Sprite())
    with pytest.raises(LocalProtocolError, match=r"^Field.after\(…, note\) cannot be saved: .*S"):
        capture(stepper)
    stepper = Stepper(Field())
    stepper.room.every(1, Sprite().jump)
    with pytest.raises(LocalProtocolError, match=r"^Field.every\(…, jump\) cannot be saved: .*S"):
        capture(stepper)
