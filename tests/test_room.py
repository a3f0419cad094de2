"""The game's side of a tick: order of commands, hooks that fail, events, chat, ownership."""

from __future__ import annotations

from typing import Any

import pytest
from sinks import NoSink

from gameserver.errors import LocalProtocolError
from gameserver.model.schema import command, entity, event, number, synced
from gameserver.player import MAX_WAITING_COMMANDS
from gameserver.room import MAX_WAITING_TEXTS, Player, Room


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
    room = Recorder()
    second, first = room.join(2, NoSink(), "b"), room.join(1, NoSink(), "a")
    second.take_command(1, Push(21))
    first.take_command(1, Push(11))
    first.take_command(5, Push(12))
    room.step(7)
    assert room.calls == [("join", 2), ("join", 1), (1, 11), (1, 12), (2, 21), ("tick", 7)]
    assert first._seat.command_seq == 5


def test_stale_commands_are_counted_and_dropped() -> None:
    room = Recorder()
    player = room.join(1, NoSink(), "a")
    for seq in (2, 2, 1):
        player.take_command(seq, Push(seq))
    room.step(1)
    player.take_command(2, Push(99))
    room.step(2)
    assert player.commands_duplicate == 3
    assert [c for c in room.calls if c[0] == 1] == [(1, 2)]


def test_too_many_commands_drop_the_oldest_and_are_counted() -> None:
    room = Recorder()
    player = room.join(1, NoSink(), "a")
    for seq in range(1, MAX_WAITING_COMMANDS + 4):
        player.take_command(seq, Push(0))
    assert player.commands_dropped == 3
    assert next(iter(player._inbox))[1] == 4


def test_a_failing_hook_is_noted_and_the_others_go_on() -> None:
    room = Recorder()
    bad, good = room.join(1, NoSink(), "bad"), room.join(2, NoSink(), "good")
    bad.take_command(1, Push(13))
    bad.take_command(2, Push(1))
    good.take_command(1, Push(5))
    room.hear(bad, "boom")
    room.step(3)
    assert [(f.hook, f.player, str(f.error)) for f in room.failures] == [
        ("on_command", bad, "unlucky"),
        ("on_say", bad, "boom"),
    ]
    assert (1, 1) not in room.calls, "nothing more of a player whose command failed"
    assert bad.commands_dropped == 1
    bad.take_command(3, Push(7))
    room.step(4)
    assert (1, 7) in room.calls, "unless its session lives on"
    assert (2, 5) in room.calls
    assert ("tick", 3) in room.calls


def test_what_is_said_goes_through_the_hook() -> None:
    room = Recorder()
    player = room.join(1, NoSink(), "a")
    room.hear(player, "hello")
    room.hear(player, "secret")
    room.say("welcome", to=player)
    room.step(1)
    assert room.texts == [(0, "", "welcome", 1), (1, "a", "HELLO", None)]


def test_texts_are_bounded() -> None:
    room = Recorder()
    player = room.join(1, NoSink(), "a")
    for _ in range(MAX_WAITING_TEXTS + 2):
        room.hear(player, "x")
    assert room.texts_dropped == 2


def test_leaving_frees_what_was_owned_once() -> None:
    room = Recorder()
    player = room.join(1, NoSink(), "a")
    ship = room.spawn(Ship(), owner=player)
    player.entity = ship
    room.hear(player, "too late")
    room.leave(player, "bye")
    room.leave(player, "bye again")
    assert room.calls[-1] == ("leave", 1, "bye")
    assert room.world.owned == {}
    assert room.id_of(ship) == 1
    room.step(1)
    assert room.texts == []


def test_who_is_kicked_counts_until_it_has_left() -> None:
    room = Recorder()
    ann, bob = room.join(1, NoSink(), "ann"), room.join(2, NoSink(), "bob")
    assert list(room.kicked) == []
    bob.kick("enough")
    bob.kick("really")
    assert list(room.kicked) == [bob]
    assert bob.kicked == "really"
    room.leave(bob, "kicked")
    ann.kick("you too")
    bob.kick("again")
    assert list(room.kicked) == [ann]


def test_what_was_for_one_who_left_does_not_reach_the_next_in_the_seat() -> None:
    room = Recorder()
    player = room.join(1, NoSink(), "a")
    room.emit(Bump(1), to=player)
    room.say("psst", to=player)
    room.emit(Bump(2))
    room.say("hello all")
    room.hear(player, "said by a")
    room.leave(player, "bye")
    room.join(1, NoSink(), "b")
    room.step(1)
    assert [e.event.by for e in room.emissions] == [2]
    assert room.texts == [(0, "", "hello all", None)]


def test_a_despawned_entity_is_no_longer_steered() -> None:
    room = Recorder()
    player = room.join(1, NoSink(), "a")
    ship = Ship()
    with pytest.raises(LocalProtocolError, match="spawn the Ship before"):
        player.entity = ship
    player.entity = room.spawn(ship)
    assert player.entity is ship
    room.despawn(ship)
    assert player.entity is None


def test_events_must_be_declared() -> None:
    room = Recorder()
    room.emit(Bump(1))
    room.emit(Bump(2), at=(1, 2))
    room.emit(Bump(3), at=[(1, 2), (3, 4)])
    room.emit(Bump(4), to=room.join(1, NoSink(), "a"))
    assert [(e.points, e.seat) for e in room.emissions] == [
        (None, None),
        (((1, 2),), None),
        ([(1, 2), (3, 4)], None),
        (None, 1),
    ]
    for wrong in (Ship(), Push(), 3):
        with pytest.raises(LocalProtocolError, match="is not an event class of this room"):
            room.emit(wrong)
    with pytest.raises(LocalProtocolError, match=r"a point \(x, y\) or a list of them, no Ship"):
        room.emit(Bump(1), at=Ship())  # type: ignore[arg-type]


def test_who_is_meant_is_a_player_not_the_number_of_its_seat() -> None:
    room = Recorder()
    player: Any = room.join(1, NoSink(), "a")
    wanted = "= is a Player, such as room.players has by seat, no "
    with pytest.raises(LocalProtocolError, match=f"owner{wanted}int"):
        room.spawn(Ship(), owner=player.seat)
    with pytest.raises(LocalProtocolError, match=f"to{wanted}int"):
        room.emit(Bump(1), to=player.seat)
    with pytest.raises(LocalProtocolError, match=f"to{wanted}str"):
        room.say("psst", to=player.name)
    assert (len(room.world), room.emissions, room.texts) == (0, [], [])


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
    player = room.join(1, NoSink(), "Ann")
    for room.answer in ("<\r\n\u2066👩\u200d🚀\x07>", "\u200b", None, ""):
        room.hear(player, "hello")
        room.step(1)
    own = "Ann[2J said hello"
    assert [text for _, _, text, _ in room.texts] == [own, "<  👩\u200d🚀>", own, own, own]
    assert room.failures == []


def test_on_say_that_returns_no_text_failed_on_that_player() -> None:
    room = Crier("crier/1", seed=1)
    player = room.join(1, NoSink(), "Ann")
    room.answer = 5
    room.hear(player, "hello")
    room.step(1)
    (failure,) = room.failures
    assert (failure.hook, failure.player) == ("on_say", player)
    assert str(failure.error) == "on_say must return a str or None, not int"
