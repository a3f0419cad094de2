"""Bots: their flying and aiming in numbers, and whole fights in a stepped arena, no sockets.

Every bot of a fight sees only a replica, fed with the deltas that the publisher makes for its
seat; so these fights also check checksums.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.bots.behaviours import (
    CHARACTERS,
    KEEP_ALIVE_TICKS,
    NAMES,
    PLAY_AGAIN_TICKS,
    SCHEMA,
    ArenaBot,
    Collector,
    Coward,
    Hunter,
    Miner,
)
from clients.bots.bot import View
from clients.bots.piloting import (
    Contact,
    Gunner,
    angle_of,
    controls_towards,
    line_is_free,
    look,
    turn_between,
)
from clients.replica import Replica
from gameserver.games.arena import model, rules
from gameserver.games.arena.model import TURN, UNIT, Flag, Play, Steer
from gameserver.games.arena.room import Arena
from gameserver.model.schema import spec_of
from gameserver.protocol.messages import Check, Delta, decode_from_server, valid_name
from gameserver.replication.publisher import Publisher
from gameserver.simulation.commands import Commands
from gameserver.simulation.stepper import Stepper

KIND = {spec.name: kind for kind, spec in enumerate(SCHEMA.entities)}
MIDDLE = rules.WORLD_SIZE // 2


# ---------------------------------------------------------------- a replica made by hand


def entering(name: str, entity_id: int, **fields: Any) -> list[Any]:
    """Return ``id, kind, value…`` of an entity with these wire values, else its defaults."""
    cls = next(c for c in model.CLASSES if c.__name__ == name)
    values = [fields.get(f.name, 0) for f in SCHEMA.entities[KIND[name]].fields]
    spec = spec_of(cls)
    assert spec is not None
    for index, field in enumerate(spec.fields):  # type: ignore[union-attr]
        if field.name not in fields and not field.type.holds(0):
            values[index] = {"name": "", "podium": [], "rocks": []}.get(field.name, False)
    return [entity_id, KIND[name], *values]


def view(*others: list[Any], energy: int = 100, hull: int = 100, **motion: int) -> Replica:
    """Return what the pilot in seat 1 sees who flies ship 1 in the middle of the world."""
    replica = Replica(SCHEMA, own_entity=1)
    ship = entering("Ship", 1, x=MIDDLE, y=MIDDLE, hull=hull, seat=1)
    speed = [motion.get("vx", 0), motion.get("vy", 0)]
    replica.apply(
        Delta(
            tick=100,
            ack=0,
            margin=None,
            leaves=None,
            enters=[*ship, *itertools.chain(*others)],
            sets=[],
            adds=[],
            own=[1, 1, 63, *speed, energy, 0, 0, 0],
            events=[],
        )
    )
    return replica


def enemy(dx: int, dy: int, entity_id: int = 2, **fields: Any) -> list[Any]:
    """Return a ship at a distance in units from the middle."""
    place = {"x": MIDDLE + dx * UNIT, "y": MIDDLE + dy * UNIT}
    return entering("Ship", entity_id, **{"hull": 100, "seat": entity_id, **place, **fields})


def steered(bot: ArenaBot, replica: Replica, tick: int) -> Steer | Play | None:
    """Return what ``bot`` does at ``tick``, without prediction."""
    seen = View(replica, bot.seat, rules.TICK_RATE)
    seen.tick = tick
    return bot.act(seen)


def decided(bot: ArenaBot, replica: Replica, ticks: int = 40) -> Steer:
    """Return what ``bot`` holds after watching an unchanging scene for a while."""
    last: Steer | None = None
    for tick in range(100, 100 + ticks):
        wanted = steered(bot, replica, tick)
        last = wanted if isinstance(wanted, Steer) else last
    assert last is not None
    return last


def bot_of(character: type[ArenaBot], seed: int = 1) -> ArenaBot:
    return character("Bot", 1, random.Random(seed))


# ---------------------------------------------------------------- flying and aiming


@pytest.mark.parametrize(
    ("vector", "angle"), [((1, 0), 0), ((0, 1), 64), ((-1, 0), 128), ((0, -1), 192)]
)
def test_angles_grow_clockwise_on_the_screen(vector: tuple[int, int], angle: int) -> None:
    assert angle_of(*vector) == angle


def test_turning_takes_the_short_way() -> None:
    assert turn_between(250, 6) == 12
    assert turn_between(6, 250) == -12
    assert turn_between(0, 128) == -128


def test_controls_turn_until_close_enough_and_thrust_when_ahead() -> None:
    assert controls_towards(0, (0.0, 1.0), 3) == (1, False)
    assert controls_towards(0, (0.0, -1.0), 3) == (-1, False)
    assert controls_towards(0, (1.0, 0.1), 3) == (0, True)
    assert controls_towards(250, (1.0, 0.5), 3) == (1, True)
    assert controls_towards(77, (0.0, 0.0), 3) == (0, False)


def test_a_line_is_blocked_only_by_a_rock_between() -> None:
    rock = entering("Rock", 9, x=MIDDLE + 100 * UNIT, y=MIDDLE, radius=40 * UNIT)
    replica = view(enemy(200, 0), rock)
    assert replica.own is not None
    sight = look(replica, replica.own, 1)
    assert not line_is_free(sight.enemies[0], sight.rocks)
    for dx, dy in ((50, 0), (-200, 0), (0, 200), (200, 120)):
        replica = view(enemy(dx, dy), rock)
        assert replica.own is not None
        sight = look(replica, replica.own, 1)
        assert line_is_free(sight.enemies[0], sight.rocks), (dx, dy)


def test_protected_ships_and_own_mines_are_not_in_sight() -> None:
    replica = view(
        enemy(100, 0, flags=int(Flag.PROTECTED)),
        entering("Mine", 5, x=MIDDLE, y=MIDDLE, seat=1),
        entering("Mine", 6, x=MIDDLE, y=MIDDLE, seat=2),
    )
    assert replica.own is not None
    sight = look(replica, replica.own, 1)
    assert sight.enemies == []
    assert [mine.entity.id for mine in sight.mines] == [6]


def test_a_gunner_without_a_shaking_hand_leads_what_flies_straight() -> None:
    gunner = Gunner(random.Random(1), reaction_ticks=6, spread=0.0)
    replica = view(enemy(300, 0))
    target = replica.entities[2]
    ready = []
    for tick in range(0, 18, 3):
        target.values[1] = MIDDLE + tick * 300  # y: 300 steps a tick
        ready.append(gunner.watch(target.id, target.x, target.y, tick))
    assert ready == [False, False, True, True, True, True]
    meets = angle_of(300 * UNIT, (15 + 1) * 300)
    assert gunner.aim_from(MIDDLE, MIDDLE, 15) == meets


def test_a_gunner_is_late_when_the_target_turns_round() -> None:
    gunner = Gunner(random.Random(1), reaction_ticks=6, spread=0.0)
    target = view(enemy(300, 0)).entities[2]
    for tick, y in ((0, 0), (3, 900), (6, 1800), (9, 900)):
        target.values[1] = MIDDLE + y
        gunner.watch(target.id, target.x, target.y, tick)
    # It saw tick 3, when the target was still on its way down.
    assert gunner.aim_from(MIDDLE, MIDDLE, 9) == angle_of(300 * UNIT, 900 + 7 * 300)


# ---------------------------------------------------------------- what they want


def test_without_a_pilot_a_bot_asks_to_play_and_then_waits() -> None:
    bot = bot_of(Hunter)
    replica = Replica(SCHEMA)
    assert steered(bot, replica, 0) == Play(name="Bot", colour=bot._colour, bot=True)
    asked = [t for t in range(1, 3 * PLAY_AGAIN_TICKS) if steered(bot, replica, t)]
    assert asked == [PLAY_AGAIN_TICKS, 2 * PLAY_AGAIN_TICKS]


def test_dead_with_a_pilot_it_waits_for_the_respawn() -> None:
    replica = view(entering("Pilot", 3, seat=1))
    replica.own_entity = 0
    assert steered(bot_of(Hunter), replica, 500) is None


def test_controls_are_sent_when_they_change_and_to_keep_them_alive() -> None:
    bot = bot_of(Hunter)
    replica = view()
    replica.entities[1].values[2] = 0
    sent = [t for t in range(100, 160) if steered(bot, replica, t) is not None]
    gaps = [b - a for a, b in itertools.pairwise(sent)]
    assert max(gaps) == KEEP_ALIVE_TICKS < rules.HOLD_TICKS


def test_a_hunter_shoots_what_is_in_front_of_it() -> None:
    steer = decided(bot_of(Hunter), view(enemy(300, 0)))
    assert steer.fire
    assert abs(turn_between(0, steer.aim)) < 16


@pytest.mark.parametrize(
    "replica",
    [
        view(enemy(300, 0, flags=int(Flag.PROTECTED))),
        view(enemy(690, 0)),
        view(enemy(300, 0), energy=3),
        view(enemy(300, 0), entering("Rock", 9, x=MIDDLE + 4800, y=MIDDLE, radius=40 * UNIT)),
    ],
    ids=["protected", "too far", "no energy", "behind a rock"],
)
def test_a_hunter_does_not_waste_shots(replica: Replica) -> None:
    assert not decided(bot_of(Hunter), replica).fire


def test_a_target_that_is_weak_or_has_a_bounty_is_preferred() -> None:
    replica = view(enemy(300, 0, hull=20), enemy(250, 50, 3), enemy(280, 0, 4))
    assert replica.own is not None
    chosen = bot_of(Hunter).choose_target(look(replica, replica.own, 1))
    assert chosen is not None
    assert chosen.entity.id == 2
    replica = view(enemy(300, 0), enemy(400, 50, 3, bounty=250))
    assert replica.own is not None
    chosen = bot_of(Hunter).choose_target(look(replica, replica.own, 1))
    assert chosen is not None
    assert chosen.entity.id == 3


def test_a_newcomer_is_a_worse_target_and_is_missed_more_often() -> None:
    replica = view(enemy(200, 0, flags=Flag.NEWCOMER.value), enemy(400, 50, 3))
    assert replica.own is not None
    bot = bot_of(Hunter)
    near, far = look(replica, replica.own, 1).enemies
    assert (near.is_newcomer, far.is_newcomer) == (True, False)
    chosen = bot.choose_target(look(replica, replica.own, 1))
    assert chosen is not None
    assert chosen.entity.id == far.entity.id
    offs = []
    for wider in (1.0, 3.0):
        gunner = Gunner(random.Random(1), reaction_ticks=6, spread=4.0)
        gunner.watch(2, MIDDLE + 300 * UNIT, MIDDLE, 100)
        aims = [gunner.aim_from(MIDDLE, MIDDLE, 120, wider) for _ in range(200)]
        offs.append(sum(min(aim, TURN - aim) for aim in aims))
    assert 2.5 * offs[0] < offs[1] < 3.5 * offs[0]


def wish_of(bot: ArenaBot, replica: Replica) -> tuple[float, float]:
    assert replica.own is not None
    sight = look(replica, replica.own, 1)
    return bot.wish(sight, bot.choose_target(sight), 100)


def test_characters_differ_at_the_same_sight() -> None:
    near = view(enemy(180, 0))
    assert wish_of(bot_of(Coward), near)[0] < -0.9  # away
    far = view(enemy(500, 0))
    assert wish_of(bot_of(Hunter), far)[0] > 0.9  # after it
    assert abs(wish_of(bot_of(Coward), far)[0]) < 0.9  # stays where it is, circling
    pickup = entering("Pickup", 8, x=MIDDLE, y=MIDDLE + 500 * UNIT, kind=3)
    with_pickup = view(enemy(500, 0), pickup)
    assert wish_of(bot_of(Collector), with_pickup)[1] > 0.9
    assert wish_of(bot_of(Hunter), with_pickup)[0] > 0.9


def test_a_hurt_bot_flees_and_fetches_hull() -> None:
    assert wish_of(bot_of(Hunter), view(enemy(300, 0), hull=10))[0] < -0.9
    hull = entering("Pickup", 8, x=MIDDLE, y=MIDDLE + 300 * UNIT, kind=0)
    assert wish_of(bot_of(Hunter), view(hull, hull=15))[1] > 0.9


def test_losing_much_hull_at_once_makes_it_dash() -> None:
    bot = bot_of(Hunter)
    replica = view(enemy(-300, 0))
    decided(bot, replica)
    replica.entities[1].values[2] = 0
    dashes = []
    for tick in range(140, 170):
        replica.entities[1].values[4] = 100 - 6 * (tick - 139)
        steer = steered(bot, replica, tick)
        dashes.append(isinstance(steer, Steer) and steer.dash)
    assert any(dashes)


def test_a_miner_drops_mines_before_a_pursuer() -> None:
    followed = view(enemy(-200, 0), vx=200)
    ahead = view(enemy(200, 0), vx=200)
    assert any(decided(bot_of(Miner, seed), followed).mine for seed in range(8))
    assert not any(decided(bot_of(Miner, seed), ahead).mine for seed in range(8))


@pytest.mark.parametrize("character", CHARACTERS)
def test_bots_steer_around_rocks_mines_and_the_border(character: type[ArenaBot]) -> None:
    """Left alone among dangers for a while, with a ship that only they steer."""
    field = Fight(seed=3, count=0)
    field.add(character)
    flier = None
    touched = 0
    outside = 0
    for _ in range(20 * rules.TICK_RATE):
        field.step()
        flier = flier or field.room.fliers.get(1)
        if flier is not None and flier.ship is not None:
            ship = flier.ship
            touched += any(
                (ship.x - x) ** 2 + (ship.y - y) ** 2 <= (radius + 17 * UNIT) ** 2
                for x, y, radius in field.room.rocks.touching(ship.x, ship.y)
            )
            outside += not (0 <= ship.x <= rules.WORLD_SIZE and 0 <= ship.y <= rules.WORLD_SIZE)
    assert touched < 10
    assert outside < 10


# ---------------------------------------------------------------- who they are


def test_personas_are_the_same_for_a_seed_and_never_share_a_name() -> None:
    first = list(itertools.islice(ArenaBot.crew(7), 3 * len(NAMES)))
    assert first == list(itertools.islice(ArenaBot.crew(7), 3 * len(NAMES)))
    assert first[:5] != list(itertools.islice(ArenaBot.crew(8), 5))
    assert len({p.name for p in first}) == len(first)
    assert all(valid_name(p.name) for p in first)
    assert {p.character for p in first[:8]} == set(CHARACTERS)


# ---------------------------------------------------------------- whole fights


class ReceiveBuffer:
    """A seat's sink that feeds a replica, and checks every checksum."""

    clear = True

    def __init__(self) -> None:
        self.replica = Replica(SCHEMA)
        self.checks = 0

    def post(self, frames: bytes) -> bool:
        while frames:
            size, head = frames[1], 2
            if size == 126:
                size, head = int.from_bytes(frames[2:4], "big"), 4
            elif size == 127:
                size, head = int.from_bytes(frames[2:10], "big"), 10
            message = decode_from_server(frames[head : head + size])
            frames = frames[head + size :]
            if isinstance(message, Delta):
                self.replica.apply(message)
            elif isinstance(message, Check):
                assert self.replica.checksum() == message.checksum
                self.checks += 1
        return True


class Fight:
    """An arena full of bots, stepped by hand."""

    def __init__(self, seed: int, count: int) -> None:
        self.room = Arena(seed=seed)
        self.stepper = Stepper(self.room)
        self.publisher = Publisher(self.room.world, check_every_ticks=10, quiet_ticks=30)
        self.bots: list[tuple[ArenaBot, ReceiveBuffer, Commands]] = []
        self.told: Counter[str] = Counter()
        self.commands = 0
        self._seqs = itertools.count(1)
        for persona in itertools.islice(ArenaBot.crew(seed), count):
            self.add(persona.character)

    def add(self, character: type[ArenaBot]) -> ReceiveBuffer:
        number = len(self.bots) + 1
        receive_buffer = ReceiveBuffer()
        bot = character(f"Bot {number}", number, random.Random(number))
        seated = self.stepper.join(number, receive_buffer, bot.name)
        self.publisher.add(seated.seat)
        self.bots.append((bot, receive_buffer, seated.commands))
        return receive_buffer

    def step(self) -> None:
        tick = self.room.tick_number + 1
        for bot, receive_buffer, commands in self.bots:
            command = steered(bot, receive_buffer.replica, receive_buffer.replica.tick)
            if command is not None:
                _, spec = SCHEMA.command(type(command).__name__)
                self.commands += 1
                commands.take(next(self._seqs), spec.from_wire(spec.to_wire(command)))
        self.stepper.step(tick)
        assert self.stepper.failures == []
        emissions = self.stepper.take_emissions()
        self.told.update(type(e.event).__name__ for e in emissions)
        self.publisher.publish(tick, emissions)


def test_bots_fight_like_bots_that_understand_the_game() -> None:
    fight = Fight(seed=5, count=10)
    ticks = 20 * rules.TICK_RATE
    for _ in range(ticks):
        fight.step()
    assert len(fight.room.fliers) == 10
    assert all(flier.pilot.bot for flier in fight.room.fliers.values())
    told = fight.told
    assert told["Kill"] >= 3
    assert told["Taken"] >= 5
    assert told["Blast"] >= 1
    # They miss like people do, but not always.
    assert 0.1 < told["Hit"] / told["Shot"] < 0.9
    # About ten commands a second, not thirty.
    assert fight.commands < 15 * 10 * 20
    assert all(receive_buffer.checks >= ticks // 10 - 1 for _, receive_buffer, _ in fight.bots)


# ---------------------------------------------------------------- any replica at all

numbers = st.integers(-(2**52), 2**52) | st.integers(-500, 500) | st.integers(0, 130_000)
things = st.sampled_from(["Ship", "Rock", "Mine", "Pickup", "Pilot"])


@st.composite
def scenes(draw: st.DrawFn) -> Replica:
    others = [entering("Ship", 1, **{n: draw(numbers) for n in ("x", "y", "heading", "hull")})]
    for entity_id, name in enumerate(draw(st.lists(things, max_size=8)), 2):
        fields = {
            f.name: draw(numbers)
            for f in SCHEMA.entities[KIND[name]].fields
            if f.type.describe() == ["int"]
        }
        others.append(entering(name, entity_id, **fields))
    replica = Replica(SCHEMA)
    own = draw(st.sampled_from([0, 1, 2, 99]))
    replica.apply(
        Delta(
            tick=1,
            ack=0,
            margin=None,
            leaves=None,
            enters=list(itertools.chain(*others)),
            sets=[],
            adds=[],
            own=[own, 1, 63, *(draw(numbers) for _ in range(6))],
            events=[],
        )
    )
    return replica


@given(scenes(), st.sampled_from(CHARACTERS), st.integers(0, 2**20))
def test_whatever_they_see_their_commands_are_allowed(
    replica: Replica, character: type[ArenaBot], tick: int
) -> None:
    bot = character("Bot", 1, random.Random(tick))
    for now in range(tick, tick + 12):
        command = steered(bot, replica, now)
        if command is not None:
            SCHEMA.command(type(command).__name__)[1].to_wire(command)


def test_contacts_know_their_direction() -> None:
    replica = view(enemy(30, 40))
    contact = Contact(replica.entities[2], 30, 40, 50.0)
    assert contact.direction == (0.6, 0.8)
