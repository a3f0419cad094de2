"""The arena keeps its invariants under any commands, and a seed repeats a game exactly."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from gameserver.games.arena import rules
from gameserver.games.arena.model import (
    COLOURS,
    TURN,
    UNIT,
    Mine,
    Phase,
    Pickup,
    Pilot,
    Play,
    Rock,
    Round,
    Ship,
    Steer,
    Watch,
)
from gameserver.games.arena.movement import DASH_TICKS, MAX_ENERGY, SHIP_RADIUS
from gameserver.model.schema import spec_of
from tests.support.arena_field import MIDDLE, Field
from tests.support.examples import examples

SEATS = range(1, 6)

plays = st.builds(Play, st.text(max_size=24), st.integers(0, COLOURS - 1), st.booleans())
flags = st.booleans()
steers = st.builds(Steer, st.integers(-1, 1), flags, flags, flags, flags, st.integers(0, TURN - 1))
doings = st.one_of(
    st.tuples(st.just("join"), st.sampled_from(SEATS), st.text(max_size=24)),
    st.tuples(st.just("leave"), st.sampled_from(SEATS), st.none()),
    st.tuples(st.just("tell"), st.sampled_from(SEATS), st.one_of(steers, plays, st.just(Watch()))),
    st.tuples(st.just("tell"), st.sampled_from(SEATS), steers),
    st.tuples(st.just("gather"), st.sampled_from(SEATS), st.integers(-300, 300)),
    st.tuples(st.just("weaken"), st.sampled_from(SEATS), st.integers(1, 100)),
    st.tuples(st.just("wait"), st.integers(1, 40), st.none()),
    st.tuples(st.just("leap"), st.sampled_from([50, 400, rules.ROUND_TICKS]), st.none()),
)


def do(field, doing):
    what, number, value = doing
    player = field.room.players.get(number)
    flier = field.room.fliers.get(number)
    if what == "join" and player is None:
        field.join(number, value)
    elif what == "leave" and player is not None:
        field.stepper.leave(player, "gone")
    elif what == "tell" and player is not None:
        field.tell(player, value)
    elif what == "gather" and flier is not None and flier.ship is not None:
        field.put(flier, MIDDLE + value * UNIT, MIDDLE)
    elif what == "weaken" and flier is not None and flier.ship is not None:
        flier.ship.hull = value
    elif what == "wait":
        field.step(number)
    elif what == "leap":
        field.leap(field.room.tick_number + number)


def check(field):
    room = field.room
    ships, pilots, mines = field.all(Ship), field.pilots(), field.all(Mine)
    assert set(room.fliers) <= set(room.players)
    assert set(pilots) == set(room.fliers), "one pilot for each who plays"
    assert len(field.all(Pilot)) == len(pilots)
    assert len(field.all(Round)) == 1
    assert sorted(s.seat for s in ships) == sorted(s for s, f in room.fliers.items() if f.ship)
    for seat, flier in room.fliers.items():
        check_flier(field, seat, flier)
    for seat, player in room.players.items():
        if seat not in room.fliers:
            assert player.entity is None
            assert player.focus is not None
    assert {mine.seat for mine in mines} <= set(pilots)
    assert max(Counter(mine.seat for mine in mines).values(), default=0) <= rules.MINES_PER_PILOT
    assert sum(len(flier.mines) for flier in room.fliers.values()) == len(mines)
    assert len(field.all(Pickup)) <= rules.MAX_PICKUPS
    names = [player.name.casefold() for player in room.players.values()]
    assert len(set(names)) == len(names)
    check_synced(field)


def check_flier(field, seat, flier):
    room, pilot, ship = field.room, flier.pilot, flier.ship
    assert flier.seat == pilot.seat == seat
    assert flier.player is room.players[seat]
    assert pilot.name == flier.player.name != ""
    assert flier.player.entity is ship
    assert pilot.ship == (room.id_of(ship) if ship else 0)
    assert (pilot.respawn_at > room.tick_number) == (ship is None)
    assert pilot.deaths >= 0 <= pilot.kills <= pilot.score // rules.KILL_SCORE
    assert set(flier.life.hurt_at) <= set(room.fliers)
    if ship is not None:
        assert 0 < ship.hull <= rules.MAX_HULL
        assert 0 <= ship.energy <= MAX_ENERGY
        assert 0 <= ship.dash_left < DASH_TICKS
        assert 0 <= ship.heading < TURN > ship.aim >= 0
        assert 0 <= ship.bounty <= rules.MAX_BOUNTY
        assert flier.player.focus is None
        for rock in field.all(Rock):
            reach = rock.radius + SHIP_RADIUS
            assert (ship.x - rock.x) ** 2 + (ship.y - rock.y) ** 2 >= reach * reach


def check_synced(field):
    """Only exact ints and bools leave the server, as the wire demands."""
    for record in field.room.world.records.values():
        record.compiled.check(record.entity)
    for event in field.events:
        spec_of(type(event)).to_wire(event)


@settings(max_examples=examples(60))
@given(st.lists(doings, max_size=60), st.integers(0, 5))
def test_no_order_of_commands_does_harm(story, seed):
    field = Field(seed=seed)
    for doing in story:
        do(field, doing)
        field.step()
        check(field)


def play_at_random(field, seed, ticks, seats):
    """Play a crowded fight; return all events."""
    rng = random.Random(seed)
    for seat in range(1, seats + 1):
        field.join(seat, f"p{seat}")
    told = []
    for tick in range(ticks):
        for player in list(field.room.players.values()):
            roll = rng.random()
            if tick == 0 or roll < 0.002:
                field.tell(player, Play(f"p{player.seat}", rng.randrange(COLOURS), True))
            elif roll < 0.003:
                field.tell(player, Watch())
            elif roll < 0.5:
                field.tell(player, random_steer(rng))
        if tick % 60 == 1:
            gather(field, rng)
        told += field.step()
    return told


def random_steer(rng):
    return Steer(
        rng.randint(-1, 1),
        rng.random() < 0.5,
        rng.random() < 0.1,
        rng.random() < 0.7,
        rng.random() < 0.1,
        rng.randrange(TURN),
    )


def gather(field, rng):
    for flier in field.room.fliers.values():
        if flier.ship is not None:
            x, y = rng.randrange(-8000, 8000), rng.randrange(-8000, 8000)
            field.put(flier, MIDDLE + x, MIDDLE + y)


def picture(field):
    """All synced values of all entities."""
    return {
        number: (
            record.spec.name,
            record.owner,
            record.compiled.values(record.entity),
            record.compiled.owner_values(record.entity),
        )
        for number, record in field.room.world.records.items()
    }


def test_one_seed_is_one_story():
    stories = []
    for seed in (7, 7, 8):
        field = Field(seed=seed)
        told = play_at_random(field, 1, 240, 12)
        stories.append((told, picture(field)))
        check_synced(field)
    assert stories[0] == stories[1]
    assert stories[0] != stories[2]
    kinds = Counter(type(event).__name__ for event in stories[0][0])
    assert {"Shot", "Hit", "Kill", "Blast", "Dashed"} <= set(kinds), kinds


def test_a_whole_round_of_a_crowd_ends_on_a_podium():
    field = Field(seed=2)
    field.room.rounds.round.ends_at = 400
    play_at_random(field, 3, 400, 12)
    (round_,) = field.all(Round)
    assert round_.phase is Phase.PODIUM
    scores = {seat: pilot.score for seat, pilot in field.pilots().items()}
    best = sorted(scores.values(), reverse=True)[:3]
    assert [scores[seat] for seat in round_.podium] == best
