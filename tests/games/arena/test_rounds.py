"""Rounds and the podium."""

from __future__ import annotations

from gameserver.games.arena import rules
from gameserver.games.arena.model import (
    UNIT,
    Hit,
    Mine,
    Phase,
    Pilot,
    Round,
    RoundEnded,
    RoundStarted,
    Shot,
)
from gameserver.games.arena.movement import MAX_ENERGY
from gameserver.games.arena.rounds import podium
from tests.support.arena_field import MIDDLE, Field, of


def to_the_end(field):
    """Play the last tick of the round."""
    field.leap(field.room.rounds.round.ends_at)
    return field.step()


def test_there_is_one_round_and_it_lasts_five_minutes():
    field = Field()
    (round_,) = field.all(Round)
    assert round_.number == 1
    assert round_.phase is Phase.PLAYING
    assert round_.ends_at == 5 * 60 * 30
    assert round_.world_size == 4000 * UNIT


def test_the_best_three_stand_on_the_podium():
    pilots = [
        Pilot(seat=seat, score=score, deaths=deaths)
        for seat, score, deaths in [(1, 0, 0), (2, 300, 5), (3, 500, 1), (4, 300, 2), (5, 25, 0)]
    ]
    assert podium(pilots) == (3, 4, 2)
    assert podium(pilots[:2]) == (2,)
    assert podium([]) == ()


def test_the_round_ends_with_a_podium_of_ten_seconds():
    field = Field()
    fliers = [field.play(seat) for seat in (1, 2)]
    fliers[1].pilot.score = 100
    told = to_the_end(field)
    (round_,) = field.all(Round)
    assert list(of(told, RoundEnded)) == [RoundEnded(1, (2,))]
    assert round_.phase is Phase.PODIUM
    assert round_.podium == (2,)
    assert round_.ends_at == field.room.tick_number + 300
    told = field.step(299)
    assert not list(of(told, RoundStarted))
    assert list(of(field.step(), RoundStarted)) == [RoundStarted(2)]
    assert round_.phase is Phase.PLAYING
    assert round_.podium == ()
    assert round_.number == 2
    assert round_.ends_at == field.room.tick_number + 9000


def test_weapons_rest_while_the_podium_is_shown():
    field = Field(rocks=False)
    killer = field.play(1, at=(MIDDLE, MIDDLE))
    victim = field.play(2, at=(MIDDLE + 200 * UNIT, MIDDLE))
    field.put(killer, MIDDLE, MIDDLE)
    to_the_end(field)
    told = []
    for _ in range(10):
        field.steer(killer, fire=True, mine=True, thrust=True)
        told += field.step()
    assert not list(of(told, Shot)) + list(of(told, Hit)) + field.all(Mine)
    assert killer.ship.x > MIDDLE, "but ships fly"
    assert victim.ship.hull == rules.MAX_HULL


def test_a_new_round_begins_afresh():
    field = Field(rocks=False)
    flier = field.play(1, at=(MIDDLE, MIDDLE))
    field.steer(flier, mine=True)
    field.step()
    flier.pilot.score, flier.pilot.kills, flier.pilot.deaths, flier.streak = 500, 5, 2, 5
    flier.ship.bounty, flier.ship.hull = 100, 10
    flier.life.boosted_until, flier.life.shield = 10**6, 50
    to_the_end(field)
    assert flier.pilot.score == 500, "the podium still shows the score"
    to_the_end(field)
    pilot, ship = flier.pilot, flier.ship
    assert (pilot.score, pilot.kills, pilot.deaths, flier.streak) == (0, 0, 0, 0)
    assert (ship.bounty, ship.hull, ship.energy) == (0, rules.MAX_HULL, MAX_ENERGY)
    assert (flier.life.shield, flier.life.hurt_at) == (0, {})
    assert not field.all(Mine)


def test_the_dead_of_the_last_round_still_respawn():
    field = Field(rocks=False)
    killer = field.play(1, at=(MIDDLE, MIDDLE))
    victim = field.play(2, at=(MIDDLE + 200 * UNIT, MIDDLE))
    field.put(killer, MIDDLE, MIDDLE)
    victim.ship.hull = 1
    field.steer(killer, fire=True)
    field.step()
    assert victim.ship is None
    field.room.rounds.round.ends_at = field.room.tick_number + 1
    field.step(rules.RESPAWN_TICKS)
    assert victim.ship is not None
