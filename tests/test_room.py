"""The game's side of a tick: order of commands, hooks that fail, events, chat, ownership."""

from __future__ import annotations

from typing import Any

import pytest

from gameserver.errors import LocalProtocolError
from gameserver.model.schema import command, entity, event, number, synced
from gameserver.outbox import Text
from gameserver.room import Player, Room
from gameserver.simulation.commands import MAX_WAITING_COMMANDS
from gameserver.simulation.stepper import MAX_WAITING_TEXTS, Stepper
from tests.support.frame_sinks import NoSink


@entity(at=("x", "y"))
class Ship:
    x: float = synced(0.0)
    y: float = synced(0.0)


@command
class Push:
    by: int = number(-100, 100)


@event
class Bump:
    by: int


class Recorder(Room):
    """Notes what its hooks were called with."""

    def on_create(self) -> None:
        self.calls: list[Any] = []

    def on_join(self, player: Player) -> None:
        self.calls.append(("join", player.seat))

    def on_leave(self, player: Player, reason: str) -> None:
        self.calls.append(("leave", player.seat, reason))

    def on_command(self, player: Player, command: Push) -> None:
        self.calls.append((player.seat, command.by))
        if command.by == 13:
            raise RuntimeError("unlucky")

    def on_say(self, player: Player, text: str) -> str | None:
        if text == "boom":
            raise RuntimeError(text)
        return text.upper() if text != "secret" else None

    def tick(self) -> None:
        self.calls.append(("tick", self.tick_number))


def test_the_schema_is_what_the_module_declares() -> None:
    schema = Recorder.schema()
    assert set(schema.kinds) == {Ship, Push, Bump}
    assert Recorder.schema() is schema

    class Explicit(Recorder):
        classes = (Ship,)

    assert set(Explicit.schema().kinds) == {Ship}


def test_commands_are_applied_in_seat_and_seq_order_before_the_tick() -> None:
    stepper = Stepper(Recorder())
    room = stepper.room
    second, first = stepper.join(2, NoSink(), "b"), stepper.join(1, NoSink(), "a")
    second.commands.take(1, Push(21))
    first.commands.take(1, Push(11))
    first.commands.take(5, Push(12))
    stepper.step(7)
    assert room.calls == [("join", 2), ("join", 1), (1, 11), (1, 12), (2, 21), ("tick", 7)]
    assert first.seat.command_seq == 5


def test_stale_commands_are_counted_and_dropped() -> None:
    stepper = Stepper(Recorder())
    room = stepper.room
    player = stepper.join(1, NoSink(), "a")
    for seq in (2, 2, 1):
        player.commands.take(seq, Push(seq))
    stepper.step(1)
    player.commands.take(2, Push(99))
    stepper.step(2)
    assert player.commands.duplicate == 3
    assert [c for c in room.calls if c[0] == 1] == [(1, 2)]


def test_too_many_commands_drop_the_oldest_and_are_counted() -> None:
    stepper = Stepper(Recorder())
    player = stepper.join(1, NoSink(), "a")
    for seq in range(1, MAX_WAITING_COMMANDS + 4):
        player.commands.take(seq, Push(0))
    assert player.commands.dropped == 3
    assert player.commands._inbox[0].seq == 4


def test_a_failing_hook_is_noted_and_the_others_go_on() -> None:
    stepper = Stepper(Recorder())
    room = stepper.room
    bad, good = stepper.join(1, NoSink(), "bad"), stepper.join(2, NoSink(), "good")
    bad.commands.take(1, Push(13))
    bad.commands.take(2, Push(1))
    good.commands.take(1, Push(5))
    stepper.hear(bad.player, "boom")
    stepper.step(3)
    assert [(f.hook, f.player, str(f.error)) for f in stepper.failures] == [
        ("on_command", bad.player, "unlucky"),
        ("on_say", bad.player, "boom"),
    ]
    assert (1, 1) not in room.calls, "nothing more of a player whose command failed"
    assert bad.commands.dropped == 1
    bad.commands.take(3, Push(7))
    stepper.step(4)
    assert (1, 7) in room.calls, "unless its session lives on"
    assert (2, 5) in room.calls
    assert ("tick", 3) in room.calls


def test_what_is_said_goes_through_the_hook() -> None:
    stepper = Stepper(Recorder())
    room = stepper.room
    player = stepper.join(1, NoSink(), "a")
    stepper.hear(player.player, "hello")
    stepper.hear(player.player, "secret")
    room.say("welcome", to=player.player)
    stepper.step(1)
    assert stepper.take_texts() == [Text(0, "", "welcome", (1,)), Text(1, "a", "HELLO", None)]


def test_texts_are_bounded() -> None:
    stepper = Stepper(Recorder())
    player = stepper.join(1, NoSink(), "a")
    for _ in range(MAX_WAITING_TEXTS + 2):
        stepper.hear(player.player, "x")
    assert stepper.texts_dropped == 2


def test_leaving_frees_what_was_owned_once() -> None:
    stepper = Stepper(Recorder())
    room = stepper.room
    player = stepper.join(1, NoSink(), "a")
    ship = room.spawn(Ship(), owner=player.player)
    player.player.entity = ship
    stepper.hear(player.player, "too late")
    stepper.leave(player.player, "bye")
    stepper.leave(player.player, "bye again")
    assert room.calls[-1] == ("leave", 1, "bye")
    assert room.world.owned == {}
    assert room.id_of(ship) == 1
    stepper.step(1)
    assert stepper.take_texts() == []


def test_a_kicked_player_counts_until_it_has_left() -> None:
    stepper = Stepper(Recorder())
    ann, bob = stepper.join(1, NoSink(), "ann"), stepper.join(2, NoSink(), "bob")
    assert stepper.kicked == []
    bob.player.kick("enough")
    bob.player.kick("really")
    assert stepper.kicked == [bob.player]
    assert bob.player.kicked == "really"
    stepper.leave(bob.player, "kicked")
    ann.player.kick("you too")
    bob.player.kick("again")
    assert stepper.kicked == [ann.player]


def test_what_was_for_one_who_left_does_not_reach_the_next_in_the_seat() -> None:
    stepper = Stepper(Recorder())
    room = stepper.room
    player = stepper.join(1, NoSink(), "a")
    room.emit(Bump(1), to=player.player)
    room.say("psst", to=player.player)
    room.emit(Bump(2))
    room.say("hello all")
    stepper.hear(player.player, "said by a")
    stepper.leave(player.player, "bye")
    stepper.join(1, NoSink(), "b")
    stepper.step(1)
    assert [e.event.by for e in stepper.take_emissions()] == [2]
    assert stepper.take_texts() == [Text(0, "", "hello all", None)]


def test_a_despawned_entity_is_no_longer_steered() -> None:
    stepper = Stepper(Recorder())
    room = stepper.room
    player = stepper.join(1, NoSink(), "a")
    ship = Ship()
    with pytest.raises(LocalProtocolError, match="spawn the Ship before"):
        player.player.entity = ship
    player.player.entity = room.spawn(ship)
    assert player.player.entity is ship
    room.despawn(ship)
    assert player.player.entity is None


def test_events_must_be_declared() -> None:
    stepper = Stepper(Recorder())
    room = stepper.room
    room.emit(Bump(1))
    room.emit(Bump(2), at=(1, 2))
    room.emit(Bump(3), at=[(1, 2), (3, 4)])
    room.emit(Bump(4), to=stepper.join(1, NoSink(), "a").player)
    assert [(e.points, e.seat) for e in stepper.take_emissions()] == [
        (None, None),
        (((1, 2),), None),
        ([(1, 2), (3, 4)], None),
        (None, 1),
    ]
    for wrong in (Ship(), Push(), 3):
        with pytest.raises(LocalProtocolError, match="is no event class: write @event"):
            room.emit(wrong)
    with pytest.raises(LocalProtocolError, match=r"a point \(x, y\) or a list of them, no Ship"):
        room.emit(Bump(1), at=Ship())  # type: ignore[arg-type]


def test_tools_take_a_player_and_not_the_number_of_its_seat() -> None:
    stepper = Stepper(Recorder())
    room = stepper.room
    player: Any = stepper.join(1, NoSink(), "a").player
    wanted = "= is a Player, such as room.players has by seat, no "
    with pytest.raises(LocalProtocolError, match=f"owner{wanted}int"):
        room.spawn(Ship(), owner=player.seat)
    with pytest.raises(LocalProtocolError, match=f"to{wanted}int"):
        room.emit(Bump(1), to=player.seat)
    with pytest.raises(LocalProtocolError, match=f"to{wanted}str"):
        room.say("psst", to=player.name)
    assert (len(room.world), stepper.take_emissions(), stepper.take_texts()) == (0, [], [])


def test_the_seed_decides_what_is_random() -> None:
    assert Recorder(seed=5).random.random() == Recorder(seed=5).random.random()
    assert Recorder().dt == 1 / 20


class Crier(Room):
    """Says what it is told to, and returns what was said with something around it."""

    answer: object = None

    def on_say(self, player: Player, text: str) -> str | None:
        self.say(f"{player.name}\x1b[2J said\n{text}\u202e")
        self.say("\u3164 \x00")
        return self.answer  # type: ignore[return-value]


def test_what_the_game_says_holds_nothing_that_no_text_may() -> None:
    room = Crier("crier/1", seed=1)
    stepper = Stepper(room)
    ann = stepper.join(1, NoSink(), "Ann")
    for room.answer in ("<\r\n\u2066👩\u200d🚀\x07>", "\u200b", None, ""):
        stepper.hear(ann.player, "hello")
        stepper.step(1)
    own = "Ann[2J said hello"
    said = [text.text for text in stepper.take_texts()]
    assert said == [own, "<  👩\u200d🚀>", own, own, own]
    assert stepper.failures == []


def test_on_say_that_returns_no_text_failed_on_that_player() -> None:
    stepper = Stepper(Crier("crier/1", seed=1))
    ann = stepper.join(1, NoSink(), "Ann")
    stepper.room.answer = 5
    stepper.hear(ann.player, "hello")
    stepper.step(1)
    (failure,) = stepper.failures
    assert (failure.hook, failure.player) == ("on_say", ann.player)
    assert str(failure.error) == "Crier.on_say must return a str or None, not 5"
