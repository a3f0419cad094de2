"""Rooms with an ``input``: exactly one per player and tick, and what goes on where none came."""

from __future__ import annotations

from typing import Any

import pytest
from sinks import FakeSink, NoSink

from gameserver.errors import LocalProtocolError
from gameserver.inputs import LENGTH_TICKS
from gameserver.model.schema import command, entity, number, synced
from gameserver.replication.publisher import Publisher
from gameserver.room import Player, Room


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
    """Notes what its hooks were called with."""

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


def join(room: Room, seat: int = 1) -> Player:
    return room.join(seat, NoSink(), f"player {seat}")


def test_exactly_one_input_per_player_and_tick_in_the_order_of_seats() -> None:
    room = Helm()
    bob, ann = join(room, 2), join(room, 1)
    bob.take_command(1, Steer(5), tick=1)
    for seq, tick in enumerate((1, 2), 1):
        ann.take_command(seq, Steer(tick), tick=tick)
    room.step(1)
    assert room.take() == [(1, 1), (2, 5), 1]
    room.step(2)
    assert room.take() == [(1, 2), (2, 5), 2]


def test_other_commands_come_first_and_do_not_wait_for_their_tick() -> None:
    room = Helm()
    ann = join(room)
    ann.take_command(1, Steer(1), tick=1)
    ann.take_command(2, Play(7), tick=30)
    room.step(1)
    assert room.take() == [(1, "play 7"), (1, 1), 1]
    assert ann.commands_dropped == 0


def test_the_last_input_is_repeated_for_a_while_then_let_go() -> None:
    room = Helm()
    ann = join(room)
    room.step(1)
    assert room.take() == [1], "nothing is made up before the first"
    ann.take_command(1, Steer(4), tick=2)
    for tick in range(2, 7):
        room.step(tick)
    assert room.take() == [(1, 4), 2, (1, 4), 3, (1, 4), 4, (1, 0), 5, (1, 0), 6]
    assert ann.idle_ticks == 2
    ann.take_command(2, Steer(-4), tick=7)
    room.step(7)
    assert room.take() == [(1, -4), 7]


def test_neutral_means_at_once() -> None:
    class Strict(Helm):
        idle = "neutral"

    room = Strict()
    ann = join(room)
    ann.take_command(1, Steer(4), tick=1)
    room.step(1)
    room.step(2)
    assert room.take() == [(1, 4), 1, (1, 0), 2]
    assert ann.idle_ticks == 1


def test_a_room_says_what_neutral_is() -> None:
    class Own(Helm):
        idle = "neutral"

        def on_idle(self, player: Player) -> Steer:
            return Steer(player.seat)

    room = Own()
    ann = join(room, 3)
    ann.take_command(1, Steer(4), tick=1)
    room.step(1)
    room.step(2)
    assert room.take() == [(3, 4), 1, (3, 3), 2]


def test_a_failing_on_idle_is_that_players_failure() -> None:
    class Broken(Helm):
        idle = "neutral"

        def on_idle(self, player: Player) -> Steer:
            raise RuntimeError("no idea")

    room = Broken()
    ann, bob = join(room, 1), join(room, 2)
    ann.take_command(1, Steer(4), tick=1)
    room.step(1)
    bob.take_command(1, Steer(6), tick=2)
    room.step(2)
    assert room.take() == [(1, 4), 1, (2, 6), 2]
    assert [(f.hook, f.player) for f in room.failures] == [("on_idle", ann)]


def test_after_a_failing_input_nothing_more_of_that_player_is_applied() -> None:
    room = Helm()
    ann = join(room)
    for seq, turn in enumerate((9, 1, 2), 1):
        ann.take_command(seq, Steer(turn), tick=seq)
    room.step(1)
    assert [f.player for f in room.failures] == [ann]
    assert ann.commands_dropped == 2


def test_the_margin_is_how_early_the_newest_was_when_it_was_read() -> None:
    room = Helm()
    ann = join(room)

    def margin() -> int | None:
        return ann._seat.margin

    assert margin() is None
    ann.take_command(1, Steer(0))
    assert margin() is None, "it said no tick"
    room.step(1)
    ann.take_command(2, Steer(0), tick=2)
    assert margin() == 0, "just in time for the next"
    ann.take_command(3, Steer(0), tick=5)
    assert margin() == 3
    ann.take_command(4, Steer(0), tick=1)
    assert margin() == -1
    ann.take_command(5, Play(1), tick=9)
    assert margin() == -1, "only inputs are for a tick"
    room.expect(12)  # ticks were dropped: the next to be simulated is 12
    ann.take_command(6, Steer(0), tick=12)
    assert margin() == 0


def test_a_margin_is_told_once() -> None:
    room, sink = Helm(), FakeSink()
    publisher = Publisher(room.world, check_every_ticks=10**6, quiet_ticks=1)
    ann = room.join(1, sink, "ann")
    publisher.add(ann._seat)
    ann.take_command(1, Steer(0), tick=3)
    for tick in (1, 2):
        room.step(tick)
        publisher.publish(tick)
    # [18, tick, ack, margin, …] behind a header of two bytes
    assert [frame[5:7] for frame in sink.frames] == [b"\x00\x02", b"\x00\xc0"]


def test_what_is_refused_is_acknowledged_and_counted() -> None:
    room = Helm()
    ann = join(room)
    ann.take_command(1, Steer(1), tick=1)
    ann.take_command(2, Steer(2), tick=1)
    assert (ann.commands_duplicate, ann._seat.command_seq) == (1, 2)
    ann.take_command(3, Steer(3), tick=2 + LENGTH_TICKS)
    assert (ann.commands_early, ann._seat.command_seq) == (1, 3)
    ann.take_command(3, Steer(3), tick=2)
    assert ann.commands_duplicate == 2
    room.step(1)
    assert room.take() == [(1, 1), 1]
    assert ann._seat.command_seq == 3, "an ack never goes back"
    ann.take_command(4, Steer(4), tick=1)
    room.step(2)
    assert (ann.commands_late, ann.commands_dropped) == (1, 0)
    assert room.take() == [(1, 4), 2], "late, but the newest there is"


def test_one_who_left_has_no_more_inputs() -> None:
    room = Helm()
    ann = join(room)
    ann.take_command(1, Steer(1), tick=1)
    room.leave(ann, "gone")
    bob = join(room)
    room.step(1)
    assert room.take() == [1]
    bob.take_command(1, Steer(2), tick=2)
    room.step(2)
    assert room.take() == [(1, 2), 2]


def test_without_an_input_ticks_are_ignored_and_nothing_is_counted() -> None:
    class Plain(Helm):
        input = None  # type: ignore[assignment]

    room = Plain()
    ann = join(room)
    ann.take_command(1, Steer(1), tick=500)
    ann.take_command(2, Steer(2), tick=500)
    room.step(1)
    room.step(2)
    assert room.take() == [(1, 1), (1, 2), 1, 2]
    assert ann._seat.margin is None
    assert (ann.commands_late, ann.commands_early, ann.idle_ticks) == (0, 0, 0)


def test_an_input_must_be_a_command_of_the_room() -> None:
    class NoCommand(Helm):
        input = Ship  # type: ignore[assignment]

    class NotHere(Helm):
        classes = (Ship, Play)  # type: ignore[assignment]

    for kind in (NoCommand, NotHere):
        with pytest.raises(LocalProtocolError):
            kind()


# ---------------------------------------------------------------- the latency budget


def told(room: Room, player: Player, tick: int, begun_s: float, sent_s: float) -> None:
    """Step and publish by hand; ``player`` has its delta if it is posted."""
    room.step(tick, begun_s)
    player._seat.posted_tick = tick
    room.published(tick, sent_s, 0.25)


def test_an_inputs_waits_are_measured() -> None:
    room = Helm()
    ann = join(room)
    ann.take_command(1, Steer(1), tick=2, read_s=10.0)
    room.step(1, 10.5)
    room.published(1, 10.6)
    assert not list(ann.input_times.waits_s)
    told(room, ann, 2, 11.5, 12.0)
    for times in (ann.input_times, room.input_times):
        assert list(times.waits_s) == [1.5]
        assert list(times.sends_s) == [0.25], "what was simulated is a stage of its own"


def test_a_delta_that_was_left_out_makes_the_wait_to_be_sent_longer() -> None:
    room = Helm()
    ann = join(room)
    for seq in (1, 2):
        ann.take_command(seq, Steer(1), tick=seq, read_s=10.0)
    room.step(1, 11.0)
    room.published(1, 11.5, 0.25)
    told(room, ann, 2, 12.0, 12.5)
    assert list(ann.input_times.sends_s) == [1.25]


def test_repeated_inputs_and_untimed_rooms_measure_nothing() -> None:
    room = Helm()
    ann = join(room)
    ann.take_command(1, Steer(1), read_s=10.0)
    told(room, ann, 1, 11.0, 11.5)
    told(room, ann, 2, 12.0, 12.5)
    assert len(ann.input_times.waits_s) == len(ann.input_times.sends_s) == 1
