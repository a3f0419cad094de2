"""The arena's room: coming and going, controls, fighting, death and respawn."""

from __future__ import annotations

import math

import pytest

from gameserver.games.arena import rules
from gameserver.games.arena.model import (
    CLASSES,
    UNIT,
    Chart,
    Dashed,
    Flag,
    Hit,
    Kill,
    Mine,
    Pilot,
    Play,
    Rock,
    Ship,
    Shot,
    Steer,
    Watch,
)
from gameserver.games.arena.movement import DASH_COST, MAX_ENERGY
from gameserver.games.arena.room import Arena
from gameserver.model.schema import spec_of
from gameserver.model.view import Near
from tests.support.arena_field import MIDDLE, Field, of

# ---------------------------------------------------------------- coming and going


def test_the_room_is_what_it_says():
    assert (Arena.tick_rate, Arena.view, Arena.max_players) == (30, Near(600 * UNIT), 200)
    field = Field()
    assert 35 <= len(field.all(Rock)) <= 40


def test_all_declared_classes_are_in_the_schema():
    from gameserver.games.arena import model

    declared = {v for v in vars(model).values() if isinstance(v, type) and spec_of(v)}
    assert set(CLASSES) == declared


def test_a_new_player_is_in_the_stands():
    field = Field()
    player = field.join(1, "Ann")
    field.step(50)
    assert not field.all(Pilot)
    assert not field.all(Ship)
    assert player.entity is None
    assert player.focus == field.room.stands.focus


def test_play_gives_a_pilot_and_a_ship():
    field = Field()
    player = field.join(3, "Ann")
    field.tell(player, Play("Bee", 5, bot=True))
    field.step()
    (pilot,), (ship,) = field.all(Pilot), field.all(Ship)
    assert (pilot.seat, pilot.name, pilot.colour, pilot.bot) == (3, "Bee", 5, True)
    assert pilot.ship == field.room.id_of(ship) != 0
    assert (ship.seat, ship.hull, ship.energy) == (3, rules.MAX_HULL, MAX_ENERGY)
    assert player.entity is ship
    assert player.focus is None
    assert player.name == "Bee", "chat shows the pilot's name"
    assert {field.room.world.record_of(e).owner for e in (pilot, ship)} == {3}


def test_play_again_changes_name_and_colour_only():
    field = Field()
    flier = field.play(1, "Ann")
    ship = flier.ship
    field.tell(flier.player, Play("Bee", 7))
    field.step()
    assert (flier.pilot.name, flier.pilot.colour, flier.player.name) == ("Bee", 7, "Bee")
    assert flier.ship is ship
    assert len(field.all(Pilot)) == 1


def test_ones_own_name_is_not_taken():
    field = Field()
    flier = field.play(1, "Ann")
    field.tell(flier.player, Play("ANN", 3))
    field.step()
    assert flier.pilot.name == "ANN"


def test_watch_takes_pilot_ship_and_mines_away():
    field = Field()
    flier = field.play(1, "Ann")
    field.steer(flier, mine=True)
    field.step()
    assert len(field.all(Mine)) == 1
    field.tell(flier.player, Watch())
    field.step()
    assert not field.all(Ship) + field.all(Pilot) + field.all(Mine)
    assert flier.player.entity is None
    assert flier.player.focus == field.room.stands.focus
    field.tell(flier.player, Play("Ann"))
    field.step()
    assert len(field.all(Ship)) == 1


def test_leaving_removes_pilot_ship_and_mines():
    field = Field(rocks=False)
    killer, victim = duel(field)
    kill(field, killer, victim)
    assert victim.ship is None
    for flier in (victim, killer):
        field.stepper.leave(flier.player, "gone")
    field.step()
    assert not field.all(Ship) + field.all(Pilot) + field.all(Mine)
    assert not field.room.fliers


def test_a_dead_pilot_who_left_does_not_respawn():
    field = Field(rocks=False)
    killer, victim = duel(field)
    kill(field, killer, victim)
    field.tell(victim.player, Watch())
    field.step(rules.RESPAWN_TICKS + 10)
    assert [ship.seat for ship in field.all(Ship)] == [killer.seat]
    assert victim.player.focus == field.room.stands.focus


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (["Ann", "ANN", "ann"], ["Ann", "ANN 2", "ann 3"]),
        (["", "  ", "\n\t"], ["Pilot 1", "Pilot 2", "Pilot 3"]),
        (["  a \u202e  b ", "x" * 24, "x" * 24], ["a b", "x" * 24, "x" * 22 + " 2"]),
    ],
)
def test_names_are_clean_and_unique(names, wanted):
    field = Field()
    got = []
    for seat, name in enumerate(names, 1):
        player = field.join(seat, f"guest {seat}")
        field.tell(player, Play(name))
        field.step()
        got.append(field.room.fliers[seat].pilot.name)
    assert got == wanted
    assert [player.name for player in field.room.players.values()] == wanted


def test_steering_from_the_stands_does_nothing():
    field = Field()
    player = field.join(1)
    field.tell(player, Steer(1, True, True, True, True, 9))
    field.tell(player, Watch())
    field.step(3)
    assert not field.all(Ship)


# ---------------------------------------------------------------- controls


def test_controls_are_repeated_for_a_while_and_then_released():
    field = Field(rocks=False)
    flier = field.play(1, at=(MIDDLE, MIDDLE))
    field.steer(flier, thrust=True, aim=77)
    thrusting = []
    for _ in range(rules.HOLD_TICKS + 3):
        field.step()
        thrusting.append(bool(flier.ship.flags & Flag.THRUST))
    assert thrusting == [True] * (rules.HOLD_TICKS + 1) + [False] * 2
    assert flier.ship.aim == 77, "the aim stays"


def test_controls_that_come_in_one_tick_are_played_one_a_tick():
    field = Field(rocks=False)
    flier = field.play(1, at=(MIDDLE, MIDDLE))
    field.steer(flier, turn=1, mine=True)
    field.steer(flier, fire=True)
    field.steer(flier, turn=-1, aim=5)
    headings, shots, aims = [], [], []
    for _ in range(4):
        field.step()
        headings.append(flier.ship.heading)
        shots.append(len(field.told(Shot)))
        aims.append(flier.ship.aim)
    assert headings == [6, 6, 0, 250], "the last one is held"
    assert shots == [0, 1, 0, 0]
    assert aims == [0, 0, 5, 5]
    assert len(field.all(Mine)) == 1


def test_a_dash_is_told_once():
    field = Field(rocks=False)
    flier = field.play(1, at=(MIDDLE, MIDDLE))
    field.steer(flier, dash=True)
    field.step()
    assert [e.seat for e in field.told(Dashed)] == [1]
    assert flier.ship.flags & Flag.DASH
    assert flier.ship.energy == MAX_ENERGY - DASH_COST
    field.steer(flier)
    assert not list(of(field.step(20), Dashed))
    assert not flier.ship.flags & Flag.DASH


# ---------------------------------------------------------------- the pulse


def duel(field, distance=300 * UNIT):
    """Two ships that face each other in the middle, vulnerable."""
    killer, victim = field.play(1, "Killer"), field.play(2, "Victim")
    field.put(killer, MIDDLE, MIDDLE)
    field.put(victim, MIDDLE + distance, MIDDLE, heading=128)
    return killer, victim


def kill(field, killer, victim):
    """Shoot until the victim is destroyed; return all events."""

    def gone():
        if victim.ship is None:
            return True
        field.steer(killer, fire=True)
        killer.ship.energy = MAX_ENERGY
        return False

    return field.until(gone, limit=200)


def test_a_pulse_costs_energy_and_needs_its_time():
    field = Field(rocks=False)
    flier = field.play(1, at=(MIDDLE, MIDDLE))
    shots, energies = [], []
    for _ in range(2 * rules.PULSE_WAIT_TICKS + 1):
        field.steer(flier, fire=True)
        field.step()
        shots.append(len(field.told(Shot)))
        energies.append(flier.ship.energy)
    assert [tick for tick, shot in enumerate(shots) if shot] == [0, 5, 10]
    assert energies[0] == MAX_ENERGY - rules.PULSE_COST


def test_no_pulse_without_energy():
    field = Field(rocks=False)
    flier = field.play(1, at=(MIDDLE, MIDDLE))
    flier.ship.energy = 0
    field.steer(flier, fire=True)
    assert not list(of(field.step(3), Shot))


def test_a_pulse_damages_the_ship_that_it_hits():
    field = Field(rocks=False)
    killer, victim = duel(field)
    field.steer(killer, fire=True)
    field.step()
    (shot,), (hit,) = field.told(Shot), field.told(Hit)
    edge = victim.ship.x - rules.PULSE_HIT_RADIUS
    assert (shot.seat, shot.x, shot.y, shot.to_x, shot.to_y) == (1, MIDDLE, MIDDLE, edge, MIDDLE)
    assert hit == Hit(2, 1, rules.PULSE_DAMAGE, edge, MIDDLE, False)
    assert victim.ship.hull == rules.MAX_HULL - rules.PULSE_DAMAGE
    assert killer.ship.hull == rules.MAX_HULL


def test_the_aim_is_independent_of_the_heading():
    field = Field(rocks=False)
    killer, _victim = duel(field)
    killer.ship.heading = 64
    field.steer(killer, fire=True, aim=0)
    field.step()
    assert field.told(Hit)


def test_a_rock_stops_the_pulse():
    field = Field(rocks=False)
    killer, _victim = duel(field)
    rock = Rock(MIDDLE + 150 * UNIT, MIDDLE, 40 * UNIT, 0)
    field.room.rocks = type(field.room.rocks)([rock])
    field.steer(killer, fire=True)
    field.step()
    assert not field.told(Hit)
    assert field.told(Shot)[0].to_x == MIDDLE + 110 * UNIT


def test_shots_are_told_to_those_who_see_either_end():
    field = Field(rocks=False)
    killer, _ = duel(field)
    field.steer(killer, fire=True)
    field.stepper.step(field.room.tick_number + 1)
    (emission,) = (e for e in field.stepper.take_emissions() if type(e.event) is Shot)
    shot = emission.event
    assert list(emission.points) == [(shot.x, shot.y), (shot.to_x, shot.to_y)]


def test_a_protected_ship_is_not_hurt_until_it_fires():
    field = Field(rocks=False)
    killer, victim = duel(field)
    victim.life.protected_until = field.room.tick_number + 60
    for _ in range(6):
        field.steer(killer, fire=True)
        field.step()
        assert victim.ship.flags & Flag.PROTECTED
    assert victim.ship.hull == rules.MAX_HULL
    field.steer(victim, fire=True, aim=64)
    field.step()
    assert not victim.ship.flags & Flag.PROTECTED
    killer.ship.fire_wait = 0
    field.steer(killer, fire=True)
    field.step()
    assert victim.ship.hull < rules.MAX_HULL


def test_dropping_a_mine_ends_the_protection_too():
    field = Field()
    flier = field.play(1)
    field.steer(flier, mine=True)
    field.step()
    assert not flier.ship.flags & Flag.PROTECTED


def test_double_damage_is_double_and_seen_and_ends():
    field = Field(rocks=False)
    killer, _victim = duel(field)
    killer.life.boosted_until = field.room.tick_number + 3
    field.steer(killer, fire=True)
    field.step()
    assert killer.ship.flags & Flag.BOOSTED
    assert field.told(Hit)[0].damage == 2 * rules.PULSE_DAMAGE
    field.step(2)
    assert not killer.ship.flags & Flag.BOOSTED
    killer.ship.fire_wait = 0
    field.steer(killer, fire=True)
    field.step()
    assert field.told(Hit)[0].damage == rules.PULSE_DAMAGE


def test_the_shield_takes_damage_first():
    field = Field(rocks=False)
    killer, victim = duel(field)
    victim.life.shield = 15
    hulls, shielded = [], []
    for _ in range(3):
        killer.ship.fire_wait = 0
        field.steer(killer, fire=True)
        field.step()
        hulls.append(victim.ship.hull)
        shielded.append((field.told(Hit)[0].shielded, bool(victim.ship.flags & Flag.SHIELDED)))
    assert hulls == [100, 95, 85]
    assert shielded == [(True, True), (True, False), (False, False)]


# ---------------------------------------------------------------- death and respawn


def test_a_kill_is_told_and_scored():
    field = Field(rocks=False)
    killer, victim = duel(field)
    told = kill(field, killer, victim)
    assert list(of(told, Kill)) == [Kill(2, 1, (), 100, MIDDLE + 300 * UNIT, MIDDLE)]
    assert (killer.pilot.score, killer.pilot.kills, killer.pilot.deaths) == (100, 1, 0)
    assert (victim.pilot.score, victim.pilot.kills, victim.pilot.deaths) == (0, 0, 1)


def test_the_dead_look_at_the_wreck_until_they_respawn():
    field = Field(rocks=False)
    killer, victim = duel(field)
    kill(field, killer, victim)
    died = field.room.tick_number
    wreck = (MIDDLE + 300 * UNIT, MIDDLE)
    assert victim.pilot.ship == 0
    assert victim.pilot.respawn_at == died + rules.RESPAWN_TICKS == died + 45
    assert victim.player.entity is None
    assert [s.seat for s in field.all(Ship)] == [1]
    field.step(rules.RESPAWN_TICKS - 1)
    assert victim.ship is None
    assert victim.player.focus == wreck
    field.step()
    assert victim.ship is not None
    assert victim.player.entity is victim.ship
    assert victim.player.focus == field.room._focus(victim.ship.x, victim.ship.y) != wreck
    assert victim.pilot.respawn_at == 0
    assert victim.pilot.ship == field.room.id_of(victim.ship)
    assert (victim.ship.hull, victim.ship.energy) == (rules.MAX_HULL, MAX_ENERGY)
    assert victim.ship.flags & Flag.PROTECTED


def test_a_trigger_still_held_does_not_end_the_protection_at_once():
    field = Field(rocks=False)
    killer, victim = duel(field)
    kill(field, killer, victim)
    waited = 0
    while victim.ship is None or victim.ship.flags & Flag.PROTECTED:
        waited += victim.ship is not None
        field.steer(victim, fire=True)
        field.step()
    assert waited == rules.COLD_TICKS


def test_the_protection_lasts_two_seconds():
    field = Field()
    flier = field.play(1, bot=True)
    protected = 0
    while flier.ship.flags & Flag.PROTECTED:
        protected += 1
        field.step()
    assert protected == rules.PROTECTED_TICKS == 60


def test_a_persons_first_ship_is_protected_for_five_seconds_and_told_from_others():
    field = Field(rocks=False)
    killer, victim = field.play(1, at=(MIDDLE, MIDDLE)), field.play(2)
    protected = 1  # ``play`` has stepped once
    while victim.ship.flags & Flag.PROTECTED:
        protected += 1
        field.step()
    assert protected - 1 == rules.NEWCOMER_PROTECTED_TICKS == 150
    assert victim.ship.flags & Flag.NEWCOMER
    field.put(victim, MIDDLE + 300 * UNIT, MIDDLE)
    kill(field, killer, victim)
    field.step(rules.RESPAWN_TICKS + 1)
    assert victim.ship.flags & Flag.PROTECTED
    assert not victim.ship.flags & Flag.NEWCOMER
    assert not field.play(3, bot=True).ship.flags & Flag.NEWCOMER


def test_near_the_border_the_view_is_centred_inside():
    field = Field(rocks=False)
    flier = field.play(1, at=(MIDDLE, MIDDLE))
    field.step()
    assert flier.player.focus is None
    field.put(flier, 20 * UNIT, MIDDLE)
    field.step()
    assert flier.player.focus == (rules.FOCUS_INSIDE, flier.ship.y)


def test_the_chart_shows_every_rock():
    field = Field()
    (chart,) = field.all(Chart)
    rocks = [(r.x // UNIT, r.y // UNIT, r.radius // UNIT) for r in field.all(Rock)]
    assert sorted(chart.rocks) == sorted(rocks)


def test_a_respawn_is_far_from_enemies():
    """A new ship is far from others, in no rock, and near no mine."""
    field = Field(seed=5)
    others = [field.play(seat) for seat in range(2, 12)]
    for other in others:
        field.put(other, MIDDLE // 2, MIDDLE // 2)
    for _ in range(20):
        x, y = field.room._safe_place()
        assert field.room.rocks.is_free(x, y)
        assert math.hypot(x - MIDDLE // 2, y - MIDDLE // 2) > MIDDLE // 2
        for at in (x, y):
            assert rules.BORDER_SPACE <= at <= rules.WORLD_SIZE - rules.BORDER_SPACE


def test_a_respawn_avoids_mines():
    field = Field(rocks=False)
    flier = field.play(1, at=(MIDDLE, MIDDLE))
    flier.ship.energy = MAX_ENERGY
    field.room.mines.drop(flier, flier.ship)
    mine = flier.mines[0]
    field.put(flier, MIDDLE // 2, MIDDLE)  # far from the mine is near to a ship
    places = iter([(mine.x, mine.y)] * 3 + [(MIDDLE // 2, MIDDLE)] + [(mine.x, mine.y)] * 4)
    field.room._free_place = lambda: next(places)
    assert field.room._safe_place() == (MIDDLE // 2, MIDDLE)


def test_a_new_life_begins_without_the_boosts_of_the_old():
    field = Field(rocks=False)
    killer, victim = duel(field)
    victim.life.boosted_until = 10**6
    kill(field, killer, victim)
    field.step(rules.RESPAWN_TICKS)
    assert victim.ship.flags & Flag.BOOSTED == 0
    assert victim.ship.bounty == 0


def test_streak_bounty_and_reward():
    field = Field(rocks=False)
    killer, victim = duel(field)
    bounties = []
    for _ in range(3):
        field.until(lambda: victim.ship is not None)
        field.put(victim, MIDDLE + 300 * UNIT, MIDDLE)
        kill(field, killer, victim)
        bounties.append(killer.ship.bounty)
    assert bounties == [0, 25, 50]
    field.until(lambda: victim.ship is not None)
    field.put(victim, MIDDLE + 300 * UNIT, MIDDLE, heading=128)
    told = kill(field, victim, killer)
    assert [e.reward for e in of(told, Kill)] == [150]
    assert victim.pilot.score == 150
    field.step(rules.RESPAWN_TICKS)
    assert (killer.streak, killer.ship.bounty) == (0, 0)


def test_assists_are_for_the_last_ten_seconds():
    field = Field(rocks=False)
    killer, victim = duel(field)
    late, early, left = (field.play(seat) for seat in (3, 4, 5))
    now = field.room.tick_number
    victim.life.hurt_at |= {3: now, 4: now - rules.ASSIST_TICKS - 1, 5: now}
    field.stepper.leave(left.player, "gone")
    victim.ship.hull = 1
    field.put(killer, MIDDLE, MIDDLE)
    field.put(victim, MIDDLE + 300 * UNIT, MIDDLE)
    (event,) = of(kill(field, killer, victim), Kill)
    assert event.assists == (3,)
    assert (late.pilot.score, early.pilot.score) == (25, 0)


def test_a_seat_that_changed_hands_earns_nothing_for_the_one_before():
    field = Field(rocks=False)
    killer, victim = duel(field)
    helper = field.play(3)
    victim.life.hurt_at[3] = field.room.tick_number
    field.stepper.leave(helper.player, "gone")
    field.play(3)
    victim.ship.hull = 1
    field.put(killer, MIDDLE, MIDDLE)
    field.put(victim, MIDDLE + 300 * UNIT, MIDDLE)
    (event,) = of(kill(field, killer, victim), Kill)
    assert event.assists == ()


def test_two_who_kill_each_other_in_one_tick():
    """The lower seat shoots first, and a dead pilot does not shoot."""
    field = Field(rocks=False)
    killer, victim = duel(field)
    killer.ship.hull = victim.ship.hull = 1
    field.steer(killer, fire=True)
    field.steer(victim, fire=True)
    field.step()
    assert [e.seat for e in field.told(Kill)] == [victim.seat]
    assert killer.ship is not None
