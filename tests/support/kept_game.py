"""A room that keeps everything that a room can keep, for the tests of snapshots."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import random
import uuid
from collections import deque
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import attrs

from gameserver import (
    Exact,
    Group,
    Near,
    Player,
    Room,
    Timer,
    command,
    entity,
    event,
    number,
    synced,
)


class Mood(enum.Enum):
    CALM = "calm"
    ANGRY = "angry"


class Trait(enum.Flag):
    FAST = 1
    STRONG = 2


class Spot(NamedTuple):
    x: int
    y: int


@attrs.frozen
class Recipe:
    name: str
    parts: tuple[str, ...] = ()


@attrs.define
class Stack:
    recipe: Recipe
    count: int = 1


@attrs.define(eq=False)
class Squad:
    leader: Beast | None = None
    members: list[Beast] = attrs.field(factory=list)
    captain: Player | None = None


@dataclasses.dataclass
class Plan:
    steps: list[str]
    due: datetime.datetime | None = None


@entity(at=("x", "y"))
class Beast:
    x: float = synced(0.0, step=1 / 8)
    y: float = synced(0.0, step=1 / 8)
    mood: Mood = synced(Mood.CALM)
    tail: tuple[int, ...] = synced(())
    hunger: int = synced(0, to="owner")
    prey: Beast | None = None
    hunters: list[Beast] = attrs.field(factory=list)
    rider: Player | None = None
    traits: Trait = Trait.FAST
    hold: list[Stack] = attrs.field(factory=list)
    speed: float = 0.0

    def grow_tail(self, by: int) -> None:
        self.tail = (*self.tail[-3:], by)


@entity(rare=True)
class Sign:
    text: str = synced("")


@command
class Lead:
    dx: int = number(-1, 1)
    dy: int = number(-1, 1)


@command
class Shout:
    loud: bool = False


@event
class Heard:
    seat: int
    words: str


async def ask_the_keeper(name: str) -> str:
    return f"let {name} in"


class Zoo(Room):
    tick_rate = 20
    view = Near(100)
    max_players = 8
    classes = (Beast, Sign, Lead, Shout, Heard)
    input = Lead
    rewinds = (Beast,)

    beasts: dict[int, Beast]
    log: list[str]
    signs: deque[Sign]
    squads: list[Squad]
    anything: Any
    on_alarm: Callable[[], None] | None
    dice: random.Random
    mode: Literal["day", "night"]
    pairs: dict[Spot, set[Beast]]
    calming: Timer | None
    pack: Group

    def on_create(self) -> None:
        self.log = ["created"]
        self.beasts = {}
        self.signs = deque(maxlen=3)
        self.squads = []
        self.anything = None
        self.on_alarm = None
        self.dice = random.Random(5)
        self.mode = "day"
        self.pairs = {}
        self.spare = 7
        self.calming = None
        self.pack = self.group("pack")
        self.every(0.35, self.grow_hungry)

    async def on_start(self) -> None:
        self.log.append("started")

    async def on_load(self) -> None:
        self.loaded_late = True

    def save(self) -> dict[str, Any]:
        return {"spare": self.spare, "first": next(iter(self.beasts.values()), None)}

    def load(self, saved: dict[str, Any]) -> None:
        self.spare = saved["spare"]
        assert saved["first"] is next(iter(self.beasts.values()), None)

    def on_join(self, player: Player) -> None:
        if player.seat % 2:
            self.pack.add(player)
        beast = self.spawn(
            Beast(player.seat * 10.0, self.random.uniform(0, 300)),
            owner=player,
            group="pack" if player.seat % 2 else None,
        )
        beast.rider = player
        beast.traits = Trait.FAST | Trait.STRONG
        beast.hold = [Stack(Recipe("rope", ("hemp", "tar")), 2)]
        self.beasts[player.seat] = player.entity = beast
        player.data = {"beast": beast, "since": self.tick_number}

    def on_leave(self, player: Player, reason: str) -> None:
        beast = self.beasts.pop(player.seat)
        for other in self.beasts.values():
            if other.prey is beast:
                other.prey = None
            other.hunters = [hunter for hunter in other.hunters if hunter is not beast]
        self.squads = [squad for squad in self.squads if squad.captain is not player]
        self.despawn(beast)

    def on_command(self, player: Player, command: Lead | Shout) -> None:
        beast = player.entity
        if isinstance(command, Lead):
            beast.speed += 0.25
            beast.x += command.dx * 4
            beast.y += command.dy * 4
            if seen := list(self.seen_by(player).near(beast.x, beast.y, 80, Beast)):
                beast.tail = tuple(round(x) for _, x, _ in seen[:3])
            return
        beast.mood = Mood.ANGRY if command.loud else Mood.CALM
        self.set_hidden(beast, hidden=not command.loud)
        self.set_group(beast, self.pack if command.loud else f"lair {player.seat % 3}")
        others = [b for b in self.beasts.values() if b is not beast]
        if others:
            beast.prey = self.random.choice(others)
            beast.prey.hunters.append(beast)
        self.squads = [*self.squads[-2:], Squad(beast, others, player)]
        self.background(ask_the_keeper, player.name, then=self.keeper_said, about=player)
        if self.calming is not None:
            self.cancel(self.calming)
        self.calming = self.after(0.4, self.calm_down, player, others)
        if len(self.signs) == 3:
            self.despawn(self.signs.popleft())
        self.signs.append(self.spawn(Sign(f"{player.name} {self.dice.random():.3f}")))
        self.emit(Heard(player.seat, "roar"), at=(beast.x, beast.y))

    def keeper_said(self, result: object, player: Player) -> None:
        self.log.append(f"{player.name}: {type(result).__name__} {self.random.random()}")

    def grow_hungry(self) -> None:
        for beast in self.world.of_class(Beast):
            beast.hunger += self.random.randrange(3)

    def calm_down(self, player: Player, others: list[Beast]) -> None:
        for beast in others:
            beast.mood = Mood.CALM
        if player.entity is not None:
            player.entity.mood = Mood.CALM
            self.after(self.random.random(), player.entity.grow_tail, player.seat)

    def tick(self) -> None:
        for beast in self.world.of_class(Beast):
            beast.hunger = (beast.hunger + 1) % 100
            beast.x = (beast.x + self.random.random()) % 500


class FoggyZoo(Zoo):
    """What a command finds depends on the view, on ``sees`` and on groups."""

    view = Exact(60)

    def sees(self, player: Player, entity: Any) -> bool:
        return not isinstance(entity, Beast) or entity.mood is Mood.ANGRY or entity.x % 2 < 1


def odd_values(room: Zoo, player: Player) -> list[Any]:
    """Return values of all sorts."""
    first = player.entity
    shared: list[Any] = [1, 2]
    loop: list[Any] = []
    loop.append(loop)
    lonely = Beast(1.0, 2.0)
    lonely.prey = lonely
    counted = collections.Counter("abca")
    grouped: collections.defaultdict[str, list[int]] = collections.defaultdict(list)
    grouped["a"].append(1)
    return [
        *(None, True, -1, 2**70, -(2**90), 0.1, float("inf"), "grüße \ud800", b"\x00"),
        *((1, (2, "x")), [], {}, set(), frozenset({Spot(1, 2)}), bytearray(b"ab")),
        *(Mood.ANGRY, Trait.FAST | Trait.STRONG, Trait(0), Spot(3, 4), Recipe("r"), Beast, Mood),
        *(Stack(Recipe("s"), 3), Plan(["a"], datetime.datetime(2026, 1, 2, 3, 4, 5, 6)), Lead(1)),
        *(datetime.date(2026, 1, 2), datetime.time(3, 4), datetime.timedelta(1, 2, 3)),
        *(datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC), uuid.UUID(int=5)),
        *(decimal.Decimal("1.10"), 1 + 2j, range(1, 9, 2), random.Random(3)),
        *(counted, grouped, collections.OrderedDict(a=1, b=[2]), deque([1, 2], maxlen=2)),
        *(shared, shared, loop, lonely, first, player, room, room.world, room.random),
        *(
            room.pack,
            room.tick,
            first.hunters,
            {"key": first, first: "value", Spot(0, 0): {first, lonely}},
        ),
    ]
