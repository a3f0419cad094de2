"""Mines, from drop to blast."""

from __future__ import annotations

from gameserver.games.arena import rules
from gameserver.games.arena.model import UNIT, Blast, Hit, Kill, Mine, Watch
from gameserver.games.arena.movement import MAX_ENERGY, SHIP_RADIUS
from tests.support.arena_field import MIDDLE, Field, of


def layer(field):
    """A pilot who has just dropped a mine in the middle, and flown away."""
    flier = field.play(1, at=(MIDDLE, MIDDLE))
    field.steer(flier, mine=True)
    field.step()
    field.steer(flier)
    field.put(flier, MIDDLE // 2, MIDDLE // 2)
    return flier


def test_a_mine_is_dropped_behind_for_energy():
    field = Field(rocks=False)
    flier = field.play(1, at=(MIDDLE, MIDDLE))
    field.steer(flier, mine=True)
    field.step()
    (mine,) = field.all(Mine)
    assert (mine.x, mine.y, mine.seat, mine.armed) == (
        MIDDLE - rules.MINE_DROP_DISTANCE,
        MIDDLE,
        1,
        False,
    )
    assert rules.MINE_DROP_DISTANCE > SHIP_RADIUS
    assert flier.ship.energy == MAX_ENERGY - rules.MINE_COST
    assert flier.ship.mine_wait == rules.MINE_WAIT_TICKS - 1


def test_no_mine_without_energy_or_before_its_time():
    field = Field(rocks=False)
    flier = field.play(1, at=(MIDDLE, MIDDLE))
    flier.ship.energy = 0
    field.steer(flier, mine=True)
    field.step()
    assert not field.all(Mine)
    dropped = []
    for tick in range(2 * rules.MINE_WAIT_TICKS + 1):
        flier.ship.energy = MAX_ENERGY
        field.steer(flier, mine=True)
        field.step()
        if len(field.all(Mine)) > len(dropped):
            dropped.append(tick)
    assert dropped == [0, 30, 60]


def test_it_arms_after_a_second():
    field = Field(rocks=False)
    layer(field)
    (mine,) = field.all(Mine)
    field.step(rules.MINE_ARM_TICKS - 1)
    assert not mine.armed
    field.step()
    assert mine.armed


def test_unarmed_it_is_harmless_and_armed_it_goes_off():
    field = Field(rocks=False)
    owner = layer(field)
    victim = field.play(2, at=(MIDDLE, MIDDLE))
    (mine,) = field.all(Mine)
    field.step(5)
    assert victim.ship.hull == rules.MAX_HULL
    told = field.until(lambda: not field.all(Mine))
    assert list(of(told, Blast)) == [Blast(mine.x, mine.y, rules.MINE_BLAST_RADIUS)]
    assert [(e.seat, e.by, e.damage) for e in of(told, Hit)] == [(2, 1, rules.MINE_DAMAGE)]
    assert victim.ship.hull == rules.MAX_HULL - rules.MINE_DAMAGE
    assert not owner.mines


def test_a_blast_hurts_all_enemies_around_but_not_its_owner_nor_the_protected():
    field = Field(rocks=False)
    owner = layer(field)
    (mine,) = field.all(Mine)
    field.step(rules.MINE_ARM_TICKS)
    fliers = {seat: field.play(seat) for seat in (2, 3, 4, 5)}
    field.put(owner, mine.x, mine.y)
    field.put(fliers[2], mine.x + rules.MINE_TRIGGER_RADIUS, mine.y)
    field.put(fliers[3], mine.x, mine.y + rules.MINE_BLAST_RADIUS)
    field.put(fliers[4], mine.x, mine.y - rules.MINE_BLAST_RADIUS - 1)
    field.put(fliers[5], mine.x, mine.y)
    fliers[5].life.protected_until = field.room.tick_number + 60
    field.step()
    assert {e.seat for e in field.told(Hit)} == {2, 3}
    assert owner.ship.hull == rules.MAX_HULL


def test_neither_the_owner_nor_the_protected_set_it_off():
    field = Field(rocks=False)
    owner = layer(field)
    (mine,) = field.all(Mine)
    field.step(rules.MINE_ARM_TICKS)
    field.put(owner, mine.x, mine.y)
    guest = field.play(2, at=(mine.x, mine.y))
    guest.life.protected_until = field.room.tick_number + 10
    field.step(9)
    assert field.all(Mine)
    field.step()
    assert not field.all(Mine)


def test_just_out_of_reach_it_stays():
    field = Field(rocks=False)
    layer(field)
    (mine,) = field.all(Mine)
    field.step(rules.MINE_ARM_TICKS)
    field.play(2, at=(mine.x + rules.MINE_TRIGGER_RADIUS + 1, mine.y))
    field.step()
    assert field.all(Mine)


def test_a_mine_kills_for_its_owner_even_a_dead_one():
    field = Field(rocks=False)
    owner = layer(field)
    (mine,) = field.all(Mine)
    field.step(rules.MINE_ARM_TICKS)
    shooter = field.play(3)
    field.put(owner, MIDDLE // 2, MIDDLE // 2)
    owner.ship.hull = 1
    field.put(shooter, MIDDLE // 2 - 100 * UNIT, MIDDLE // 2)
    field.steer(shooter, fire=True)
    field.step()
    assert owner.ship is None
    victim = field.play(2, at=(mine.x, mine.y))
    victim.ship.hull = 1
    told = field.step()
    assert [(e.seat, e.by) for e in of(told, Kill)] == [(2, 1)]
    assert owner.pilot.score == 100


def test_it_is_gone_after_its_time():
    field = Field(rocks=False)
    flier = layer(field)
    field.step(rules.MINE_LIFE_TICKS - 1)
    assert field.all(Mine)
    field.step()
    assert not field.all(Mine)
    assert not flier.mines


def test_a_pilot_has_so_many_and_the_oldest_goes_first():
    field = Field(rocks=False)
    flier = field.play(1, at=(MIDDLE, MIDDLE))
    for number in range(rules.MINES_PER_PILOT + 2):
        field.put(flier, MIDDLE + number * 100 * UNIT, MIDDLE)
        flier.ship.energy, flier.ship.mine_wait = MAX_ENERGY, 0
        field.steer(flier, mine=True)
        field.step()
    places = [mine.x + rules.MINE_DROP_DISTANCE - MIDDLE for mine in flier.mines]
    assert places == [n * 100 * UNIT for n in (2, 3, 4)]
    assert len(field.all(Mine)) == rules.MINES_PER_PILOT
    field.step(rules.MINE_LIFE_TICKS)
    assert not field.all(Mine)


def test_the_queues_forget_the_mines_of_one_who_went():
    field = Field(rocks=False)
    flier = layer(field)
    field.tell(flier.player, Watch())
    field.step(rules.MINE_LIFE_TICKS + 1)
    assert not field.all(Mine)
    assert not field.room.mines._ending
    assert not field.room.mines._arming


def test_two_mines_at_one_place_go_off_one_after_the_other():
    field = Field(rocks=False)
    owner = layer(field)
    (mine,) = field.all(Mine)
    field.put(owner, mine.x + rules.MINE_DROP_DISTANCE, mine.y)
    owner.ship.energy, owner.ship.mine_wait = MAX_ENERGY, 0
    field.steer(owner, mine=True)
    field.step(2)  # first no control is held
    field.put(owner, 0, 0)
    field.step(rules.MINE_ARM_TICKS)
    victim = field.play(2, at=(mine.x, mine.y))
    told = field.step(2)
    assert len(list(of(told, Blast))) == 2
    assert victim.ship.hull == rules.MAX_HULL - 2 * rules.MINE_DAMAGE
