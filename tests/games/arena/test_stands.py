"""The view of spectators."""

from __future__ import annotations

import itertools

from gameserver.games.arena import rules
from gameserver.games.arena.model import UNIT
from tests.support.arena_field import MIDDLE, Field


def test_an_empty_arena_is_seen_in_the_middle():
    field = Field()
    player = field.join(1)
    field.step()
    assert player.focus == (MIDDLE, MIDDLE)


def test_all_spectators_follow_the_one_who_fought_last():
    field = Field(rocks=False)
    watchers = [field.join(seat) for seat in (11, 12)]
    fliers = [field.play(seat) for seat in (1, 2, 3)]
    field.step(rules.CUT_TICKS)
    fliers[2].fought_at = field.room.tick_number
    field.step(rules.CUT_TICKS)
    ship = fliers[2].ship
    assert [watcher.focus for watcher in watchers] == [(ship.x, ship.y)] * 2
    field.put(fliers[2], ship.x + 50, ship.y)
    field.step()
    assert watchers[0].focus == (ship.x, ship.y), "it moves along"
    own = [field.room._focus(flier.ship.x, flier.ship.y) for flier in fliers]
    assert [flier.player.focus for flier in fliers] == own


def test_where_nobody_fought_the_leader_is_shown():
    field = Field(rocks=False)
    watcher = field.join(11)
    fliers = [field.play(seat) for seat in (1, 2, 3)]
    fliers[1].pilot.score = 10
    field.step(rules.CUT_TICKS)
    assert watcher.focus == (fliers[1].ship.x, fliers[1].ship.y)


def test_the_view_does_not_jump_about():
    field = Field(rocks=False)
    watcher = field.join(11)
    first, second = field.play(1), field.play(2)
    field.step(rules.CUT_TICKS)
    seen = []
    for tick in range(2 * rules.CUT_TICKS):
        (first, second)[tick % 2].fought_at = field.room.tick_number
        field.step()
        seen.append(watcher.focus == (first.ship.x, first.ship.y))
    assert sum(a != b for a, b in itertools.pairwise(seen)) <= 3


def test_it_stays_at_a_wreck_for_a_moment():
    field = Field(rocks=False)
    watcher = field.join(11)
    victim = field.play(1, at=(MIDDLE, MIDDLE))
    field.step(rules.CUT_TICKS)
    killer = field.play(2, at=(MIDDLE - 300 * UNIT, MIDDLE))
    victim.ship.hull = 1
    wreck = (victim.ship.x, victim.ship.y)
    field.steer(killer, fire=True)
    field.step()
    assert victim.ship is None
    victim.pilot.respawn_at = 10**6
    field.step(rules.WRECK_TICKS - 1)
    assert watcher.focus == wreck
    field.step(2)
    assert watcher.focus == (killer.ship.x, killer.ship.y)
