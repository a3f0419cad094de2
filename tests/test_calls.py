"""Background calls: their results, the tick at which they come, snapshots, journals, mistakes."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

import attrs
import pytest
import trio

from gameserver import Interrupted, LocalProtocolError, Player, Room, TooManyCalls, entity, synced
from gameserver.calls import MAX_IN_FLIGHT
from gameserver.simulation.stepper import Stepper
from gameserver.state.journal.replay import replay
from gameserver.state.parcel import pack_value, unpack_value
from gameserver.state.restore import load
from gameserver.state.snapshot import capture
from gameserver.testing import Rehearsal
from tests.support.journaled_play import JournaledPlay, records_of


@attrs.define
class Profile:
    name: str
    scores: list[int]


@entity
class Board:
    best: int = synced(0)


class NotFound(Exception):
    """Raised by the game."""


async def fetch(name: str) -> Profile:
    if name == "nobody":
        raise NotFound(name)
    return Profile(name, [len(name)])


async def fetch_slowly(name: str) -> Profile:
    await trio.sleep(5)
    return await fetch(name)


class Den(Room):
    classes = (Board,)

    seen: list[Any]
    board: Board

    def on_create(self) -> None:
        self.seen = []
        self.board = self.spawn(Board())

    def ask(self, name: str, function: Callable[[str], Any] = fetch) -> None:
        self.background(function, name, then=self.answered)

    def answered(self, result: object) -> None:
        self.seen.append((self.tick_number, result))

    def answered_about(self, result: object, about: Player | Board) -> None:
        self.seen.append((self.tick_number, about))

    def fail(self, result: object) -> None:
        raise ZeroDivisionError

    async def answered_late(self, result: object) -> None: ...

    def answered_all(self, one: object, two: object) -> None: ...

    def tick(self) -> None:
        self.board.best += 1


def seen(play: Rehearsal[Den]) -> list[Any]:
    taken, play.room.seen = play.room.seen, []
    return taken


def test_a_result_comes_back_at_the_next_tick() -> None:
    play = Rehearsal(Den())
    play.step(3)
    play.room.ask("ada")
    play.step()
    assert seen(play) == []
    assert [call.name for call in play.calls] == ["fetch"]
    play.run_calls()
    assert play.calls == []
    assert seen(play) == []
    play.step(2)
    assert seen(play) == [(5, Profile("ada", [3]))]


def test_results_given_by_hand_are_delivered_in_the_order_of_arrival() -> None:
    play = Rehearsal(Den())
    for name in "abc":
        play.room.ask(name)
    last = play.calls[2]
    play.answer("third", last)
    play.answer("first")
    play.run_calls()
    play.step()
    assert seen(play) == [(1, "third"), (1, "first"), (1, Profile("b", [1]))]
    play._stepper.finished(last.number, "again")
    play.step()
    assert seen(play) == []
    with pytest.raises(LocalProtocolError, match="no background call waits"):
        play.answer("nothing")


def test_a_handler_is_told_what_the_call_was_about() -> None:
    play = Rehearsal(Den())
    ann = play.join("ann")
    room = play.room
    room.background(fetch, "ann", then=room.answered_about, about=ann)
    room.background(functools.partial(fetch, "x"), then=room.answered_about, about=room.board)
    room.background(fetch, "nobody")
    play.run_calls()
    play.step()
    assert seen(play) == [(1, ann), (1, room.board)]


def test_an_exception_is_a_result() -> None:
    play = Rehearsal(Den())
    play.room.ask("nobody")
    play.run_calls()
    play.step()
    ((_, error),) = seen(play)
    assert isinstance(error, NotFound)


def test_a_handler_that_raises_is_named() -> None:
    play = Rehearsal(Den())
    play.room.background(fetch, "x", then=play.room.fail)
    play.run_calls()
    play._stepper.step(1)
    (failure,) = play._stepper.take_failures()
    assert (failure.hook, failure.player) == ("fail", None)


def test_a_call_too_many_is_refused_at_the_next_tick() -> None:
    play = Rehearsal(Den())
    for _ in range(MAX_IN_FLIGHT + 2):
        play.room.ask("x")
    assert len(play.calls) == MAX_IN_FLIGHT
    play.step()
    assert [type(result) for _, result in seen(play)] == [TooManyCalls] * 2
    play.run_calls()
    play.step()
    assert len(seen(play)) == MAX_IN_FLIGHT


def test_a_function_that_really_waits_is_told_of_the_other_ways() -> None:
    play = Rehearsal(Den())
    play.room.ask("ada", fetch_slowly)
    says = r"^fetch_slowly waits for something, .* use await play.await_calls\(\), or answer$"

    async def inside() -> None:
        with pytest.raises(LocalProtocolError, match=says):
            play.run_calls()
        await play.await_calls()

    trio.run(inside, clock=trio.testing.MockClock(autojump_threshold=0))
    play.step()
    assert seen(play) == [(1, Profile("ada", [3]))]


# ---------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("mistake", "says"),
    [
        (lambda r: r.background(fetch("x")), "background() takes an async function and its argume"),
        (lambda r: r.background(print, "x"), "background() runs an async function, and print is n"),
        (lambda r: r.background(lambda: fetch("x")), "background() runs an async function, and <l"),
        (
            lambda r: r.background(fetch, "x", then=print),
            "then= of background() cannot save print with the room: give it a method and its argum",
        ),
        (
            lambda r: r.background(fetch, "x", then=r.answered_late),
            "then= of background() calls a plain method, and answered_late is async: nothing waits",
        ),
        (
            lambda r: r.background(fetch, "x", then=r.answered_all),
            "then= of background() cannot call answered_all with 1 arguments: missing a required",
        ),
        (
            lambda r: r.background(fetch, "x", then=r.answered, about=5),
            "then= of background() cannot call answered with 2 arguments: too many",
        ),
    ],
)
def test_a_mistake_is_said_at_once(mistake: Callable[[Den], None], says: str) -> None:
    with pytest.raises(LocalProtocolError, match=f"^{re.escape(says)}"):
        mistake(Den())


# ---------------------------------------------------------------- snapshots and journals


def test_calls_in_flight_are_interrupted_in_another_process() -> None:
    play = Rehearsal(Den())
    ann = play.join("ann")
    play.room.ask("ada")
    play.room.background(fetch, "x", then=play.room.answered_about, about=ann)
    play.answer([1, Profile("early", [])])
    play.room.ask("bob")
    play.room.background(fetch, "x")
    copy = load(Den, capture(play._stepper).encode()).stepper
    copy.room.ask("new")
    copy.interrupt_calls()
    copy.step(1)
    (_, early), (_, about), (_, lost) = copy.room.seen
    assert early == [1, Profile("early", [])]
    assert about is copy.room.players[1]
    assert isinstance(lost, Interrupted)
    assert [call.number for call in copy.calls.in_flight.values()] == [5]


@pytest.mark.parametrize(
    ("error", "loaded"),
    [
        (TimeoutError("too late"), TimeoutError),
        (NotFound("x"), NotFound),
        (Interrupted(), Interrupted),
        (trio.TooSlowError("slow"), RuntimeError),
    ],
)
def test_exceptions_are_saved_with_class_and_text(error: Exception, loaded: type) -> None:
    stepper = Stepper(Den())
    stepper.room.ask("x")
    stepper.finished(1, error)
    copy = load(Den, capture(stepper).encode()).stepper
    ((_, result),) = copy.calls.results
    assert type(result) is loaded
    assert str(error) in str(result)


def test_a_result_that_cannot_be_saved_is_named() -> None:
    stepper = Stepper(Den())
    stepper.room.ask("x")
    stepper.finished(1, object())
    with pytest.raises(LocalProtocolError, match=r"^Den\.the result of background\(fetch, …\) ca"):
        capture(stepper)


def test_a_value_goes_through_a_parcel() -> None:
    play = Rehearsal(Den())
    ann = play.join("ann")
    shared = [1]
    red = play.room.group("red")
    value = {"who": ann, "board": play.room.board, "of": [Profile("x", shared), shared], "to": red}
    copy = unpack_value(play.room, pack_value(play.room, "it", value))
    assert copy["who"] is ann
    assert copy["board"] is play.room.board
    assert copy["to"] is red
    assert copy["of"] == [Profile("x", [1]), [1]]
    assert copy["of"][0].scores is copy["of"][1]


class Asking(Den):
    def tick(self) -> None:
        super().tick()
        if self.tick_number % 4 == 0:
            self.ask(["ada", "nobody", "bob"][self.tick_number // 4 % 3])


def test_a_journal_has_the_results() -> None:
    play = JournaledPlay(room := Asking())
    for _ in range(17):
        play.rehearsal.step()
        play.rehearsal.run_calls()
        play.tick_over()
    records = records_of(play.end())
    played = list(replay(Asking, records[1:]))
    assert [mismatch for _, _, mismatch in played if mismatch is not None] == []
    results = played[-1][0].room.seen
    assert [repr(one) for one in results] == [repr(one) for one in room.seen]
    assert [type(result).__name__ for _, result in results] == [
        *("NotFound", "Profile", "Profile", "NotFound"),
    ]
    assert played[-1][0].stepper.calls.requests == [], "a replay runs nothing"
