"""A room that a test plays by hand."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

from gameserver import (
    Exact,
    Joining,
    JoinRefused,
    LocalProtocolError,
    Near,
    Player,
    RemoteProtocolError,
    Room,
    command,
    entity,
    event,
    number,
    synced,
)
from gameserver.testing import ReallyWaits, Rehearsal


@entity(at=("x", "y"))
class Walker:
    x: float = synced(0.0, step=1 / 8)
    y: float = synced(0.0)
    coins: int = synced(0, to="owner")


@command
class Walk:
    dx: float = number(-10.0, 10.0, step=1 / 8)


@command
class Buy:
    what: int = 0


@event
class Walked:
    who: int
    found: int


class Path(Room):
    view = Near(100)
    input = Walk
    idle_repeat_ticks = 2

    def on_create(self) -> None:
        self.calls: list[str] = []

    def on_join(self, player: Player) -> None:
        if player.name == "bug":
            raise ZeroDivisionError
        player.entity = self.spawn(Walker(), owner=player)
        self.say(f"{player.name} is here")

    def on_leave(self, player: Player, reason: str) -> None:
        self.calls.append(f"{player.name} left: {reason}")
        self.despawn(player.entity)

    def on_drop(self, player: Player) -> None:
        self.calls.append("drop")

    def on_resume(self, player: Player) -> None:
        self.calls.append("resume")

    def on_say(self, player: Player, text: str) -> str | None:
        return text.upper()

    def on_command(self, player: Player, command: Any) -> None:
        if isinstance(command, Buy):
            player.kick("no shop here")
            return
        if command.dx < 0:
            raise ValueError("backwards")
        player.entity.x += command.dx
        if command.dx:
            here = player.entity
            found = sum(1 for _ in self.near(here.x, here.y, 10, Walker))
            self.emit(Walked(player.seat, found), at=(here.x, here.y))


def test_players_join_give_commands_and_the_events_come_back() -> None:
    play = Rehearsal(Path())
    ann, bob = play.join("ann"), play.join("bob", identity="b")
    assert (ann.seat, bob.seat, bob.identity) == (1, 2, "b")
    play.give(bob, Walk(2.0))
    play.give(ann, Walk(1.0))
    assert play.step() == [Walked(1, 2), Walked(2, 2)]
    assert (ann.entity.x, bob.entity.x) == (1.0, 2.0)
    assert play.room.tick_number == 1
    assert play.texts == ["ann is here", "bob is here"]
    assert play.step(3) == [Walked(1, 2), Walked(2, 2)] * 2, "repeated, then neutral"


def test_the_game_receives_what_would_have_travelled() -> None:
    play = Rehearsal(Path())
    ann = play.join("ann")
    play.give(ann, Walk(0.99))
    play.step()
    assert ann.entity.x == 1.0
    with pytest.raises(LocalProtocolError, match=r"Walk\.dx: .* is outside"):
        play.give(ann, Walk(11.0))
    with pytest.raises(LocalProtocolError, match="Walked is no command of this room"):
        play.give(ann, Walked(1, 1))


def test_what_was_put_somewhere_by_hand_is_found_there_once_it_settled() -> None:
    play = Rehearsal(Path())
    ann, bob = play.join("ann"), play.join("bob")
    play.step()
    ann.entity.x = bob.entity.x = 900.0
    play.settle()
    play.give(ann, Walk(1.0))
    assert play.step() == [Walked(1, 2)]


def test_what_is_said_is_heard_at_the_next_step_alone() -> None:
    play = Rehearsal(Path())
    ann = play.join("ann")
    play.step()
    play.say(ann, "hello")
    play.step()
    assert play.texts == ["HELLO"]
    play.step()
    assert play.texts == []


def test_a_seat_is_free_again_and_who_is_kicked_leaves_after_the_tick() -> None:
    play = Rehearsal(Path())
    ann, bob = play.join("ann"), play.join("bob")
    play.leave(ann)
    assert play.join("eve").seat == 1
    play.give(bob, Buy())
    play.step()
    assert play.room.calls == ["ann left: left", "bob left: no shop here"]
    assert bob.seat not in play.room.players


def test_a_connection_may_be_lost_and_come_back() -> None:
    play = Rehearsal(Path())
    ann = play.join("ann")
    play.drop(ann)
    assert not ann.connected
    play.resume(ann)
    assert ann.connected
    assert play.room.calls == ["drop", "resume"]


def test_what_a_hook_raises_is_raised_once() -> None:
    play = Rehearsal(Path())
    with pytest.raises(ZeroDivisionError):
        play.join("bug")
    ann = play.join("ann")
    play.give(ann, Walk(-1.0))
    with pytest.raises(ValueError, match="backwards"):
        play.step()
    ann.entity.x = 0.0
    play.give(ann, Walk(0.0))
    assert play.step() == []


def test_a_value_that_cannot_be_sent_is_found() -> None:
    play = Rehearsal(Path())
    ann = play.join("ann")
    ann.entity.coins = "many"
    with pytest.raises(LocalProtocolError, match="coins"):
        play.step()


# ---------------------------------------------------------------- joining as a client does


@attrs.define
class Wishes:
    team: str = "red"
    password: str = ""


class Club(Room):
    options = Wishes
    classes = (Walker,)
    view = Exact(100)

    async def on_auth(self, joining: Joining) -> str | None:
        if joining.options.password != "sesame":
            raise JoinRefused(4401, "wrong password")
        return f"{joining.token}@{joining.options.team}"


class SignedClub(Club):
    requires_token = True

    async def on_auth(self, joining: Joining) -> str | None:
        return joining.identity


class SlowClub(Club):
    async def on_auth(self, joining: Joining) -> str | None:
        await trio.sleep(2)
        return joining.name


def test_a_player_joins_through_on_auth_with_token_and_options() -> None:
    play = Rehearsal(Club())
    ann = play.join("ann", token="t", options=Wishes("blue", "sesame"))
    assert (ann.identity, ann.options) == ("t@blue", Wishes("blue", "sesame"))
    assert play.join("bob", options={"password": "sesame"}).identity == "None@red"
    with pytest.raises(JoinRefused, match="wrong password"):
        play.join("eve", token="t")
    assert sorted(play.room.players) == [1, 2]


def test_a_player_that_gives_neither_is_not_asked() -> None:
    ann = Rehearsal(Club()).join("ann", "id-ann")
    assert (ann.identity, ann.options) == ("id-ann", Wishes())


def test_a_token_is_a_verified_identity_where_tokens_are_required() -> None:
    assert Rehearsal(SignedClub()).join("ann", token="ann-17").identity == "ann-17"


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"tean": "red"}, RemoteProtocolError, "tean"),
        ({"team": 5}, RemoteProtocolError, "team"),
        (5, LocalProtocolError, "^Club takes a Wishes and not 5$"),
    ],
)
def test_options_are_checked(options: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        Rehearsal(Club()).join("ann", options=options)


def test_options_of_a_room_without_any_are_refused() -> None:
    with pytest.raises(LocalProtocolError, match=r"^Path takes no options and not Wishes\("):
        Rehearsal(Path()).join("ann", options=Wishes())


async def test_an_on_auth_that_waits_has_a_way_of_its_own(autojump_clock: MockClock) -> None:
    play = Rehearsal(SlowClub())
    with pytest.raises(ReallyWaits, match=r"^on_auth waits for something.*join_later"):
        play.join("ann", token="t")
    assert (await play.join_later("ann", token="t")).identity == "ann"


# ---------------------------------------------------------------- what a player sees


def test_a_player_sees_what_the_replication_sends_it() -> None:
    play = Rehearsal(Club())
    ann, bob = play.join("ann"), play.join("bob")
    room = play.room
    ann.entity = room.spawn(Walker(0.0, 0.0), owner=ann)
    bob.entity = room.spawn(Walker(90.0, 0.0), owner=bob)
    far = room.spawn(Walker(500.0, 0.0))
    assert play.sees(ann) == [ann.entity, bob.entity]
    bob.entity.x = 105.0
    play.step()
    assert play.sees(ann) == [ann.entity, bob.entity], "not yet beyond 1.1 times the radius"
    bob.entity.x = 120.0
    play.step()
    assert play.sees(ann) == [ann.entity]
    far.x = 20.0
    assert play.sees(ann) == [ann.entity, far]


def test_members_and_owners_see_what_is_hidden() -> None:
    play = Rehearsal(Club())
    ann, bob = play.join("ann"), play.join("bob")
    room = play.room
    room.group("spies").add(ann)
    for player in (ann, bob):
        player.focus = (0.0, 0.0)
    spy = room.spawn(Walker(900.0, 0.0), group="spies")
    trap = room.spawn(Walker(10.0, 0.0), owner=bob, hidden=True)
    assert play.sees(ann) == [spy]
    assert play.sees(bob) == [trap]
    play.leave(bob)
    with pytest.raises(LocalProtocolError, match="has left"):
        play.sees(bob)
    assert play.sees(play.join("cat")) == []


def test_what_was_looked_at_does_not_disturb_the_check_of_snapshots() -> None:
    play = Rehearsal(Path())
    ann = play.join("ann")
    play.step()
    assert play.sees(ann) == [ann.entity]
    play.room.calls = []
    Rehearsal(Club()).check_snapshot(20)


class Teams(Path):
    """Each player is in the group of its first letter; a dot is for the group alone."""

    def on_join(self, player: Player) -> None:
        self.group(player.name[0]).add(player)

    def on_leave(self, player: Player, reason: str) -> None: ...

    def on_say(self, player: Player, text: str) -> str | None:
        if text.startswith("."):
            self.say(text[1:], to=self.group(player.name[0]), as_player=player)
            return None
        return text


def test_a_text_to_a_group_keeps_its_speaker() -> None:
    play = Rehearsal(Teams())
    ann, amy, bob = play.join("ann"), play.join("amy"), play.join("bob")
    play.say(ann, ".left!")
    play.say(bob, "hello")
    play.room.say("psst", to=bob)
    play.step()
    assert play.heard(amy) == play.heard(ann) == [("ann", "left!"), ("bob", "hello")]
    assert play.heard(bob) == [("", "psst"), ("bob", "hello")]
    assert play.texts == ["psst", "left!", "hello"]
    play.step()
    assert play.heard(bob) == []
