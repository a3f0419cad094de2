"""Echo: one question, one answer, to one player."""

from __future__ import annotations

from sinks import NoSink

from gameserver.games.echo import Ask, Echo, Told


def test_each_question_comes_back_to_the_one_who_asked():
    room = Echo()
    ann, bob = room.join(1, NoSink(), "Ann"), room.join(2, NoSink(), "Bob")
    bob.take_command(1, Ask(7, "b"))
    ann.take_command(1, Ask(-1, "a"))
    ann.take_command(2, Ask(0, ""))
    room.step(5)
    assert not room.failures
    assert [(e.seat, e.points, e.event) for e in room.emissions] == [
        (ann.seat, None, Told(-1, "a", 5)),
        (ann.seat, None, Told(0, "", 5)),
        (bob.seat, None, Told(7, "b", 5)),
    ]


def test_the_schema_holds_the_two_words():
    schema = Echo.schema()
    assert [c.name for c in schema.commands] == ["Ask"]
    assert [e.name for e in schema.events] == ["Told"]
    assert schema.entities == ()
