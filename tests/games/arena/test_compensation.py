"""The pulse hits what the shooter's screen showed; and the clocks of controls."""

from __future__ import annotations

import pytest

from gameserver.games.arena import rules
from gameserver.games.arena.model import UNIT, Compensate, Flag, Hit, Steer
from gameserver.games.arena.room import Arena
from gameserver.protocol.latency import LatencyEstimator
from tests.support.arena_field import MIDDLE, Field

DISTANCE = 300 * UNIT
#: The speed of the target across the line of fire: in three ticks it moves more than its size.
SPEED = 8 * UNIT


def latency(rtt_s: float):
    estimator = LatencyEstimator()
    for _ in range(10):
        estimator.sample(rtt_s)
    return estimator.latency


class Crossing:
    """A shooter in the middle, and a target that flies across its line of fire."""

    def __init__(self, *, rtt_s: float = 0.2) -> None:
        self.field = Field(rocks=False)
        self.shooter = self.field.play(1, at=(MIDDLE, MIDDLE))
        self.target = self.field.play(2, at=(MIDDLE + DISTANCE, MIDDLE))
        self.shooter.player.latency = latency(rtt_s)
        #: The tick at whose end the target was on the line.
        self.on_line = self.field.room.tick_number + 10
        for tick in range(20):
            self.target.ship.y = MIDDLE + (tick - 9) * SPEED
            self.field.step()
        self.now = self.field.room.tick_number + 1

    def fire(self, rendered: float) -> bool:
        """Fire straight at the line, claiming that the screen showed tick ``rendered``."""
        commands = self.field.commands(self.shooter.player)
        seq = commands.newest_seq + 1
        commands.take(seq, Steer(fire=True), tick=self.now, rendered=round(32 * rendered))
        self.field.step()
        return bool(self.field.told(Hit))


def test_a_target_is_hit_where_the_screen_showed_it():
    crossing = Crossing()
    assert crossing.fire(crossing.on_line)
    assert crossing.shooter.player.rewinds_disputed == 0


def test_a_target_is_not_hit_where_it_was_before_or_is_now():
    for off in (-4, 4):
        crossing = Crossing()
        assert not crossing.fire(crossing.on_line + off)


def test_a_target_is_hit_between_two_ticks():
    """Three quarters of the way from too early to the line, the target is near enough."""
    crossing = Crossing()
    reach = rules.PULSE_HIT_RADIUS / SPEED  # in ticks
    assert crossing.fire(crossing.on_line - reach + 0.2)
    assert not Crossing().fire(crossing.on_line - reach - 0.2)


def test_switched_off_it_must_be_led():
    class Plain(Arena):
        lag_compensation = False

    crossing = Crossing()
    crossing.field.room.lag_compensation = Plain.lag_compensation
    assert not crossing.fire(crossing.on_line)


def test_a_player_may_switch_it_off_and_on():
    crossing = Crossing()
    crossing.field.tell(crossing.shooter.player, Compensate(on=False))
    assert not crossing.fire(crossing.on_line)
    again = Crossing()
    for on in (False, True):
        again.field.tell(again.shooter.player, Compensate(on=on))
    assert again.fire(again.on_line)


def test_a_false_claim_gains_nothing():
    """A client with low latency claims a tick that only a distant client could still see."""
    near = Crossing(rtt_s=0.0)
    near.now += 12
    near.field.step(12)
    assert not near.fire(near.on_line)
    assert near.shooter.player.rewinds_disputed == 1


# ---------------------------------------------------------------- controls


def test_idle_controls_keep_the_aim():
    field = Field(rocks=False)
    flier = field.play(1, at=(MIDDLE, MIDDLE))
    field.steer(flier, thrust=True, aim=99)
    field.step(rules.HOLD_TICKS + 2)
    assert not flier.ship.flags & Flag.THRUST
    assert flier.steer == Steer(aim=99)
    field.stepper.leave(flier.player, "gone")
    assert field.room.on_idle(flier.player) == Steer()


def test_controls_wait_for_their_tick():
    field = Field(rocks=False)
    flier = field.play(1, at=(MIDDLE, MIDDLE))
    now = field.room.tick_number
    commands = field.commands(flier.player)
    seq = commands.newest_seq
    for ahead in (1, 2, 3):
        commands.take(seq + ahead, Steer(turn=1), tick=now + ahead)
    commands.take(seq + 4, Steer(), tick=now + 4)
    headings = []
    for _ in range(4):
        field.step()
        headings.append(flier.ship.heading)
    assert headings == [6, 12, 18, 18]


@pytest.mark.parametrize("on", [True, False])
def test_steering_and_compensation_from_the_stands_do_nothing(on: bool):
    field = Field()
    player = field.join(1)
    field.tell(player, Steer(fire=True))
    field.tell(player, Compensate(on=on))
    field.step(3)
    assert player.lag_compensation is on
