"""Capture, stepped without a server: its rules, and bots whose predictions are never corrected."""

import random

from gameserver.games.capture import Capture, bots, room
from gameserver.games.capture.room import HOMES, Crate, Item, Kind, Move, News, Racer, Team, Use
from gameserver.testing import Rehearsal
from tests.support.simulated_play import SimulatedClient, SimulatedPlay, between


def put(racer: Racer, place: tuple[int, int]) -> None:
    racer.x, racer.y = place


def test_a_flag_is_taken_and_captured_and_who_is_touched_is_out() -> None:
    play = Rehearsal(Capture(seed=1))
    ada, bob = play.join("Ada"), play.join("Bob")
    assert (ada.entity.team, bob.entity.team) == (Team.RED, Team.BLUE)
    put(ada.entity, HOMES[Team.BLUE])
    assert play.step() == [News("Ada", "took the flag", Team.BLUE)]
    put(ada.entity, HOMES[Team.RED])
    assert play.step() == [News("Ada", "captured the flag", Team.BLUE)]
    assert play.room.match.points == {Team.RED: 1, Team.BLUE: 0}
    for each in (ada, bob):
        put(each.entity, (HOMES[Team.RED][0], 2 * room.REACH))
    assert play.step(2) == [News("Ada", "tagged Bob", Team.BLUE)]
    play.step(room.OUT_S * Capture.tick_rate)
    assert not bob.entity.out
    assert bob.entity.x == HOMES[Team.BLUE][0]


def test_items_pile_up_and_a_key_opens_the_gate() -> None:
    play = Rehearsal(Capture(seed=1))
    ada = play.join("Ada")
    for _ in range(2):
        play.room.spawn(Crate(ada.entity.x, ada.entity.y, Kind.KEY))
        play.step()
    assert ada.entity.items == [Item(Kind.KEY, 2)]
    gate = next(play.room.near(*HOMES[Team.RED], 2000, room.Gate))
    ada.entity.x, ada.entity.y = gate.x - 2 * room.RADIUS, gate.y
    play.give(ada, Use(Kind.KEY))
    for ticks, passed in ((room.NOTICE_TICKS, False), (2 * room.NOTICE_TICKS, True)):
        for _ in range(ticks):
            play.give(ada, Move(dx=1))
            play.step()
        assert (ada.entity.x > gate.x) is passed
    assert ada.entity.items == [Item(Kind.KEY, 1)]


def test_two_teams_of_bots_play_a_minute_without_a_correction() -> None:
    chance = random.Random(1)

    def choose(client: SimulatedClient, tick: int) -> Move | None:
        me, own = client.replica.own, client.steering.own
        if me is None or own is None:
            return None
        if me.items and chance.random() < 0.05:
            client.send(Use(chance.choice(list(Kind))))
        return bots.wish(client.replica, me, own)

    field = SimulatedPlay(Capture(seed=2))
    delay = between(0.05, 0.055)
    remotes = [
        SimulatedClient(field, n, delay, delay, choose, vehicle=bots.Pilot) for n in range(1, 7)
    ]
    field.run_until(60.0)
    for remote in remotes:
        assert remote.steering.predictor.counts.corrections == 0
        assert not remote.replica.needs_full_state
    assert sum(field.room.match.points.values()) > 0
