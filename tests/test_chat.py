"""Chat: members, names, texts and the history."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from sinks import NoSink

from gameserver.games.chat import HISTORY_LINES, Chat, Line, Member, Rename
from gameserver.protocol.texts import valid_name


def members(room):
    return {m.seat: m.name for m in room.world.of_class(Member)}


def lines(room):
    return [(x.number, x.name, x.text) for x in room.world.of_class(Line)]


def test_who_comes_and_goes_is_on_the_list():
    room = Chat()
    ann, bob = room.join(1, NoSink(), "Ann"), room.join(2, NoSink(), "Bob")
    assert members(room) == {1: "Ann", 2: "Bob"}
    room.leave(ann, "gone")
    assert members(room) == {2: "Bob"}
    room.leave(bob, "gone")
    assert members(room) == {}
    assert not room.failures


def test_twins_and_the_nameless_get_names_of_their_own():
    room = Chat()
    for seat, name in enumerate(["Ann", "ann", "\u202e ", " Ann "], 1):
        room.join(seat, NoSink(), name)
    assert members(room) == {1: "Ann", 2: "ann 2", 3: "Guest 3", 4: "Ann 3"}
    assert [p.name for p in room.players.values()] == list(members(room).values())


def test_a_new_name_speaks_from_then_on():
    room = Chat()
    ann = room.join(1, NoSink(), "Ann")
    room.hear(ann, "one")
    room.step(1)
    ann.take_command(1, Rename("Anna"))
    room.hear(ann, "two")
    room.step(2)
    assert members(room) == {1: "Anna"}
    assert [(name, text) for _, name, text, _ in room.texts] == [("Ann", "one"), ("Anna", "two")]
    assert lines(room) == [(1, "Ann", "one"), (2, "Anna", "two")]


def test_keeping_the_own_name_is_no_clash():
    room = Chat()
    ann = room.join(1, NoSink(), "Ann")
    ann.take_command(1, Rename("ANN"))
    room.step(1)
    assert members(room) == {1: "ANN"}


def test_everyone_hears_a_text_and_nobody_hears_nothing():
    room = Chat()
    ann = room.join(1, NoSink(), "Ann")
    room.hear(ann, "  hello ")
    room.hear(ann, "   ")
    room.step(1)
    assert room.texts == [(1, "Ann", "hello", None)]


def test_the_last_lines_are_kept():
    room = Chat()
    ann = room.join(1, NoSink(), "Ann")
    for number in range(1, HISTORY_LINES + 4):
        room.hear(ann, f"line {number}")
    room.step(1)
    kept = range(4, HISTORY_LINES + 4)
    assert lines(room) == [(n, "Ann", f"line {n}") for n in kept]
    room.leave(ann, "gone")
    assert len(lines(room)) == HISTORY_LINES, "what was said stays"
    assert not room.failures


@settings(deadline=None)
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
    room = Chat()
    for tick, (what, seat, text) in enumerate(doings, 1):
        player = room.players.get(seat)
        if what == "join" and player is None:
            room.join(seat, NoSink(), text)
        elif player is not None:
            if what == "leave":
                room.leave(player, "gone")
            elif what == "name":
                player.take_command(tick, Rename(text))
            elif what == "say":
                room.hear(player, text)
        room.step(tick)
        assert not room.failures
        names = members(room)
        assert names == {p.seat: p.name for p in room.players.values()}
        assert len({name.casefold() for name in names.values()}) == len(names)
        assert all(valid_name(name) for name in names.values())
        assert len(lines(room)) <= HISTORY_LINES
