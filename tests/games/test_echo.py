"""Echo: one question, one answer, to one player."""

from __future__ import annotations

from gameserver.games.echo import Ask, Echo, Told
from gameserver.simulation.stepper import Stepper
from tests.support.frame_sinks import NoSink


def test_each_question_comes_back_to_the_one_who_asked():
    stepper = Stepper(Echo())
    ann, bob = stepper.join(1, NoSink(), "Ann"), stepper.join(2, NoSink(), "Bob")
    bob.commands.take(1, Ask(7, "b"))
    ann.commands.take(1, Ask(-1, "a"))
    ann.commands.take(2, Ask(0, ""))
    stepper.step(5)
    assert not stepper.failures
    assert [(e.seat, e.points, e.event) for e in stepper.take_emissions()] == [
        (1, None, Told(-1, "a", 5)),
        (1, None, Told(0, "", 5)),
        (2, None, Told(7, "b", 5)),
    ]


def test_the_schema_holds_the_two_words():
    schema = Echo.schema()
    assert [c.name for c in schema.commands] == ["Ask"]
    assert [e.name for e in schema.events] == ["Told"]
    assert schema.entities == ()
