"""Rooms with an ``input``: exactly one per player and tick, and the rules if none has come."""

from __future__ import annotations

from typing import Any

import pytest

from gameserver.errors import LocalProtocolError
from gameserver.model.schema import command, entity, number, synced
from gameserver.replication.publisher import Publisher
from gameserver.room import Player, Room
from gameserver.simulation.inputs import LENGTH_TICKS
from gameserver.simulation.stepper import Seated, Stepper
from tests.support.frame_sinks import FakeSink, NoSink


@entity(at=("x", "y"))
class Ship:
    x: int = synced(0)
    y: int = synced(0)


@command
class Steer:
    turn: int = number(-9, 9)


@command
class Play:
    name: int = number(0, 9)


class Helm(Room):
    """Notes the arguments of its hooks."""

    classes = (Ship, Steer, Play)
    input = Steer
    idle_repeat_ticks = 2

    def on_create(self) -> None:
        self.calls: list[Any] = []

    def on_command(self, player: Player, command: Steer | Play) -> None:
        value = command.turn if isinstance(command, Steer) else f"play {command.name}"
        self.calls.append((player.seat, value))
        if value == 9:
            raise RuntimeError("nine")

    def tick(self) -> None:
        self.calls.append(self.tick_number)

    def take(self) -> list[Any]:
        calls, self.calls = self.calls, []
        return calls


def join(stepper: Stepper[Any], seat: int = 1) -> Seated:
    return stepper.join(seat, NoSink(), f"player {seat}")


def test_exactly_one_input_per_player_and_tick_in_the_order_of_seats() -> None:
    stepper = Stepper(Helm())
    bob, ann = join(stepper, 2), join(stepper, 1)
    bob.commands.take(1, Steer(5), tick=1)
    for seq, tick in enumerate((1, 2), 1):
        ann.commands.take(seq, Steer(tick), tick=tick)
    stepper.step(1)
    assert stepper.room.take() == [(1, 1), (2, 5), 1]
    stepper.step(2)
    assert stepper.room.take() == [(1, 2), (2, 5), 2]


def test_other_commands_come_first_and_do_not_wait_for_their_tick() -> None:
    stepper = Stepper(Helm())
    ann = join(stepper)
    ann.commands.take(1, Steer(1), tick=1)
    ann.commands.take(2, Play(7), tick=30)
    stepper.step(1)
    assert stepper.room.take() == [(1, "play 7"), (1, 1), 1]
    assert ann.commands.dropped == 0


def test_the_last_input_is_repeated_for_a_while_then_let_go() -> None:
    stepper = Stepper(Helm())
    ann = join(stepper)
    stepper.step(1)
    assert stepper.room.take() == [1], "nothing is made up before the first"
    ann.commands.take(1, Steer(4), tick=2)
    for tick in range(2, 7):
        stepper.step(tick)
    assert stepper.room.take() == [(1, 4), 2, (1, 4), 3, (1, 4), 4, (1, 0), 5, (1, 0), 6]
    assert ann.commands.idle_ticks == 2
    ann.commands.take(2, Steer(-4), tick=7)
    stepper.step(7)
    assert stepper.room.take() == [(1, -4), 7]


def test_neutral_means_at_once() -> None:
    class Strict(Helm):
        idle = "neutral"

    stepper = Stepper(Strict())
    ann = join(stepper)
    ann.commands.take(1, Steer(4), tick=1)
    stepper.step(1)
    stepper.step(2)
    assert stepper.room.take() == [(1, 4), 1, (1, 0), 2]
    assert ann.commands.idle_ticks == 1


def test_a_room_says_what_neutral_is() -> None:
    class Own(Helm):
        idle = "neutral"

        def on_idle(self, player: Player) -> Steer:
            return Steer(player.seat)

    stepper = Stepper(Own())
    ann = join(stepper, 3)
    ann.commands.take(1, Steer(4), tick=1)
    stepper.step(1)
    stepper.step(2)
    assert stepper.room.take() == [(3, 4), 1, (3, 3), 2]


def test_a_failing_on_idle_is_that_players_failure() -> None:
    class Broken(Helm):
        idle = "neutral"

        def on_idle(self, player: Player) -> Steer:
            raise RuntimeError("no idea")

    stepper = Stepper(Broken())
    ann, bob = join(stepper, 1), join(stepper, 2)
    ann.commands.take(1, Steer(4), tick=1)
    stepper.step(1)
    bob.commands.take(1, Steer(6), tick=2)
    stepper.step(2)
    assert stepper.room.take() == [(1, 4), 1, (2, 6), 2]
    assert [(f.hook, f.player) for f in stepper.failures] == [("on_idle", ann.player)]


def test_after_a_failing_input_nothing_more_of_that_player_is_applied() -> None:
    stepper = Stepper(Helm())
    ann = join(stepper)
    for seq, turn in enumerate((9, 1, 2), 1):
        ann.commands.take(seq, Steer(turn), tick=seq)
    stepper.step(1)
    assert [f.player for f in stepper.failures] == [ann.player]
    assert ann.commands.dropped == 2


def test_the_margin_is_how_early_the_newest_was_when_it_was_read() -> None:
    stepper = Stepper(Helm())
    ann = join(stepper)

    def margin() -> int | None:
        return ann.seat.margin

    assert margin() is None
    ann.commands.take(1, Steer(0))
    assert margin() is None, "it said no tick"
    stepper.step(1)
    ann.commands.take(2, Steer(0), tick=2)
    assert margin() == 0, "just in time for the next"
    ann.commands.take(3, Steer(0), tick=5)
    assert margin() == 3
    ann.commands.take(4, Steer(0), tick=1)
    assert margin() == -1
    ann.commands.take(5, Play(1), tick=9)
    assert margin() == -1, "only inputs are for a tick"
    stepper.expect(12)  # ticks were dropped: the next to be simulated is 12
    ann.commands.take(6, Steer(0), tick=12)
    assert margin() == 0


def test_a_margin_is_told_once() -> None:
    stepper, sink = Stepper(Helm()), FakeSink()
    publisher = Publisher(stepper.room.world, check_every_ticks=10**6, quiet_ticks=1)
    ann = stepper.join(1, sink, "ann")
    publisher.add(ann.seat)
    ann.commands.take(1, Steer(0), tick=3)
    for tick in (1, 2):
        stepper.step(tick)
        publisher.publish(tick)
    # [18, tick, ack, margin, …] behind a header of two bytes
    assert [frame[5:7] for frame in sink.frames] == [b"\x00\x02", b"\x00\xc0"]


def test_what_is_refused_is_acknowledged_and_counted() -> None:
    stepper = Stepper(Helm())
    ann = join(stepper)
    ann.commands.take(1, Steer(1), tick=1)
    ann.commands.take(2, Steer(2), tick=1)
    assert (ann.commands.duplicate, ann.seat.command_seq) == (1, 2)
    ann.commands.take(3, Steer(3), tick=2 + LENGTH_TICKS)
    assert (ann.commands.early, ann.seat.command_seq) == (1, 3)
    ann.commands.take(3, Steer(3), tick=2)
    assert ann.commands.duplicate == 2
    stepper.step(1)
    assert stepper.room.take() == [(1, 1), 1]
    assert ann.seat.command_seq == 3, "an ack never goes back"
    ann.commands.take(4, Steer(4), tick=1)
    stepper.step(2)
    assert (ann.commands.late, ann.commands.dropped) == (1, 0)
    assert stepper.room.take() == [(1, 4), 2], "late, but the newest there is"


def test_one_who_left_has_no_more_inputs() -> None:
    stepper = Stepper(Helm())
    ann = join(stepper)
    ann.commands.take(1, Steer(1), tick=1)
    stepper.leave(ann.player, "gone")
    bob = join(stepper)
    stepper.step(1)
    assert stepper.room.take() == [1]
    bob.commands.take(1, Steer(2), tick=2)
    stepper.step(2)
    assert stepper.room.take() == [(1, 2), 2]


def test_without_an_input_ticks_are_ignored_and_nothing_is_counted() -> None:
    class Plain(Helm):
        input = None  # type: ignore[assignment]

    stepper = Stepper(Plain())
    ann = join(stepper)
    ann.commands.take(1, Steer(1), tick=500)
    ann.commands.take(2, Steer(2), tick=500)
    stepper.step(1)
    stepper.step(2)
    assert stepper.room.take() == [(1, 1), (1, 2), 1, 2]
    assert ann.seat.margin is None
    assert (ann.commands.late, ann.commands.early, ann.commands.idle_ticks) == (0, 0, 0)


def test_an_input_must_be_a_command_of_the_room() -> None:
    class NoCommand(Helm):
        input = Ship  # type: ignore[assignment]

    class NotHere(Helm):
        classes = (Ship, Play)  # type: ignore[assignment]

    for kind in (NoCommand, NotHere):
        with pytest.raises(LocalProtocolError):
            Stepper(kind())


# ---------------------------------------------------------------- the latency budget


def step(stepper: Stepper[Helm], tick: int, begun_s: float, sent_s: float) -> None:
    """Step and publish by hand, with 0.25 s of simulation."""
    stepper.input_times.begin_tick(begun_s)
    stepper.step(tick)
    stepper.input_times.note_sent(tick, sent_s, 0.25)


def told(stepper: Stepper[Helm], seated: Seated, tick: int, begun_s: float, sent_s: float) -> None:
    """Step and publish by hand, with a delta to this seat."""
    seated.seat.posted_tick = tick
    step(stepper, tick, begun_s, sent_s)


def test_an_inputs_waits_are_measured() -> None:
    stepper = Stepper(Helm())
    ann = join(stepper)
    ann.commands.take(1, Steer(1), tick=2, read_s=10.0)
    step(stepper, 1, 10.5, 10.6)
    assert not list(ann.commands.times.times.waits_s)
    told(stepper, ann, 2, 11.5, 12.0)
    for times in (ann.commands.times.times, stepper.input_times.times):
        assert list(times.waits_s) == [1.5]
        assert list(times.sends_s) == [0.25], "what was simulated is a stage of its own"


def test_a_delta_that_was_left_out_makes_the_wait_to_be_sent_longer() -> None:
    stepper = Stepper(Helm())
    ann = join(stepper)
    for seq in (1, 2):
        ann.commands.take(seq, Steer(1), tick=seq, read_s=10.0)
    step(stepper, 1, 11.0, 11.5)
    told(stepper, ann, 2, 12.0, 12.5)
    assert list(ann.commands.times.times.sends_s) == [1.25]


def test_repeated_inputs_and_ticks_without_a_clock_measure_nothing() -> None:
    stepper = Stepper(Helm())
    ann = join(stepper)
    ann.commands.take(1, Steer(1), read_s=10.0)
    told(stepper, ann, 1, 11.0, 11.5)
    told(stepper, ann, 2, 12.0, 12.5)
    times = ann.commands.times.times
    assert len(times.waits_s) == len(times.sends_s) == 1
    ann.commands.take(2, Steer(1))
    told(stepper, ann, 3, 13.0, 13.5)
    assert len(times.waits_s) == len(times.sends_s) == 1


def test_what_no_delta_will_tell_of_is_forgotten() -> None:
    stepper = Stepper(Helm())
    ann, bob = join(stepper, 1), join(stepper, 2)
    for seated in (ann, bob):
        seated.commands.take(1, Steer(1), read_s=10.0)
    step(stepper, 1, 11.0, 11.5)
    assert len(stepper.input_times.untold) == 2
    stepper.drop(ann.player)
    stepper.leave(bob.player, "gone")
    step(stepper, 2, 12.0, 12.5)
    assert stepper.input_times.untold == []
    assert not stepper.input_times.times.sends_s


def test_a_room_without_inputs_keeps_no_durations() -> None:
    class Plain(Helm):
        input = None  # type: ignore[assignment]

    stepper = Stepper(Plain())
    ann = join(stepper)
    ann.commands.take(1, Steer(1), read_s=10.0)
    told(stepper, ann, 1, 11.0, 11.5)
    assert not ann.commands.times.times.waits_s
