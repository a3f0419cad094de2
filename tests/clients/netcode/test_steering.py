"""The clients' netcode against a real arena, on links that delay: the central properties.

On a clean link nothing is ever corrected; on a bad one what is corrected is finite, and the
prediction comes back to what the server has.
"""

from __future__ import annotations

import math
import random
from typing import Any

import attrs
import pytest

from clients.netcode.effects import Effect
from clients.netcode.steering import KEEP_ALIVE_TICKS, MAX_CHANGES, MAX_PREDICTED_S, Change
from gameserver.games.arena.model import UNIT, Pickup, PickupKind, Play, Ship, Steer
from gameserver.games.arena.movement import DASH_SPEED
from gameserver.games.arena.room import Arena
from gameserver.protocol.messages import RENDERED_PER_TICK
from tests.support.netcode_vectors.files import check
from tests.support.simulated_play import (
    Delay,
    SimulatedClient,
    SimulatedPlay,
    between,
    quiet_arena,
    restless,
)

#: One way, in seconds.
STEADY = (0.05, 0.055)


def one(
    low_s: float = STEADY[0], high_s: float = STEADY[1], *, room: Arena | None = None, seed: int = 1
) -> tuple[SimulatedPlay, SimulatedClient]:
    field = SimulatedPlay(room or quiet_arena(seed))
    up, down = between(low_s, high_s, seed), between(low_s, high_s, seed + 1)
    return field, SimulatedClient(field, 1, up, down, restless(seed), seed=seed)


def stalling(every_s: float, lasts_s: float) -> Delay:
    """Return the delay of a link that is dead for ``lasts_s`` in each ``every_s``."""
    return lambda now_s: 0.05 + max(lasts_s - now_s % every_s, 0.0)


def agrees(remote: SimulatedClient) -> bool:
    """Whether the client's prediction is the path that the server will take, from here on.

    Both are let run on until the server has simulated the tick that is predicted now.
    """
    field, steering = remote.field, remote.steering
    if steering.own is None:
        return remote.ship is None
    before = attrs.evolve(remote.counts)
    predicted = steering.own
    tick = steering.predictor.tick
    while field.room.tick_number < tick:
        field.run_until(field.now_s + 0.001)
    ship = remote.ship
    return (
        before == remote.counts
        and (ship.x, ship.y) == (predicted.x, predicted.y)
        and (ship.vx, ship.vy, ship.heading) == (predicted.vx, predicted.vy, predicted.heading)
    )


def test_python_and_the_page_play_the_same_scripts() -> None:
    check("steering")


# ---------------------------------------------------------------- the clean link


@pytest.mark.parametrize("delays", [(0.0005, 0.001), (0.15, 0.155)])
def test_on_a_clean_link_nothing_is_ever_corrected(delays: tuple[float, float]) -> None:
    """Six ships that fly, fight, die and come back: over 5,000 ticks of ships on each link."""
    field = SimulatedPlay(quiet_arena())
    remotes = [
        SimulatedClient(field, n, between(*delays, n), between(*delays, n + 9), restless(n), seed=n)
        for n in range(1, 7)
    ]
    field.run_until(28.5)
    ticks = 0
    for remote in remotes:
        assert (remote.counts.corrections, remote.counts.adjustments) == (0, 0)
        assert remote.seated.commands.late == remote.seated.commands.early == 0
        assert remote.steering.missed_ticks == 0
        assert remote.worst_clock_error < 0.5
        assert remote.steering.effects.undone == 0
        assert remote.steering.effects.confirmed > 5
        ticks += field.room.tick_number
    assert ticks > 5_000


def test_most_commands_need_not_be_sent() -> None:
    field, remote = one()
    field.run_until(20.0)
    assert remote.sent < 0.3 * field.room.tick_number
    assert remote.sent > field.room.tick_number / KEEP_ALIVE_TICKS - 20


def test_the_prediction_is_ahead_of_the_server_by_the_latency_and_about_half_a_tick() -> None:
    field, remote = one()
    field.run_until(10.0)
    lead = remote.steering.tick - field.server_ticks(field.now_s)
    assert 0.05 * field.rate - 0.5 < lead < 0.05 * field.rate + 1.5


def test_after_the_last_command_the_prediction_idles_as_the_server_does() -> None:
    field, remote = one()
    remote.choose = _flying(lambda tick: Steer(turn=1, thrust=True) if tick % 80 < 20 else None)
    field.run_until(16.0)
    assert remote.seated.commands.idle_ticks > 50
    assert (remote.counts.corrections, remote.counts.adjustments) == (0, 0)
    assert agrees(remote)


def test_an_effect_of_the_world_on_the_ship_is_an_adjustment() -> None:
    field, remote = one()
    field.run_until(5.0)
    remote.ship.energy = 1
    remote.ship.hull = 7
    field.run_until(5.5)
    assert remote.counts.adjustments >= 1
    assert remote.counts.corrections == 0


# ---------------------------------------------------------------- a room that slows down


@pytest.mark.parametrize("delays", [(0.0005, 0.001), (0.15, 0.155)])
def test_a_change_of_pace_announced_in_time_needs_no_correction(
    delays: tuple[float, float],
) -> None:
    field = SimulatedPlay(quiet_arena())
    remotes = [
        SimulatedClient(field, n, between(*delays, n), between(*delays, n + 9), restless(n), seed=n)
        for n in range(1, 4)
    ]
    field.run_until(5.0)
    for pace, interval in ((0.75, 2), (0.5, 2), (0.375, 2), (0.75, 2), (1.0, 1)):
        field.slow_down(pace, interval, notice_ticks=15)
        began = field.server_ticks(field.now_s + 2.0)  # by then the bend is behind
        field.run_until(field.now_s + 5.0)
        ran = field.server_ticks(field.now_s) - began
        assert ran == pytest.approx(3.0 * field.rate * pace)
    for remote in remotes:
        assert (remote.counts.corrections, remote.counts.adjustments) == (0, 0)
        assert remote.seated.commands.late == remote.seated.commands.early == 0
        assert remote.steering.missed_ticks == 0
        assert remote.worst_clock_error < 0.5
        assert remote.clock.jumps == 0
        assert remote.steering.playback.underruns == 0
        assert remote.steering.effects.undone == 0


def test_a_change_of_pace_announced_late_is_corrected() -> None:
    field, remote = one()
    field.run_until(5.0)
    field.slow_down(0.5, 1, notice_ticks=-6)
    remote.settled_s = 9.0
    shown = remote.steering.rendered_tick
    while field.now_s < 12.0:
        field.run_until(field.now_s + 0.01)
        assert remote.steering.rendered_tick >= shown  # never backwards
        shown = remote.steering.rendered_tick
    assert remote.clock.jumps >= 1
    assert remote.worst_clock_error < 0.5
    assert agrees(remote)


# ---------------------------------------------------------------- bad links


@pytest.mark.parametrize("seed", range(3))
def test_late_commands_are_corrected_and_the_lead_converges(seed: int) -> None:
    field = SimulatedPlay(quiet_arena(seed))
    up, down = stalling(3.0, 0.3), between(0.02, 0.15, seed)
    remote = SimulatedClient(field, 1, up, down, restless(seed), seed=seed)
    field.run_until(32.9)  # just before the next stall
    counts = remote.counts
    assert remote.seated.commands.late > 0
    assert 0 < counts.corrections < 32 * 10
    assert math.isfinite(counts.distance_sum)
    assert counts.distance_worst < 12 * DASH_SPEED
    assert agrees(remote)


def test_a_correction_is_smoothed_and_fades() -> None:
    field, remote = one()
    field.run_until(5.0)
    drawn = remote.steering.own_place(field.now_s)
    remote.ship.x += 40 * UNIT
    while not remote.counts.corrections:
        drawn = remote.steering.own_place(field.now_s)
        field.run_until(field.now_s + 0.001)
    now = remote.steering.own_place(field.now_s)
    assert drawn is not None
    assert now is not None
    assert math.dist(drawn, now) < DASH_SPEED + 1  # one tick of flying, and not the correction
    field.run_until(field.now_s + 0.8)
    assert remote.steering.smoothing.offset(field.now_s) == pytest.approx((0, 0), abs=2 * UNIT)
    assert agrees(remote)


def test_jitter_lengthens_the_lead_and_the_delay_of_others_but_not_forever() -> None:
    rng = random.Random(4)
    jitter_s = 0.16

    def rough(_: float) -> float:
        return 0.03 + rng.random() * jitter_s

    field = SimulatedPlay(quiet_arena())
    remote = SimulatedClient(field, 1, rough, rough, restless(1))
    field.run_until(6.0)
    late, sent = remote.seated.commands.late, remote.sent
    field.run_until(20.0)
    rough_delay_s = remote.steering.playback.delay_s
    assert remote.seated.commands.late - late <= 0.05 * (remote.sent - sent)
    jitter_s = 0.0
    field.run_until(45.0)
    assert remote.steering.playback.delay_s < 0.7 * rough_delay_s
    lead = remote.steering.tick - field.server_ticks(field.now_s)
    assert lead < 0.03 * field.rate + 2.0


# ---------------------------------------------------------------- recovering within a second


def test_a_client_that_slept_for_ten_seconds_plays_on_within_one() -> None:
    field, remote = one()
    field.run_until(8.0)
    remote.sleep(10.0)
    field.run_until(17.9)
    assert remote.steering.tick < field.server_ticks(9.0)
    field.run_until(18.9)
    sent = remote.sent
    assert remote.steering.missed_ticks >= 290
    assert agrees(remote)
    counts = attrs.evolve(remote.counts)
    late = remote.seated.commands.late
    field.run_until(24.0)
    assert remote.sent > sent
    assert remote.counts == counts
    assert remote.seated.commands.late == late
    assert shows_the_recent_past(remote)


@pytest.mark.parametrize("clock_too", [False, True])
def test_a_server_that_paused_for_five_seconds_is_followed_within_one(clock_too: bool) -> None:
    field, remote = one()
    field.run_until(8.0)
    field.pause(5.0, clock_too=clock_too)
    field.run_until(12.9)
    assert remote.steering.predictor.pending <= MAX_PREDICTED_S * field.rate
    field.run_until(14.0)
    assert remote.steering.own is not None
    assert abs(remote.clock.tick_at(14.0) - field.server_ticks(14.0)) < 0.5
    assert agrees(remote)
    counts, late = attrs.evolve(remote.counts), remote.seated.commands.late
    early = remote.seated.commands.early
    field.run_until(20.0)
    assert remote.counts == counts
    assert (remote.seated.commands.late, remote.seated.commands.early) == (late, early)
    assert shows_the_recent_past(remote)


def shows_the_recent_past(remote: SimulatedClient) -> bool:
    behind = remote.replica.tick - remote.steering.rendered_tick
    return 0 < behind < remote.steering.playback.delay_s * remote.field.rate + 3


def test_a_full_state_in_between_corrects_nothing() -> None:
    field, remote = one()
    field.run_until(6.0)
    before = remote.replica.own
    remote.seated.seat.forget()
    field.run_until(7.0)
    assert remote.replica.own is not before
    assert (remote.counts.corrections, remote.counts.adjustments) == (0, 0)
    assert agrees(remote)


def test_a_new_ship_is_steered_from_where_it_is_without_a_correction() -> None:
    field, remote = one()
    field.run_until(6.0)
    flier = field.room.fliers[1]
    field.room._hurt(flier, 1000, flier, (0, 0))
    field.run_until(6.5)
    assert remote.steering.own is None
    while remote.steering.own is None:
        field.run_until(field.now_s + 0.001)
    assert remote.steering.predictor.tick == remote.steering.tick  # now, and not when it was told
    field.run_until(9.0)
    assert (remote.counts.corrections, remote.counts.adjustments) == (0, 0)
    assert agrees(remote)


# ---------------------------------------------------------------- others, and effects


def test_others_are_shown_where_the_server_says_that_they_were_shown() -> None:
    """``rendered`` claims the same picture that ``place_of`` gives."""
    field = SimulatedPlay(quiet_arena())
    watcher = SimulatedClient(field, 1, between(*STEADY), between(*STEADY, 3), restless(1))
    other = SimulatedClient(field, 2, between(*STEADY, 5), between(*STEADY, 6), restless(2))
    field.run_until(3.0)
    path: dict[int, tuple[int, int]] = {}
    compared = 0
    for _ in range(300):
        watcher.ship.x, watcher.ship.y = other.ship.x + 200 * UNIT, other.ship.y
        field.run_until(field.now_s + 1 / field.rate)
        path[field.room.tick_number] = (other.ship.x, other.ship.y)
        entity = next((e for e in watcher.replica.of_kind("Ship") if e.seat == 2), None)
        at = watcher.steering.rendered_tick
        claimed = round(at * RENDERED_PER_TICK) / RENDERED_PER_TICK if not math.isnan(at) else 0.0
        if entity is None or math.floor(claimed) not in path or claimed > watcher.replica.tick:
            continue
        (x, y), (to_x, to_y) = path[math.floor(claimed)], path[math.floor(claimed) + 1]
        part = claimed % 1
        expected = (x + (to_x - x) * part, y + (to_y - y) * part)
        assert watcher.steering.place_of(entity) == pytest.approx(expected)
        compared += 1
    assert compared > 200


def test_a_shot_shows_at_its_tick_and_the_servers_event_is_no_news() -> None:
    field, remote = one()
    remote.choose = _flying(lambda tick: Steer(fire=tick % 40 == 0))
    field.run_until(6.0)
    changes = remote.steering.take_changes()
    shots = [change.effect for change in changes if change.effect.kind == "Shot"]
    assert len(shots) >= 3
    assert not any(change.undo for change in changes)
    assert not [event for event in remote.news if event.spec.name == "Shot"]
    assert remote.steering.effects.confirmed >= 2


def test_a_shot_without_the_servers_event_is_undone() -> None:
    field, remote = one()
    remote.choose = _flying(lambda tick: Steer(fire=tick >= 150))
    while remote.steering.tick < 150:
        field.run_until(field.now_s + 0.001)
    remote.ship.fire_wait = 200  # the weapon jams before the command is there
    field.run_until(field.now_s + 1.0)
    changes = remote.steering.take_changes()
    shown = [change for change in changes if not change.undo]
    undone = [change for change in changes if change.undo]
    assert len(shown) == len(undone) == 1


def test_a_pickup_is_taken_at_once_and_confirmed() -> None:
    field, remote = one()
    remote.choose = _flying(lambda _: Steer())
    field.run_until(3.0)
    ship, room = remote.ship, field.room
    x, y = next(
        (x, y)
        for x, y in (room._free_place() for _ in range(99))
        if not any(room.rocks.touching(x + dx * UNIT, y) for dx in range(0, 200, 20))
    )
    pickup = room.spawn(Pickup(x + 100 * UNIT, y, PickupKind.HULL))
    room.pickups._grid.add(pickup, pickup.x, pickup.y, 100 * UNIT)
    ship.x, ship.y, ship.vx, ship.vy = x, y, 8 * UNIT, 0
    field.run_until(5.0)
    taken = [c for c in remote.steering.take_changes() if c.effect.kind == "Taken"]
    assert [change.undo for change in taken] == [False]
    assert remote.steering.effects.confirmed >= 1
    assert not [event for event in remote.news if event.spec.name == "Taken"]


def test_changes_that_are_not_taken_are_bounded_and_counted() -> None:
    field, remote = one()
    remote.choose = _flying(lambda _: Steer(fire=True))
    field.run_until(4.0)
    for tick in range(MAX_CHANGES + 9):
        remote.steering._tell(Change(Effect("Shot", tick)))
    assert remote.steering.changes_dropped >= 9
    assert len(remote.steering.take_changes()) == MAX_CHANGES
    assert remote.steering.take_changes() == []


def _flying(steer: Any) -> Any:
    def choose(remote: SimulatedClient, tick: int) -> Steer | None:
        if remote.steering.own is None:
            if remote.ship is None and tick % 30 == 0:
                remote.send(Play(name="pilot", colour=1))
            return None
        result: Steer | None = steer(tick)
        return result

    return choose


# ---------------------------------------------------------------- the latency budget


def test_the_budget_has_the_shares_of_the_latency() -> None:
    field, remote = one(0.06, 0.0602)
    remote.steering.served(0.001, 0.0005)
    field.run_until(10.0)
    newest = remote.steering.budget.newest
    assert newest is not None
    tick_s = 1 / field.rate
    assert newest.up == pytest.approx(0.06, abs=tick_s)
    assert newest.down == pytest.approx(0.06, abs=tick_s)
    assert 0 <= newest.wait < 1.5 * tick_s
    assert newest.drawn == pytest.approx(remote.steering.playback.delay_s, abs=tick_s)
    assert remote.steering.budget.percentiles()["total"].p50 < 0.3


def test_without_a_ship_class_of_its_own_nothing_is_steered() -> None:
    field, remote = one()
    remote.choose = lambda *_: Steer()
    field.run_until(2.0)
    assert remote.steering.own is None
    assert remote.sent == 0
    assert remote.steering.tick > 50
    assert Ship.__name__ in remote.steering.vehicle.kinds
