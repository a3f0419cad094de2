"""Rooms as environments: PettingZoo's own tests, and views that are exactly those of clients."""

from __future__ import annotations

import enum
import importlib
import itertools
import pathlib
import random
import sys
import warnings
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pettingzoo.test import parallel_api_test, parallel_seed_test

from clients.bots.bot import View
from clients.bots.bot_names import bot_named
from clients.replica import Replica
from gameserver import Exact, Near, Player, Room, command, entity, event, handles, number, synced
from gameserver.errors import LocalProtocolError
from gameserver.games.arena.model import Play, Steer
from gameserver.games.arena.room import Arena
from gameserver.gym import LinearPolicy, RoomEnvironment
from gameserver.gym.arena import CHOICES, OBSERVED, POLICY_FILE, ArenaEnvironment, LearntPilot
from gameserver.gym.environment import Observation
from gameserver.gym.evolution import centred_ranks, improve
from gameserver.gym.spaces import Actions
from gameserver.gym.stage import Stage
from gameserver.gym.train_arena import LEARNERS, episode
from gameserver.protocol.messages import Delta, decode_from_server
from gameserver.replication.publisher import Publisher
from gameserver.simulation.seeing import seeing
from gameserver.simulation.stepper import Stepper


class Colour(enum.Enum):
    RED = 0
    BLUE = 1


@entity(at=("x", "y"))
class Walker:
    x: float = synced(0.0, step=0.25)
    y: float = synced(0.0, step=0.25)
    gold: int = synced(0, to="owner")
    secret: int = synced(0, to="group")


@command
class Go:
    dx: int = number(-1, 1)
    speed: float = number(0.0, 2.0, default=1.0)
    run: bool = False
    colour: Colour = Colour.RED


@event
class Met:
    x: float = 0.0


class Field(Room):
    """Walkers on a line; the first to reach 20 leaves."""

    tick_rate, max_players = 10, 4
    view: ClassVar[Any] = Near(8)
    classes = (Walker, Go, Met)

    def on_join(self, player: Player) -> None:
        player.entity = self.spawn(Walker(x=6.0 * player.seat), owner=player)
        self.group("odd" if player.seat % 2 else "even").add(player)
        self.set_group(player.entity, "odd" if player.seat % 2 else "even")

    def on_leave(self, player: Player, reason: str) -> None:
        self.despawn(player.entity)

    @handles
    def go(self, player: Player, command: Go) -> None:
        walker = player.entity
        walker.x += command.dx * command.speed * (2 if command.run else 1)
        walker.gold += command.colour is Colour.BLUE
        walker.secret += 1
        self.emit(Met(walker.x), at=(walker.x, 0.0))
        if walker.x > 40:
            player.kick("out")


class ExactField(Field):
    view = Exact(8)


class SecretField(Field):
    def sees(self, player: Player, other: Any) -> bool:
        return int(other.x) % 2 == 0


class FieldEnvironment(RoomEnvironment):
    room = Field
    command = Go
    observed = 3

    def observe(self, view: View) -> Observation:
        own = view.own
        return np.array([own.x, own.gold, len(view.of_kind("Walker"))], np.float32)

    def reward(self, view: View, player: Player) -> float:
        return float(len(view.events))


# ---------------------------------------------------------------- as PettingZoo wants it


@pytest.mark.parametrize("made", [FieldEnvironment, ArenaEnvironment])
def test_pettingzoo_accepts_it(made: type[RoomEnvironment]) -> None:
    players = 4 if made is FieldEnvironment else 8
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the test itself, about observations that are alike
        parallel_api_test(made(players=players, max_steps=30), num_cycles=100)


@pytest.mark.filterwarnings("ignore")
def test_the_same_seed_is_the_same_episode() -> None:
    parallel_seed_test(lambda: FieldEnvironment(players=3, max_steps=40))


def test_an_episode_ends_for_a_player_who_is_removed_and_for_all_at_the_end() -> None:
    environment = FieldEnvironment(players=2, max_steps=15)
    environment.reset(seed=1)
    stay = environment.action_of(Go())
    run = environment.action_of(Go(dx=1, speed=2.0, run=True))
    ended: dict[str, list[int]] = {"terminated": [], "truncated": []}
    for step in range(1, 16):
        actions = dict.fromkeys(environment.agents, stay)
        actions["player_2"] = run
        _, _, terminations, truncations, _ = environment.step(actions)
        ended["terminated"] += [step for agent, over in terminations.items() if over]
        ended["truncated"] += [step for agent, over in truncations.items() if over]
    assert ended["terminated"] == [8]
    assert ended["truncated"] == [15]
    assert environment.agents == []


def test_rewards_are_of_what_the_agent_has_seen() -> None:
    environment = FieldEnvironment(players=4)
    environment.reset(seed=1)
    go = environment.action_of(Go(dx=0))
    _, rewards, _, _, _ = environment.step({"player_1": go})
    assert rewards["player_1"] == 1.0
    assert rewards["player_4"] == 0.0, "it happened out of its view"


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: FieldEnvironment(players=5), "players is 1 to 4"),
        (lambda: FieldEnvironment().step({}), "players is 1 to 4"),
        (lambda: FieldEnvironment(players=2).step({}), "reset comes before the first step"),
        (lambda: FieldEnvironment(players=2).view("player_1"), "reset comes before the first view"),
        (lambda: Actions(Walker), "Walker is no command"),
        (lambda: Actions(Play), r"Play\.name has no space"),
    ],
)
def test_mistakes_are_named(make: Any, why: str) -> None:
    with pytest.raises(LocalProtocolError, match=why):
        make()


# ---------------------------------------------------------------- actions


@given(st.integers(-1, 1), st.sampled_from([0.0, 0.5, 2.0]), st.booleans(), st.sampled_from(Colour))
def test_a_command_is_an_action_and_back(dx: int, speed: float, run: bool, colour: Colour) -> None:
    actions = Actions(Go)
    action = actions.action(Go(dx, speed, run, colour))
    assert actions.space.contains(action)
    assert actions.command(action) == Go(dx, speed, run, colour)


def test_every_sampled_action_is_allowed() -> None:
    actions = Actions(Steer)
    actions.space.seed(1)
    _, spec = Arena.schema().command("Steer")
    for _ in range(50):
        spec.to_wire(actions.command(actions.space.sample()))


# ---------------------------------------------------------------- views


class Client:
    """A seat's sink that feeds a replica, for the view that a real client has."""

    clear = True

    def __init__(self, room: Room, number: int) -> None:
        self.replica = Replica(room.schema())
        self.events: list[Any] = []

    def post(self, frames: bytes) -> bool:
        while frames:
            size, head = frames[1], 2
            if size == 126:
                size, head = int.from_bytes(frames[2:4], "big"), 4
            message = decode_from_server(frames[head : head + size])
            frames = frames[head + size :]
            if isinstance(message, Delta):
                self.events += self.replica.apply(message)
        return True


def held(entities: Any) -> dict[int, tuple[Any, ...]]:
    return {
        e.id: (e.kind, list(e.values), None if e.owner_values is None else list(e.owner_values))
        for e in entities
    }


@pytest.mark.parametrize("room", [Field, ExactField, SecretField])
@given(data=st.data())
@settings(max_examples=25)
def test_a_view_is_what_a_client_holds(room: type[Room], data: st.DataObject) -> None:
    stage = Stage(room("a", seed=1), 4)
    other = room("b", seed=1)
    stepper = Stepper(other)
    publisher = Publisher(
        other.world,
        check_every_ticks=1 << 40,
        quiet_ticks=1 << 40,
        asker=seeing(other, lambda: 0.0),
    )
    clients = {}
    seats = {}
    for number_ in range(1, 5):
        clients[number_] = Client(other, number_)
        seats[number_] = stepper.join(number_, clients[number_], f"player {number_}")
        publisher.add(seats[number_].seat)
    publisher.publish(0, stepper.take_emissions())
    seqs = itertools.count(1)
    for _ in range(6):
        for number_ in list(clients):
            if data.draw(st.booleans()):
                go = Go(data.draw(st.integers(-1, 1)), data.draw(st.sampled_from([0.5, 2.0])))
                stage.give(number_, go)
                seats[number_].commands.take(next(seqs), go)
        stage.step()
        stepper.step(other.tick_number + 1)
        assert stepper.failures == []
        publisher.publish(other.tick_number, stepper.take_emissions())
        for number_, client in clients.items():
            view = stage.view(number_)
            assert held(view.of_kind("Walker")) == held(client.replica.of_kind("Walker"))
            assert (view.own is None) == (
                other.id_of(seats[number_].player.entity) not in client.replica.entities
            )
            if room is Field:
                assert [e.x for e in view.events] == [e.x for e in client.events]
            client.events.clear()


def test_the_arena_is_observed_in_the_own_heading() -> None:
    environment = ArenaEnvironment(players=2, max_steps=200)
    observations, _ = environment.reset(seed=1)
    assert observations["player_1"].shape == (OBSERVED,)
    for _ in range(120):
        observations, *_ = environment.step({})
    assert observations["player_1"][0] == 1.0, "it flies"
    assert abs(observations["player_1"]).max() <= 2.0


# ---------------------------------------------------------------- learning


def test_a_policy_is_kept_in_a_file(tmp_path: pathlib.Path) -> None:
    policy = LinearPolicy(np.array([[0.123456, 2.0], [-1.0, 0.5]]))
    policy.save(tmp_path / "policy.json")
    again = LinearPolicy.load(tmp_path / "policy.json")
    assert again.scores(np.array([2.0], np.float32)) == pytest.approx([2.247, -1.5], rel=1e-3)
    assert not LinearPolicy.new(3, 2).scores(np.ones(3, np.float32)).any()


def test_evolution_climbs() -> None:
    """The return is best where all weights are 3."""
    weights = LinearPolicy.new(2, 2).weights
    means = []
    for generation in range(60):
        weights, mean = improve(
            weights,
            lambda tried, _seed: -float(((tried - 3) ** 2).sum()),
            pairs=8,
            spread=0.3,
            rate=0.5,
            seed=generation,
        )
        means.append(mean)
    assert means[-1] > means[0] / 4
    assert np.abs(weights - 3).max() < 1.5


def test_ranks_are_centred() -> None:
    assert centred_ranks(np.array([5.0, -2.0, 9.0])).tolist() == [0.0, -0.5, 0.5]
    assert centred_ranks(np.array([5.0])).tolist() == [-0.5]


@pytest.mark.long
def test_the_learnt_pilot_beats_one_that_has_learnt_nothing() -> None:
    learnt = LinearPolicy.load(POLICY_FILE).weights
    fresh = LinearPolicy.new(OBSERVED, CHOICES).weights
    sums = [episode(learnt, fresh, seed, steps=120) for seed in range(3)]
    assert np.mean([one[:LEARNERS] for one in sums]) > np.mean([one[LEARNERS:] for one in sums])


def test_the_learnt_pilot_flies_as_a_bot() -> None:
    """By the same ``act(view)``, over the same views, as in a swarm."""
    environment = ArenaEnvironment(players=2, max_steps=500)
    environment.reset(seed=1)
    bots = {
        agent: LearntPilot("Bot", seat, random.Random(seat))
        for seat, agent in enumerate(environment.agents, 1)
    }
    done = []
    for _ in range(120):
        actions = {}
        for agent, bot in bots.items():
            wish = bot.act(environment.view(agent))
            if isinstance(wish, Steer):
                actions[agent] = environment.action_of(wish)
                done.append(wish)
        environment.step(actions)
    assert len(done) > 100
    assert any(wish.thrust for wish in done)
    assert bot_named("gameserver.gym.arena:LearntPilot") is LearntPilot
    assert next(LearntPilot.crew(1)).character is LearntPilot


def test_the_error_without_the_extra_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pettingzoo", None)
    monkeypatch.delitem(sys.modules, "gameserver.gym")
    with pytest.raises(ImportError, match=r"pip install 'trio-gameserver\[gym\]'"):
        importlib.import_module("gameserver.gym")
