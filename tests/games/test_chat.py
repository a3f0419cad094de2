"""Chat: members, names, texts and the history."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gameserver.games.chat import HISTORY_LINES, Chat, Line, Member, Rename
from gameserver.outbox import Text
from gameserver.protocol.texts import valid_name
from gameserver.simulation.stepper import Stepper
from tests.support.frame_sinks import NoSink


def members(room):
    return {m.seat: m.name for m in room.world.of_class(Member)}


def lines(room):
    return [(x.number, x.name, x.text) for x in room.world.of_class(Line)]


def test_the_list_follows_who_comes_and_goes():
    stepper = Stepper(Chat())
    room = stepper.room
    ann, bob = stepper.join(1, NoSink(), "Ann"), stepper.join(2, NoSink(), "Bob")
    assert members(room) == {1: "Ann", 2: "Bob"}
    stepper.leave(ann.player, "gone")
    assert members(room) == {2: "Bob"}
    stepper.leave(bob.player, "gone")
    assert members(room) == {}
    assert not stepper.failures


def test_twins_and_the_nameless_get_names_of_their_own():
    stepper = Stepper(Chat())
    room = stepper.room
    for seat, name in enumerate(["Ann", "ann", "\u202e ", " Ann "], 1):
        stepper.join(seat, NoSink(), name)
    assert members(room) == {1: "Ann", 2: "ann 2", 3: "Guest 3", 4: "Ann 3"}
    assert [p.name for p in room.players.values()] == list(members(room).values())


def test_a_new_name_speaks_from_then_on():
    stepper = Stepper(Chat())
    room = stepper.room
    ann = stepper.join(1, NoSink(), "Ann")
    stepper.hear(ann.player, "one")
    stepper.step(1)
    ann.commands.take(1, Rename("Anna"))
    stepper.hear(ann.player, "two")
    stepper.step(2)
    assert members(room) == {1: "Anna"}
    assert [(said.name, said.text) for said in stepper.take_texts()] == [
        ("Ann", "one"),
        ("Anna", "two"),
    ]
    assert lines(room) == [(1, "Ann", "one"), (2, "Anna", "two")]


def test_keeping_the_own_name_is_no_clash():
    stepper = Stepper(Chat())
    room = stepper.room
    ann = stepper.join(1, NoSink(), "Ann")
    ann.commands.take(1, Rename("ANN"))
    stepper.step(1)
    assert members(room) == {1: "ANN"}


def test_everyone_hears_a_text_and_nobody_hears_nothing():
    stepper = Stepper(Chat())
    ann = stepper.join(1, NoSink(), "Ann")
    stepper.hear(ann.player, "  hello ")
    stepper.hear(ann.player, "   ")
    stepper.step(1)
    assert stepper.take_texts() == [Text(1, "Ann", "hello", None)]


def test_the_last_lines_are_kept():
    stepper = Stepper(Chat())
    room = stepper.room
    ann = stepper.join(1, NoSink(), "Ann")
    for number in range(1, HISTORY_LINES + 4):
        stepper.hear(ann.player, f"line {number}")
    stepper.step(1)
    kept = range(4, HISTORY_LINES + 4)
    assert lines(room) == [(n, "Ann", f"line {n}") for n in kept]
    stepper.leave(ann.player, "gone")
    assert len(lines(room)) == HISTORY_LINES, "what was said stays"
    assert not stepper.failures


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("join"), st.integers(1, 4), st.text(max_size=24)),
            st.tuples(st.just("leave"), st.integers(1, 4), st.just("")),
            st.tuples(st.just("name"), st.integers(1, 4), st.text(max_size=24)),
            st.tuples(st.just("say"), st.integers(1, 4), st.text(max_size=30)),
        ),
        max_size=40,
    )
)
def test_whatever_people_do_the_list_is_right(doings):
    stepper = Stepper(Chat())
    room = stepper.room
    for tick, (what, seat, text) in enumerate(doings, 1):
        seated = stepper.seated.get(seat)
        if what == "join" and seated is None:
            stepper.join(seat, NoSink(), text)
        elif seated is not None:
            if what == "leave":
                stepper.leave(seated.player, "gone")
            elif what == "name":
                seated.commands.take(tick, Rename(text))
            elif what == "say":
                stepper.hear(seated.player, text)
        stepper.step(tick)
        assert not stepper.failures
        names = members(room)
        assert names == {p.seat: p.name for p in room.players.values()}
        assert len({name.casefold() for name in names.values()}) == len(names)
        assert all(valid_name(name) for name in names.values())
        assert len(lines(room)) <= HISTORY_LINES
