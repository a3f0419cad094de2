"""Bots that play the arena: four characters with different aims.

Owns the decisions of a bot and the commands that follow from them.  Pure: a bot sees only its
client's replica, like any player, and draws from the ``random.Random`` that it is given.

A bot decides ten times a second and holds its controls in between.  In a swarm it plays through
the netcode (``steering.py``): its own ship is predicted, and others are where the screen shows
them.  In a view without prediction it returns controls that change, and every
``KEEP_ALIVE_TICKS`` those that do not: the arena repeats the last ones for ``HOLD_TICKS`` (15).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import ClassVar, Final

from clients.bots.arena_ship import ArenaShip
from clients.bots.bot import Bot, Persona, Seen, View
from clients.bots.piloting import (
    Contact,
    Craft,
    Gunner,
    PredictedCraft,
    Sight,
    Vector,
    clear_of_danger,
    controls_towards,
    line_is_free,
    look,
    unit,
)
from clients.replica import Replica
from gameserver.games.arena.model import (
    CLASSES,
    COLOURS,
    TURN,
    UNIT,
    PickupKind,
    Play,
    Steer,
    Watch,
)
from gameserver.games.arena.movement import DASH_COST
from gameserver.games.arena.rules import (
    MAX_HULL,
    MINE_COST,
    PULSE_COST,
    PULSE_RANGE,
    TICK_RATE,
    WORLD_SIZE,
)
from gameserver.model.schema import Schema

SCHEMA: Final = Schema.of(CLASSES)

DECIDE_EVERY_TICKS: Final = 3
KEEP_ALIVE_TICKS: Final = 10
#: A bot without a pilot asks for one again after this time.
PLAY_AGAIN_TICKS: Final = TICK_RATE
#: A bot whose hull lost this much within a second flees.
_HURT: Final = 20
#: A bot flies to a waypoint for this long, or until it is this near.
_WAYPOINT_TICKS: Final = 8 * TICK_RATE
_WAYPOINT_NEAR: Final = 150 * UNIT
#: A bot drops a mine for a ship that follows within this distance.
_CHASED: Final = 350 * UNIT
#: A bot spares newcomers: it treats one as farther away by this factor, and aims at it with a
#: spread that is wider by this factor.
_NEWCOMER_FARTHER: Final = 2.5
_NEWCOMER_WIDER: Final = 3.0
#: Ticks for which a strafing bot keeps to one side, and a bot in fear flees.
_STRAFE_TICKS: Final = 40
_FEAR_TICKS: Final = 2 * TICK_RATE

NAMES: Final = (
    "Altair", "Anouk", "Argo", "Bellatrix", "Biscuit", "Boreas", "Calypso", "Capella", "Cinder",
    "Comet", "Corvus", "Deneb", "Dorado", "Echo", "Electra", "Ember", "Enif", "Fable", "Falcon",
    "Fennec", "Gannet", "Gemma", "Halley", "Hydra", "Indigo", "Juno", "Kestrel", "Kite", "Lark",
    "Lyra", "Maia", "Marlin", "Merope", "Mira", "Moth", "Naos", "Nimbus", "Nova", "Onyx", "Orion",
    "Osprey", "Pavo", "Petrel", "Pixel", "Polaris", "Quasar", "Quill", "Raven", "Rigel", "Rook",
    "Sable", "Saffron", "Sirius", "Sparrow", "Spica", "Tansy", "Tern", "Thistle", "Tycho", "Umbra",
    "Vega", "Vesper", "Wren", "Zephyr",
)  # fmt: skip


class ArenaBot(Bot):
    """The base class of the characters: it looks, decides, and returns controls."""

    room = "arena"
    schema = SCHEMA
    #: The distance that it keeps from its target, and how far it goes for a pickup.
    distance: ClassVar[int] = 300 * UNIT
    greed: ClassVar[int] = 350 * UNIT
    #: Below this hull it flees instead of fighting.
    fear_below: ClassVar[int] = 30
    #: Energy that it keeps in reserve.
    reserve: ClassVar[int] = 15
    #: Probability of dropping a mine, in each decision in which one is useful.
    mine_chance: ClassVar[float] = 0.15
    reaction_ticks: ClassVar[int] = 7
    spread: ClassVar[float] = 4.0

    def __init__(self, name: str, seat: int, chance: random.Random) -> None:
        super().__init__(name, seat, chance)
        self._colour = chance.randrange(COLOURS)
        # Bots differ: up to a third quicker or slower, steadier or shakier.
        skill = chance.uniform(0.7, 1.3)
        self._gunner = Gunner(chance, round(self.reaction_ticks * skill), self.spread * skill)
        self._held = Steer()
        self._sent = Steer()
        self._sent_at = -KEEP_ALIVE_TICKS
        self._decide_at = 0
        self._asked_at = -PLAY_AGAIN_TICKS
        self._waypoint: tuple[int, int] = (0, 0)
        self._waypoint_until = -1
        self._side = 1
        self._side_until = -1
        self._hull_before: tuple[int, int] = (0, MAX_HULL)
        self._afraid_until = -1

    def vehicle(self, replica: Replica, seat: int) -> ArenaShip:
        """Return the rules of a ship."""
        return ArenaShip(replica, seat)

    @classmethod
    def crew(cls, seed: int) -> Iterator[Persona]:
        """Yield bots: names in a random order, then again with numbers, and a mix of characters."""
        chance = random.Random(seed)
        mix = _MIX if cls is ArenaBot else (cls,)
        again = number = 0
        while True:
            again += 1
            for name in chance.sample(NAMES, len(NAMES)):
                character = mix[number % len(mix)]
                number += 1
                known = name if again == 1 else f"{name} {again}"
                yield Persona(known, character, chance.getrandbits(32))

    @classmethod
    def people(cls, seen: Seen) -> int:
        """Return how many pilots are persons."""
        return sum(not pilot.bot for pilot in seen.of_kind("Pilot"))

    @classmethod
    def rest(cls) -> Watch:
        """Go to the stands."""
        return Watch()

    # ------------------------------------------------------------ the command of a tick

    def act(self, view: View) -> Steer | Play | None:
        """Return the controls of this tick, or a ``Play`` while not flying, or None."""
        tick, ship = view.tick, view.own
        if view.predicts:
            if view.predicted is None or ship is None:
                return self._ask_to_play(view, tick)
            if tick >= self._decide_at:
                me = PredictedCraft.of(view.predicted, ship.hull)
                self._decide(look(view.seen, me, self.seat, view.place_of), tick)
            return self._held
        if ship is None or getattr(ship, "energy", None) is None:
            return self._ask_to_play(view, tick)
        if tick >= self._decide_at:
            self._decide(look(view.seen, ship, self.seat), tick)
        if self._held == self._sent and tick - self._sent_at < KEEP_ALIVE_TICKS:
            return None
        self._sent, self._sent_at = self._held, tick
        return self._held

    def _ask_to_play(self, view: View, tick: int) -> Play | None:
        if tick - self._asked_at < PLAY_AGAIN_TICKS:
            return None
        self._asked_at = tick
        if any(pilot.seat == self.seat for pilot in view.of_kind("Pilot")):
            return None  # dead, or not launched yet
        return Play(name=self.name, colour=self._colour, bot=True)

    def _decide(self, sight: Sight, tick: int) -> None:
        """Set the controls to hold until the next decision."""
        self._decide_at = tick + DECIDE_EVERY_TICKS
        me = sight.me
        hurt = self._feels_hurt(me, tick)
        target = self.choose_target(sight)
        wish = clear_of_danger(sight, self.wish(sight, target, tick))
        turn, thrust = controls_towards(me.heading, wish, DECIDE_EVERY_TICKS)
        aim, fire = self._gun(sight, target, tick)
        self._held = Steer(
            turn=turn,
            thrust=thrust,
            dash=hurt and turn == 0 and me.energy >= DASH_COST,
            fire=fire,
            mine=self._drops_mine(sight),
            aim=aim,
        )

    def _feels_hurt(self, me: Craft, tick: int) -> bool:
        """Whether much hull was lost within the last second."""
        since, hull = self._hull_before
        lost = hull - me.hull
        if lost >= _HURT:
            self._afraid_until = tick + _FEAR_TICKS
        if lost >= _HURT or lost < 0 or tick - since >= TICK_RATE:
            self._hull_before = (tick, me.hull)
        return lost >= _HURT

    # ------------------------------------------------------------ choices of a character

    def choose_target(self, sight: Sight) -> Contact | None:
        """Return the ship to fight: the nearest.

        Weak ships and bounties count as nearer, newcomers as farther away.
        """
        best, best_worth = None, float("inf")
        for enemy in sight.enemies:
            ship = enemy.entity
            worth = enemy.distance * (0.5 + ship.hull / (2 * MAX_HULL)) - ship.bounty * UNIT
            if enemy.is_newcomer:
                worth *= _NEWCOMER_FARTHER
            if worth < best_worth:
                best, best_worth = enemy, worth
        return best

    def wish(self, sight: Sight, target: Contact | None, tick: int) -> Vector:
        """Return the direction to fly in, before dangers are avoided."""
        if self.is_afraid(sight.me, tick) and sight.enemies:
            return self.flee(sight)
        pickup = self.wanted_pickup(sight)
        if pickup is not None:
            return pickup.direction
        if target is not None:
            return self.engage(target, tick)
        return self.wander(sight.me, tick)

    def is_afraid(self, me: Craft, tick: int) -> bool:
        """Whether the bot flees now."""
        return me.hull < self.fear_below or tick < self._afraid_until

    # ------------------------------------------------------------ common to all characters

    def flee(self, sight: Sight) -> Vector:
        """Return the direction away from near ships, the nearest most, towards hull pickups."""
        x = y = 0.0
        for enemy in sight.enemies[:4]:
            towards_x, towards_y = enemy.direction
            weight = PULSE_RANGE / (enemy.distance + UNIT)
            x -= towards_x * weight
            y -= towards_y * weight
        for pickup in sight.pickups[:4]:
            if self._use_of(pickup, sight.me) > 1:
                towards_x, towards_y = pickup.direction
                x += towards_x
                y += towards_y
        return unit(x, y)

    def engage(self, target: Contact, tick: int) -> Vector:
        """Return the direction that keeps ``target`` at the wanted distance, circling."""
        towards_x, towards_y = target.direction
        if target.distance > self.distance * 1.3:
            return towards_x, towards_y
        if tick >= self._side_until:
            self._side = self.chance.choice((-1, 1))
            self._side_until = tick + self.chance.randrange(_STRAFE_TICKS // 2, _STRAFE_TICKS)
        closer = (target.distance - self.distance) / self.distance
        return (
            towards_x * closer - towards_y * self._side,
            towards_y * closer + towards_x * self._side,
        )

    def wanted_pickup(self, sight: Sight) -> Contact | None:
        """Return the pickup to fetch now, if one is useful enough for its distance."""
        best, best_worth = None, 0.0
        for pickup in sight.pickups:
            if pickup.distance > 2 * self.greed:
                break
            worth = self._use_of(pickup, sight.me) * self.greed - pickup.distance
            if worth > best_worth:
                best, best_worth = pickup, worth
        return best

    def _use_of(self, pickup: Contact, me: Craft) -> float:
        kind = pickup.entity.kind_
        if kind in (PickupKind.HULL, PickupKind.HULL.name):
            return 2 * (MAX_HULL - me.hull) / MAX_HULL
        if kind in (PickupKind.ENERGY, PickupKind.ENERGY.name):
            return 0.8 if me.energy < DASH_COST else 0.2
        return 1.0

    def wander(self, me: Craft, tick: int) -> Vector:
        """Return the direction of a waypoint; waypoints lie near the middle, where others are."""
        x, y = self._waypoint
        near = abs(x - me.x) + abs(y - me.y) < _WAYPOINT_NEAR
        if tick >= self._waypoint_until or near:
            edge = WORLD_SIZE // 8
            x = round(self.chance.triangular(edge, WORLD_SIZE - edge))
            y = round(self.chance.triangular(edge, WORLD_SIZE - edge))
            self._waypoint = (x, y)
            self._waypoint_until = tick + _WAYPOINT_TICKS
        return unit(x - me.x, y - me.y)

    def _gun(self, sight: Sight, target: Contact | None, tick: int) -> tuple[int, bool]:
        """Return where to aim, and whether to shoot."""
        me = sight.me
        if target is None or target.distance > PULSE_RANGE * 1.2:
            return me.heading % TURN, False
        ready = self._gunner.watch(target.entity.id, me.x + target.dx, me.y + target.dy, tick)
        wider = _NEWCOMER_WIDER if target.is_newcomer else 1.0
        aim = self._gunner.aim_from(me.x, me.y, tick, wider)
        fire = (
            ready
            and target.distance < PULSE_RANGE * 0.95
            and me.energy >= PULSE_COST + self.reserve
            and line_is_free(target, sight.rocks)
        )
        return aim, fire

    def _drops_mine(self, sight: Sight) -> bool:
        me = sight.me
        if me.mine_wait or me.energy < MINE_COST + self.reserve:
            return False
        return self.sees_use_for_mine(sight) and self.chance.random() < self.mine_chance

    def sees_use_for_mine(self, sight: Sight) -> bool:
        """Whether someone is close behind."""
        me = sight.me
        return any(
            enemy.distance < _CHASED and enemy.dx * me.vx + enemy.dy * me.vy < 0
            for enemy in sight.enemies[:3]
        )


class Hunter(ArenaBot):
    """Attacks others at close range, and cares little for its own hull."""

    distance = 220 * UNIT
    greed = 200 * UNIT
    fear_below = 20
    reserve = 0
    mine_chance = 0.05
    reaction_ticks = 6
    spread = 3.0


class Miner(ArenaBot):
    """Fights from far away, and drops mines where others like to fly."""

    distance = 420 * UNIT
    fear_below = 35
    reserve = 10
    mine_chance = 0.5
    spread = 4.5

    def sees_use_for_mine(self, sight: Sight) -> bool:
        """Whether a ship is close behind, or a pickup lies here that others will fetch."""
        near_pickup = bool(sight.pickups) and sight.pickups[0].distance < 120 * UNIT
        return near_pickup or super().sees_use_for_mine(sight)


class Coward(ArenaBot):
    """Shoots from as far as it can, and flees from every ship that comes near."""

    distance = 560 * UNIT
    fear_below = 60
    reserve = DASH_COST
    mine_chance = 0.35
    reaction_ticks = 9
    spread = 5.0

    def wish(self, sight: Sight, target: Contact | None, tick: int) -> Vector:
        """Return the direction away from a ship that is too near."""
        if sight.enemies and sight.enemies[0].distance < 200 * UNIT:
            return self.flee(sight)
        return super().wish(sight, target, tick)


class Collector(ArenaBot):
    """Fetches one pickup after another, and fights only ships in its way."""

    greed = 900 * UNIT
    fear_below = 45
    reserve = 25

    def choose_target(self, sight: Sight) -> Contact | None:
        """Return the nearest ship: a collector pursues nobody."""
        return sight.enemies[0] if sight.enemies else None

    def wish(self, sight: Sight, target: Contact | None, tick: int) -> Vector:
        """Return the direction of the next pickup; a collector fights while it passes."""
        if target is not None and target.distance > self.distance:
            target = None
        return super().wish(sight, target, tick)


CHARACTERS: Final[tuple[type[ArenaBot], ...]] = (Hunter, Miner, Coward, Collector)
#: Of eight bots: three hunters, two miners, one coward, two collectors.
_MIX: Final = (Hunter, Miner, Collector, Hunter, Coward, Hunter, Miner, Collector)
