"""The queue as a room, stepped without a server."""

from __future__ import annotations

from typing import Any, TypeVar

import attrs
import pytest

from gameserver import JoinRefused, Player
from gameserver.games.queue import (
    Cancel,
    Candidate,
    Enter,
    Latency,
    Place,
    Queue,
    Size,
    Skill,
    Status,
)
from gameserver.games.queue.room import MOVED_WITHIN_S, PAUSE_S, QueueOptions
from gameserver.testing import Rehearsal


class Pairs(Queue):
    rules = (Size(2), Skill(100, per_s=1))
    match_kind = "duel"


class Trios(Queue):
    rules = (Size(3),)


Q = TypeVar("Q", bound=Queue)


def begin(room: type[Q]) -> Rehearsal[Q]:
    return Rehearsal(room(seed=1))


def join(play: Rehearsal[Q], name: str, **options: Any) -> Player[Place]:
    return play.join(name, options=options)


def refuse(play: Rehearsal[Stays], *players: Player) -> None:
    """Do what the server does where the room of a match cannot be made."""
    for player in players:
        play.room.on_move_refused(player, "duel/x", "all rooms are taken")


class Stays(Pairs):
    """A queue whose moves take their time: the test refuses them, or does not answer."""

    moving: list[tuple[int, ...]]

    def on_create(self) -> None:
        super().on_create()
        self.moving = []

    def tick(self) -> None:
        super().tick()
        self.moving += [move.seats for move in self._outbox.moves]
        self._outbox.moves.clear()


def test_two_who_fit_are_moved_together_to_a_room_of_their_own() -> None:
    play = begin(Pairs)
    ada = join(play, "Ada", rank=100)
    play.step()
    assert (ada.entity.status, ada.entity.place, ada.entity.parties) == (Status.WAITING, 1, 1)
    bob = join(play, "Bob", rank=150)
    join(play, "Cid", rank=900)
    play.step()
    [(first, room), (second, same_room)] = play.moved
    assert {first, second} == {ada, bob}
    assert room == same_room
    assert room.startswith("duel/")
    assert [p.name for p in play.room.players.values()] == ["Cid"]


def test_each_match_has_a_room_of_its_own() -> None:
    play = begin(Pairs)
    for name in "abcd":
        join(play, name)
    play.step()
    rooms = [room for _, room in play.moved]
    assert len(rooms) == 4
    assert len(set(rooms)) == 2


def test_players_see_their_own_place_only_and_it_moves_on() -> None:
    play = begin(Trios)
    players = [join(play, name, party=name, party_size=2) for name in "abc"]
    mates = [join(play, name * 2, party=name, party_size=2) for name in "abc"]
    play.step()
    assert [each.entity.place for each in players] == [1, 2, 3]
    assert [each.entity.parties for each in mates] == [3, 3, 3]
    assert play.sees(players[1]) == [players[1].entity]
    play.give(players[0], Cancel())
    play.step(2)
    assert [each.entity.place for each in players] == [0, 1, 2]
    assert [each.entity.status for each in (players[0], mates[0])] == [
        Status.IDLE,
        Status.FORMING,
    ]
    play.give(players[0], Enter())
    play.step(2)
    assert [each.entity.place for each in mates] == [3, 1, 2], "at the end of the line"


def test_a_party_waits_for_its_members_and_stays_together() -> None:
    play = begin(Trios)
    ada = join(play, "Ada", party="x", party_size=2)
    bob = join(play, "Bob")
    cid = join(play, "Cid")
    play.step(3)
    assert (ada.entity.status, ada.entity.present) == (Status.FORMING, 1)
    assert play.moved == []
    dan = join(play, "Dan", party="x", party_size=2)
    play.step()
    assert {player for player, _ in play.moved} == {ada, dan, bob}
    assert cid.entity.place == 1


def test_a_party_has_no_more_members_than_its_size_and_one_size() -> None:
    play = begin(Trios)
    join(play, "Ada", party="x", party_size=2)
    with pytest.raises(JoinRefused, match="one of 2 players"):
        join(play, "Eve", party="x", party_size=3)
    join(play, "Bob", party="x", party_size=2)
    with pytest.raises(JoinRefused, match="full"):
        join(play, "Eve", party="x", party_size=2)


def test_two_who_come_at_once_for_the_last_place_in_a_party() -> None:
    """Both have passed ``on_auth`` when the first one joins."""
    play = begin(Trios)
    options = QueueOptions(party="x", party_size=1)
    ada, eve = (play._seat(name, None, options) for name in ("Ada", "Eve"))
    assert (ada.kicked, eve.kicked) == (None, "the party is full")
    play.step()
    assert list(play.room.players.values()) == [ada]


def test_one_who_leaves_breaks_its_party_and_frees_its_place() -> None:
    play = begin(Trios)
    ada = join(play, "Ada", party="x", party_size=2)
    bob = join(play, "Bob", party="x", party_size=2)
    play.step()
    assert ada.entity.status is Status.WAITING
    play.leave(bob)
    assert (ada.entity.status, ada.entity.present) == (Status.FORMING, 1)
    cid = join(play, "Cid", party="x", party_size=2)
    play.step()
    assert cid.entity.status is Status.WAITING
    play.leave(ada)
    play.leave(cid)
    assert join(play, "Dan", party="x", party_size=3).entity.size == 3, "it is another party"


def test_a_player_without_a_connection_keeps_its_place_but_gets_no_match() -> None:
    play = begin(Pairs)
    ada, bob = join(play, "Ada"), join(play, "Bob", rank=500)
    play.step()
    play.drop(ada)
    cid = join(play, "Cid")
    play.step(5)
    assert play.moved == []
    assert bob.entity.place == 1
    play.resume(ada)
    assert ada.entity.place == 1
    play.step()
    assert {player for player, _ in play.moved} == {ada, cid}


def test_players_of_a_match_that_cannot_be_made_are_in_front_again() -> None:
    play = begin(Stays)
    waiting = join(play, "Zoe", rank=9000)
    ada, bob = join(play, "Ada"), join(play, "Bob")
    play.step()
    assert [each.entity.status for each in (ada, bob)] == [Status.MATCHED] * 2
    play.give(ada, Cancel())
    play.step()
    assert ada.entity.status is Status.MATCHED, "that is too late"
    refuse(play, ada, bob)
    assert [each.entity.place for each in (ada, bob, waiting)] == [1, 2, 1]
    play.step(2)
    assert [each.entity.place for each in (ada, bob, waiting)] == [1, 2, 3]
    match = (ada.seat, bob.seat)
    assert play.room.moving == [match]
    play.step(round(PAUSE_S * Queue.tick_rate))
    assert play.room.moving == [match] * 2, "they are tried again after a while"


def test_a_match_of_which_nothing_is_heard_has_failed() -> None:
    play = begin(Stays)
    ada, bob = join(play, "Ada"), join(play, "Bob")
    play.step(2 + round(MOVED_WITHIN_S * Queue.tick_rate))
    assert [each.entity.status for each in (ada, bob)] == [Status.WAITING] * 2


def test_a_party_that_lost_a_member_in_the_meantime_is_not_put_back() -> None:
    play = begin(Stays)
    ada, bob = join(play, "Ada"), join(play, "Bob")
    play.step()
    play.leave(ada)
    refuse(play, bob)
    assert (bob.entity.status, bob.entity.place) == (Status.WAITING, 1)
    play.step(50)
    assert len(play.room.moving) == 1


def test_one_who_lost_the_connection_in_the_meantime_waits_again_once_it_is_back() -> None:
    play = begin(Stays)
    ada, bob = join(play, "Ada"), join(play, "Bob")
    play.step()
    play.drop(ada)
    refuse(play, ada, bob)
    assert (ada.entity.status, bob.entity.place) == (Status.FORMING, 1)
    play.resume(ada)
    assert [each.entity.status for each in (ada, bob)] == [Status.WAITING] * 2


def test_a_player_for_whom_the_rules_know_no_match_is_told_so() -> None:
    class Regional(Queue):
        rules = (Size(2), Latency(80))

    play = begin(Regional)
    far = join(play, "Far", latencies=[["eu", 300]])
    near = join(play, "Near", latencies=[["eu", 30]])
    play.step()
    assert (far.entity.status, near.entity.status) == (Status.UNMATCHABLE, Status.WAITING)
    play.give(far, Cancel())
    play.step()
    assert far.entity.status is Status.IDLE


def test_a_game_says_what_a_player_is_worth_once_it_knows() -> None:
    class Rated(Pairs):
        ranks: dict[str, float]

        def on_create(self) -> None:
            super().on_create()
            self.ranks = {}

        def candidate(self, player: Player[Place]) -> Candidate | None:
            rank = self.ranks.get(player.name)
            told = super().candidate(player)
            return None if rank is None or told is None else attrs.evolve(told, rank=rank)

    play = begin(Rated)
    ada, bob = join(play, "Ada", rank=5000), join(play, "Bob", rank=5000)
    play.step()
    assert ada.entity.status is Status.IDLE
    for each, rank in ((ada, 0.0), (bob, 1000.0)):
        play.room.ranks[each.name] = rank
        play.room.enter(each)
    play.step()
    assert [each.entity.status for each in (ada, bob)] == [Status.WAITING] * 2
    assert play.moved == []


def test_members_of_a_party_talk_to_each_other_and_to_nobody_else() -> None:
    play = begin(Trios)
    ada, bob = (join(play, name, party="x", party_size=3) for name in ("Ada", "Bob"))
    eve = join(play, "Eve")
    play.say(ada, "ready?")
    play.step()
    assert play.heard(bob) == [("Ada", "ready?")]
    assert play.heard(eve) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"rank": float("nan")},
        {"rank": 1e9},
        {"latencies": [["eu", "near"]]},
        {"latencies": [["eu", 1]] * 17},
        {"party": "x" * 65},
        {"party_size": 0},
    ],
)
def test_wrong_options_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(Exception, match="options"):
        join(begin(Pairs), "Eve", **wrong)


def test_a_queue_is_a_value() -> None:
    Rehearsal(Stays()).check_snapshot(ticks=60, players=5)
    Rehearsal(Trios()).check_determinism(ticks=60, players=5)


def test_parties_are_part_of_the_value() -> None:
    play = begin(Trios)
    join(play, "Ada", party="x", party_size=2, latencies=[["eu", 30]], avoids=["eve"])
    join(play, "Bob", party="x", party_size=2)
    join(play, "Cid", party="y", party_size=2)
    play.step()
    copy = play._copied()
    assert copy.room._matcher.state() == play.room._matcher.state()
    for each in (play, copy):
        join(each, "Dan")
        each.step()
        assert {player.name for player, _ in each.moved} == {"Ada", "Bob", "Dan"}
