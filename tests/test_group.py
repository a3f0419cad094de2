"""Groups as a game meets them: members, the entities of a group, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from gameserver import Group, LocalProtocolError, Near, Player, Room, entity, event, synced
from gameserver.model.layers import Layer, place_of
from gameserver.testing import Rehearsal


@entity(at=("x", "y"))
class Scout:
    x: float = synced(0.0)
    y: float = synced(0.0)


@event
class Note:
    text: str


class Teams(Room):
    view = Near(100)
    classes = (Scout,)

    def on_join(self, player: Player) -> None:
        self.group("red" if player.seat % 2 else "blue").add(player)

    def on_leave(self, player: Player, reason: str) -> None:
        self.last_team = [group for group in ("red", "blue") if player in self.group(group)]


@pytest.fixture
def play() -> Rehearsal[Teams]:
    rehearsal = Rehearsal(Teams())
    for name in ("Ada", "Bob", "Cy"):
        rehearsal.join(name)
    return rehearsal


def layer_of(room: Room, scout: Scout) -> Layer:
    record = room.world.record_of(scout)
    return room.world.grid.layers.layers[record.layer]


def test_a_group_lists_its_members_in_the_order_in_which_they_came(play: Rehearsal[Teams]) -> None:
    red = play.room.group("red")
    ada, cy = play.room.players[1], play.room.players[3]
    assert red.members == tuple(red) == (ada, cy)
    assert len(red) == 2
    assert ada in red
    assert play.room.players[2] not in red
    assert play.room.group("red") is red
    assert repr(red) == "<Group 'red' of 2>"
    red.remove(ada)
    red.remove(ada)
    assert red.members == (cy,)
    assert ada._seat.groups == frozenset()


def test_a_player_is_in_any_number_of_groups(play: Rehearsal[Teams]) -> None:
    ada = play.room.players[1]
    party = play.room.group("party")
    party.add(ada)
    assert ada._seat.groups == {play.room.group("red").number, party.number}


def test_a_player_who_leaves_the_room_leaves_its_groups_after_on_leave(
    play: Rehearsal[Teams],
) -> None:
    ada = play.room.players[1]
    play.leave(ada)
    assert play.room.last_team == ["red"]
    assert ada not in play.room.group("red")
    assert play.join("Dan").seat == 1  # in the seat of a former member
    assert [player.name for player in play.room.group("red")] == ["Cy", "Dan"]


def test_an_entity_has_one_group_at_most_and_may_change_it(play: Rehearsal[Teams]) -> None:
    room = play.room
    scout = room.spawn(Scout(), group="red")
    red, blue = room.group("red").number, room.group("blue").number
    assert layer_of(room, scout) == Layer(red)
    room.set_group(scout, room.group("blue"))
    play.step()
    assert layer_of(room, scout) == Layer(blue)
    room.set_group(scout, None)
    play.step()
    assert room.world.record_of(scout).cell == place_of(room.world.record_of(scout).settled or 0)


def test_a_hidden_entity_follows_its_owner_and_its_group(play: Rehearsal[Teams]) -> None:
    room = play.room
    scout = room.spawn(Scout(), owner=room.players[1], hidden=True)
    assert layer_of(room, scout) == Layer(0, 1, hidden=True)
    room.set_group(scout, "blue")
    assert layer_of(room, scout) == Layer(room.group("blue").number, 1, hidden=True)
    room.world.set_owner(scout, 0)
    assert layer_of(room, scout) == Layer(room.group("blue").number, 0, hidden=True)
    room.set_hidden(scout, hidden=False)
    room.world.set_owner(scout, 1)
    assert layer_of(room, scout) == Layer(room.group("blue").number)


def test_what_near_finds_does_not_depend_on_groups(play: Rehearsal[Teams]) -> None:
    room = play.room
    scouts = [
        room.spawn(Scout(), hidden=True),
        room.spawn(Scout(), group="red"),
        room.spawn(Scout()),
    ]
    play.step()
    assert set(room.near(0, 0, 10, Scout)) == set(scouts)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda room: room.group(3), "a group has a str for a name, not 3"),
        (
            lambda room: room.group("red").add(1),
            "a group consists of players, and 1 is none; write player, not player.seat",
        ),
        (
            lambda room: room.group("red").add(Rehearsal(Teams()).join("Eve")),
            "<Player 'Eve' in seat 1> is not in this room",
        ),
        (
            lambda room: room.spawn(Scout(), group=Teams().group("red")),
            "group= is a group of this room or the name of one, not <Group 'red' of 0>",
        ),
        (
            lambda room: room.spawn(Scout(), group=1),
            "group= is a group of this room or the name of one, not 1",
        ),
    ],
)
def test_what_is_no_group_or_no_member_is_named(
    play: Rehearsal[Teams], wrong: Any, message: str
) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        wrong(play.room)
    assert str(caught.value) == message


class Hunt(Teams):
    rewinds = (Scout,)


def test_a_hit_test_finds_hidden_entities_only_for_those_who_see_them() -> None:
    play = Rehearsal(Hunt())
    ada, bob, cy = play.join("Ada"), play.join("Bob"), play.join("Cy")
    room = play.room
    of_team, of_bob = room.spawn(Scout(), group="red", hidden=True), room.spawn(Scout())
    room.world.set_owner(of_bob, bob.seat)
    room.set_hidden(of_bob)
    play.step(3)
    for player, seen in ((ada, {of_team}), (bob, {of_bob}), (cy, {of_team})):
        past = room.seen_by(player)
        assert {one for one, _, _ in past.near(0, 0, 10, Scout)} == seen
        assert [past.position(one) is not None for one in (of_team, of_bob)] == [
            one in seen for one in (of_team, of_bob)
        ]


class Parties(Room):
    """Players found a party with each text, and leave the one before."""

    view = Near(100)
    classes = (Scout, Note)
    party: Group | None
    founded: int

    def on_create(self) -> None:
        self.party, self.founded = None, 0

    def on_say(self, player: Player, text: str) -> None:
        self.change_party(player)

    def change_party(self, player: Player) -> None:
        self.founded += 1
        for scout in list(self.world.of_class(Scout)):
            self.despawn(scout)
        if self.party is not None:
            self.party.remove(player)
        self.party = self.group(f"party {self.founded}")
        self.party.add(player)
        self.spawn(Scout(), group=self.party, hidden=True)


def test_a_hundred_thousand_parties_leave_nothing_behind() -> None:
    play = Rehearsal(Parties())
    ada, bob = play.join("Ada"), play.join("Bob")
    play.sees(bob)
    room, layers = play.room, play.room.world.grid.layers
    for n in range(100_000):
        room.change_party(ada)
        if n % 100 == 0:
            (scout,) = play.sees(ada)
            assert isinstance(scout, Scout)
            assert play.sees(bob) == []
            play.step()
    play.step(2)
    assert [group.name for group in room._groups.by_number.values()] == ["party 100000"]
    assert len(room._groups._by_name) == len(room.world.group_sizes) == 1
    assert len(layers.layers) < 300
    assert len(layers.sights) < 100
    assert play.sees(bob) == []
    assert play.sees(ada) == list(room.world.of_class(Scout))


def test_a_group_that_was_forgotten_is_there_again() -> None:
    play = Rehearsal(Parties())
    ada, bob = play.join("Ada"), play.join("Bob")
    room = play.room
    red = room.group("red")
    play.step()
    red.add(ada)
    room.group("blue").add(ada)
    former = red.number
    scout = room.spawn(Scout(), group="red", hidden=True)
    play.step()
    assert play.sees(ada) == [scout]
    red.remove(ada)
    play.step()
    assert red.number == former  # it has an entity
    room.despawn(scout)
    play.step()
    assert red.number == 0
    assert room.group("red") is red
    red.add(bob)
    assert red.number > former
    scout = room.spawn(Scout(), group="red", hidden=True)
    play.step()
    assert (play.sees(ada), play.sees(bob)) == ([], [scout])
    play.leave(ada)
    play.step()
    assert [group.name for group in room._groups.by_number.values()] == ["red"]


def test_an_event_does_not_reach_a_later_group_of_the_name() -> None:
    play = Rehearsal(Parties())
    ada, bob = play.join("Ada"), play.join("Bob")
    party = play.room.group("party")
    party.add(ada)
    play.room.emit(Note("secret"), to=party)
    (emission,) = play.room._outbox.emissions
    party.remove(ada)
    play.room._groups.forget_empty()
    play.room.group("party").add(bob)
    assert emission.group not in bob._seat.groups
    play.room.emit(Note("for who joins in this tick"), to=play.room.group("nobody yet"))
    (*_, emission) = play.room._outbox.emissions
    play.room.group("nobody yet").add(ada)
    assert emission.group in ada._seat.groups


def test_parties_that_come_and_go_are_the_same_in_a_copy_and_in_a_replay() -> None:
    play = Rehearsal(Parties())
    for name in ("Ada", "Bob", "Cy"):
        play.join(name)
    play.check_snapshot(ticks=300)
    play.check_determinism(ticks=300)
