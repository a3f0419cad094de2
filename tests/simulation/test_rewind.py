"""Claims of clients: honest ones are believed, and a lie gains no more than documented."""

from __future__ import annotations

import math
import random
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gameserver.errors import LocalProtocolError
from gameserver.model.schema import command, entity, synced
from gameserver.model.view import Exact
from gameserver.protocol.latency import Latency, LatencyEstimator
from gameserver.replication.publisher import Publisher
from gameserver.room import Player, Room
from gameserver.simulation.rewind import MAX_INTERPOLATION_S, TOLERANCE_S, believed_age, bounds
from gameserver.simulation.stepper import Stepper
from gameserver.testing import Rehearsal
from tests.support.examples import examples
from tests.support.frame_sinks import NoSink

RATE = 30


@entity(at=("x", "y"))
class Target:
    x: int = synced(0)
    y: int = synced(0)


@command
class Aim:
    fire: bool = False


class Range(Room):
    """A shooting range: the target is at ``x`` = the number of the tick."""

    tick_rate = RATE
    classes = (Target, Aim)
    input = Aim
    rewinds = (Target,)

    def on_create(self) -> None:
        self.target = self.spawn(Target())
        self.seen: list[float] = []

    def on_command(self, player: Player, command: Aim) -> None:
        if command.fire:
            self.seen.append(self.seen_by(player).tick)

    def tick(self) -> None:
        self.target.x = self.tick_number


class Played:
    """A range that is stepped and published by hand."""

    def __init__(self, kind: type[Range] = Range, *, ticks: int = 60) -> None:
        self.room = kind()
        self.stepper = Stepper(self.room)
        seated = self.stepper.join(1, NoSink(), "ann")
        self.player, self.commands = seated.player, seated.commands
        self._publisher = Publisher(self.room.world, check_every_ticks=10**6, quiet_ticks=10**6)
        self._seq = 0
        self.step(ticks)

    def step(self, ticks: int = 1) -> None:
        for _ in range(ticks):
            tick = self.room.tick_number + 1
            self.stepper.step(tick)
            assert not self.stepper.failures
            self._publisher.publish(tick)
            self.stepper.published(tick)

    def shoot(self, rendered: float, *, for_tick: int = 0) -> float:
        """Fire now, claiming that the screen showed tick ``rendered``; return what was seen."""
        self._seq += 1
        self.commands.take(self._seq, Aim(fire=True), tick=for_tick, rendered=round(32 * rendered))
        while not self.room.seen:
            self.step()
        return self.room.seen.pop()


def measured(*round_trips_s: float) -> Latency:
    estimator = LatencyEstimator()
    for rtt_s in round_trips_s:
        estimator.sample(rtt_s)
    return estimator.latency


STEADY = measured(*[0.1] * 40)


def test_an_honest_claim_is_believed_with_its_fraction() -> None:
    played = Played()
    played.player.latency = STEADY
    assert played.shoot(56.25) == 56.25
    assert (played.player.rewinds_disputed, played.player.rewinds_clamped) == (0, 0)


def test_what_is_seen_then_is_where_the_target_was_drawn() -> None:
    played = Played()
    played.player.latency = STEADY
    played.commands.take(1, Aim(), rendered=round(32 * 56.25))
    played.step()
    seen = played.room.seen_by(played.player)
    assert seen.position(played.room.target) == (56.25, 0)
    assert list(seen.near(56, 0, 1, Target)) == [(played.room.target, 56.25, 0)]
    assert not list(seen.near(61, 0, 3, Target)), "where it is now"


def test_waiting_for_its_tick_does_not_make_a_claim_older() -> None:
    """A claim is judged by its time of arrival, not by the time at which it is applied."""
    played = Played()
    played.player.latency = STEADY
    newest = 61 - bounds(STEADY, RATE, 1).least
    assert played.shoot(newest - 0.5, for_tick=66) == pytest.approx(newest - 0.5, abs=1 / 32)
    assert played.player.rewinds_disputed == 0


def test_while_an_input_is_repeated_the_screen_goes_on() -> None:
    played = Played()
    played.player.latency = STEADY
    played.commands.take(1, Aim(fire=True), rendered=32 * 56)
    played.step(4)
    assert played.room.seen == [56, 57, 58, 59]


@pytest.mark.parametrize("rendered", [1, 20, 63, 10**6])
def test_an_impossible_claim_is_replaced_by_the_measured_age(rendered: float) -> None:
    """Claims that are older than any delay explains, newer than the latency, or of the future."""
    played = Played()
    played.player.latency = STEADY
    assert played.shoot(rendered) == pytest.approx(61 - 0.1 * RATE - 1)
    assert played.player.rewinds_disputed == 1


def test_no_claim_is_no_dispute() -> None:
    played = Played()
    played.player.latency = STEADY
    assert played.shoot(0) == pytest.approx(61 - 0.1 * RATE - 1)
    assert played.player.rewinds_disputed == 0


def test_nobody_sees_further_back_than_the_room_allows() -> None:
    played = Played()
    played.player.latency = measured(*[0.9] * 40)
    assert played.shoot(61 - 0.9 * RATE) == 61 - Range.max_rewind_ms * RATE / 1000
    assert (played.player.rewinds_clamped, played.player.rewinds_disputed) == (1, 0)


def test_off_means_the_present() -> None:
    class Plain(Range):
        lag_compensation = False

    played = Played(Plain)
    played.player.latency = STEADY
    assert played.shoot(56) == 61
    one = Played()
    one.player.latency = STEADY
    one.player.lag_compensation = False
    assert one.shoot(56) == 61
    assert one.player.rewinds_disputed == 0


def test_before_anything_is_published_the_present_is_seen() -> None:
    stepper = Stepper(Range())
    seated = stepper.join(1, NoSink(), "ann")
    seated.commands.take(1, Aim(fire=True), rendered=32)
    stepper.step(1)
    assert stepper.room.seen == [1]


def test_a_room_without_rewinds_says_so() -> None:
    class Blind(Range):
        rewinds = ()  # type: ignore[assignment]

    room = Blind()
    player = Stepper(room).join(1, NoSink(), "ann").player
    with pytest.raises(LocalProtocolError, match="rewinds"):
        room.seen_by(player)


def test_the_history_must_reach_as_far_as_the_rewinding() -> None:
    class Short(Range):
        history_s = 0.4

    with pytest.raises(LocalProtocolError, match="history_s"):
        Stepper(Short())


# ---------------------------------------------------------------- honest clients


@settings(max_examples=examples(200))
@given(
    st.floats(0, 0.4),
    st.floats(0, 0.06),
    st.floats(0.02, MAX_INTERPOLATION_S),
    st.integers(0, 2**32),
    st.sampled_from((10, 20, 30, 60, 128)),
    st.integers(1, 3),
)
def test_an_honest_client_is_never_disputed(
    rtt_s: float, jitter_s: float, delay_s: float, seed: int, rate: int, every: int
) -> None:
    """Round trips of ``rtt_s`` ± ``jitter_s``; the client draws ``delay_s`` in the past."""
    rng = random.Random(seed)
    estimator = LatencyEstimator()

    def way_s() -> float:
        return abs(rtt_s + rng.uniform(-jitter_s, jitter_s)) / 2

    for _ in range(40):
        estimator.sample(way_s() + way_s())
    limits = bounds(estimator.latency, rate, every)
    waited = rng.uniform(0, 1)  # for the tick that reads it
    since_delta = rng.uniform(0, every)
    age = (way_s() + way_s() + delay_s * rng.random()) * rate + waited + since_delta
    assert believed_age(age, limits) == (age, True)


# ---------------------------------------------------------------- liars


def liar_sees(latency: Latency, rendered: int) -> tuple[float, Player]:
    played = Played(ticks=40)
    played.player.latency = latency
    return played.shoot(rendered / 32), played.player


@settings(max_examples=examples(60))
@given(st.integers(1, 2**52), st.floats(0, 0.3))
def test_with_true_pongs_a_liar_sees_no_more_than_the_most_patient_honest_client(
    rendered: int, rtt_s: float
) -> None:
    """Any claim stays within the documented bound, and within the published ticks."""
    seen, player = liar_sees(measured(*[rtt_s] * 40), rendered)
    age = 41 - seen
    most = (rtt_s + MAX_INTERPOLATION_S + TOLERANCE_S) * RATE + 1 + 1
    assert age <= min(most, Range.max_rewind_ms * RATE / 1000) + 1e-6
    assert seen <= 40
    assert age >= (rtt_s - TOLERANCE_S) * RATE - 1e-6
    if player.rewinds_disputed or player.rewinds_clamped:
        assert seen != rendered / 32
    else:  # A claim between the newest published tick and the present shows the newest tick.
        assert seen == min(rendered / 32, 40)


@settings(max_examples=examples(60))
@given(st.integers(0, 2**52), st.lists(st.floats(0, 6), min_size=1, max_size=40))
def test_one_that_delays_its_pongs_gains_at_most_what_the_room_allows(
    rendered: int, round_trips_s: list[float]
) -> None:
    seen, _ = liar_sees(measured(*round_trips_s), rendered)
    assert 41 - Range.max_rewind_ms * RATE / 1000 - 1e-6 <= seen <= 40


def test_one_that_answers_no_ping_is_taken_to_be_near() -> None:
    seen, player = liar_sees(Latency(), 32 * 20)
    assert seen == 41 - 1
    assert player.rewinds_disputed == 1


def test_the_bounds_by_hand() -> None:
    limits = bounds(measured(0.2), 20, 2)  # the variation of a first sample is half of it
    assert limits.least == pytest.approx(0.15 * 20)
    assert limits.most == pytest.approx((0.2 + 4 * 0.1 + 0.4 + 0.05) * 20 + 2 + 1)
    assert limits.usual == pytest.approx(0.2 * 20 + 2)


def test_shots_of_a_liar_miss_where_the_target_was_long_ago() -> None:
    """And the honest one hits it where its screen showed it."""

    def hits(rendered: float, at: int) -> list[Any]:
        played = Played()
        played.player.latency = STEADY
        played.commands.take(1, Aim(), rendered=round(32 * rendered))
        played.step()
        return list(played.room.seen_by(played.player).near(at, 0, 1, Target))

    assert hits(55, at=55)
    assert not hits(30, at=30)
    assert hits(30, at=57), "it is treated as one with its latency"


# ------------------------------------------------------------ what a player may not see


class Fog(Room[Target]):
    """Ada is in the group red; what is at an odd x is behind a wall."""

    tick_rate = RATE
    classes = (Target,)
    rewinds = (Target,)
    view: ClassVar[Exact | None] = Exact(100)

    def on_join(self, player: Player[Target]) -> None:
        player.entity = self.spawn(Target(), owner=player)


class Walls(Fog):
    def sees(self, player: Player[Target], entity: Any) -> bool:
        return bool(entity.x % 2 == 0)


class OnlyWalls(Walls):
    view = None


PLACES = st.tuples(st.integers(-160, 160), st.integers(-160, 160))
SHOWN = st.sampled_from([{}, {"group": "red"}, {"group": "red", "hidden": True}, {"group": "blue"}])


@pytest.mark.parametrize("kind", [Fog, Walls, OnlyWalls])
@settings(max_examples=examples(20))
@given(
    things=st.lists(st.tuples(PLACES, SHOWN), min_size=1, max_size=8),
    moves=st.lists(st.tuples(st.integers(0, 8), PLACES), max_size=24),
    compensated=st.booleans(),
)
def test_a_hit_test_finds_nothing_that_the_client_does_not_hold(
    kind: type[Fog], things: list[Any], moves: list[Any], compensated: bool
) -> None:
    play = Rehearsal(kind())
    room, ada = play.room, play.join("ada")
    ada.lag_compensation = compensated
    room.group("red").add(ada)
    targets = [ada.entity, *(room.spawn(Target(*at), **shown) for at, shown in things)]
    for number, at in [(0, (0, 0)), *moves]:
        moved = targets[number % len(targets)]
        moved.x, moved.y = at
        play.step()
        held = play.sees(ada)
        seen = room.seen_by(ada)
        found = [target for target, *_ in seen.near(0, 0, 1000, Target)]
        assert set(found) <= set(held)
        assert set(found) == {target for target in targets if seen.position(target) is not None}
        for target in set(held) - set(found):  # no longer within the radius, and not yet left
            distance = math.hypot(target.x - ada.entity.x, target.y - ada.entity.y)
            assert kind.view is not None
            assert 100 < distance <= 110


def test_a_player_without_a_focus_hits_nothing_in_an_exact_view() -> None:
    play = Rehearsal(Fog())
    ada = play.join("ada")
    play.room.spawn(Target())
    ada.entity = None
    play.step()
    assert list(play.room.seen_by(ada).near(0, 0, 10, Target)) == []
    ada.focus = (0.0, 50.0)
    assert len(list(play.room.seen_by(ada).near(0, 0, 10, Target))) == 2
    ada.focus = (0.0, 101.0)
    assert list(play.room.seen_by(ada).near(0, 0, 10, Target)) == []


def test_a_hit_test_asks_the_hook_with_the_room_sealed() -> None:
    class Counts(Walls):
        def sees(self, player: Player[Target], entity: Any) -> bool:
            return self.random.random() < 2

    play = Rehearsal(Counts())
    ada = play.join("ada")
    play.step()
    other = play.room.spawn(Target())
    play.step()
    with pytest.raises(LocalProtocolError, match=r"^Counts\.sees must not use self.random"):
        play.room.seen_by(ada).position(other)
    play.room.random.random()
