"""Capture the flag: entities, commands and events, and the rules.

Changes of a racer's movement are announced ``NOTICE_TICKS`` ahead, so that clients predict them.
"""

import enum
from typing import Any, Final

import attrs

from gameserver import (
    Exact, Joining, Player, Room, check_password, command, entity, event, handles,
    is_in_sight, number, synced, text, value,
)  # fmt: skip
from gameserver.games.capture.movement import HEIGHT, RADIUS, UNIT, WALLS, WIDTH, Motion, step

OUT_S: Final = 3
CRATE_S: Final = 12
NOTICE_TICKS: Final = 15
EFFECT_TICKS: Final = 150
REACH: Final = 2 * RADIUS
CRATES: Final = ((230, 200), (350, 330), (560, 60), (560, 580), (770, 310), (890, 440))

Team = enum.Enum("Team", "RED BLUE")  # the left and the right half of the map
Kind = enum.Enum("Kind", "KEY BOOTS")  # opens a gate; makes fast for a while
HOMES: Final = {Team.RED: (60 * UNIT, HEIGHT // 2), Team.BLUE: (WIDTH - 60 * UNIT, HEIGHT // 2)}


@value
class Item:
    kind: Kind = Kind.KEY
    count: int = 1


@entity(at=("x", "y"))
class Flag:
    x: int = synced(0)
    y: int = synced(0)
    team: Team = synced(Team.RED)
    carrier: int = synced(0)  # the id of a racer, or 0


@entity(at=("x", "y"))
class Racer:
    x: int = synced(0)
    y: int = synced(0)
    team: Team = synced(Team.RED)
    name: str = synced("")
    out: bool = synced(default=False)  # tagged, and not yet back at home
    items: list[Item] = synced(factory=list, to="owner")
    fast_from: int = synced(0, to="owner")
    fast_until: int = synced(0, to="owner")
    flag: Flag | None = None  # not synced: what it carries


@entity(at=("x", "y"))
class Gate:
    x: int = synced(0)
    y: int = synced(0)
    opens: int = synced(0)
    closes: int = synced(0)


@entity(at=("x", "y"))
class Crate:
    x: int = synced(0)
    y: int = synced(0)
    kind: Kind = synced(Kind.KEY)


@entity
class Match:
    points: dict[Team, int] = synced(factory=lambda: dict.fromkeys(Team, 0))


@command
class Move:
    dx: int = number(-1, 1)
    dy: int = number(-1, 1)


@command
class Use:
    kind: Kind


@event
class News:
    who: str
    what: str
    team: Team


@attrs.frozen
class Options:
    password: str = text(32, default="")  # that of the first player makes the room a private one


class Capture(Room[Racer]):
    """Bring their flag to yours.  A racer that is tagged in the other half is out for a moment."""

    tick_rate, max_players, view = 30, 16, Exact(240 * UNIT)
    input, options = Move, Options
    match: Match

    def on_create(self) -> None:
        self.private = self.made_with.password != ""
        self.match = self.spawn(Match())
        for team, (x, y) in HOMES.items():
            self.spawn(Flag(x, y, team))
            self.spawn(Gate(x + (110 if team is Team.RED else -110) * UNIT, y))
        for x, y in CRATES:
            self._put_crate(x * UNIT, y * UNIT)

    async def on_auth(self, joining: Joining) -> str | None:
        check_password(joining.options.password, self.made_with.password)
        return joining.identity

    def on_join(self, player: Player[Racer]) -> None:
        """Put ``player`` into the smaller team; team-mates see each other wherever they are."""
        team = min(Team, key=lambda team: len(self.group(team.name)))
        self.group(team.name).add(player)
        racer = Racer(team=team, name=player.name)
        player.entity = self.spawn(racer, owner=player, group=team.name)
        self._put_at_home(racer)

    def on_leave(self, player: Player[Racer], reason: str) -> None:
        self._drop_flag(player.entity)
        self.despawn(player.entity)

    def sees(self, player: Player[Racer], entity: Any) -> bool:
        """Walls hide everything but gates, which clients need to predict their racers."""
        return isinstance(entity, Gate | Match) or is_in_sight(player.entity, entity, WALLS)

    @handles
    def move(self, player: Player[Racer], held: Move) -> None:
        me = player.entity
        if not me.out:
            before = Motion(me.x, me.y, me.fast_from, me.fast_until, self.tick_number - 1)
            me.x, me.y, *_ = step(before, held.dx, held.dy, self.world.of_class(Gate))

    @handles
    def use(self, player: Player[Racer], command: Use) -> None:
        me, now = player.entity, self.tick_number
        starts, ends = now + NOTICE_TICKS, now + NOTICE_TICKS + EFFECT_TICKS
        gate = next(self.near(me.x, me.y, 5 * REACH, Gate), None)
        for item in [item for item in me.items if item.kind is command.kind and not me.out]:
            if item.kind is Kind.BOOTS and me.fast_until < now:
                me.fast_from, me.fast_until = starts, ends
            elif item.kind is Kind.KEY and gate is not None and gate.closes < now:
                gate.opens, gate.closes = starts, ends
            else:
                return
            item.count -= 1
            me.items = [item for item in me.items if item.count]

    def tick(self) -> None:
        for racer in self.world.of_class(Racer):
            if not racer.out:
                self._take_crates(racer)
                self._tag(racer)
                self._carry(racer)

    def _take_crates(self, racer: Racer) -> None:
        for crate in list(self.near(racer.x, racer.y, REACH, Crate)):
            held = next((item for item in racer.items if item.kind is crate.kind), None)
            if held is None:
                racer.items.append(held := Item(crate.kind, 0))
            held.count += 1
            self.despawn(crate)
            self.after(CRATE_S, self._put_crate, crate.x, crate.y)

    def _tag(self, racer: Racer) -> None:
        """Put opponents out that ``racer`` touches in its own half."""
        for other in self.near(racer.x, racer.y, REACH, Racer):
            in_half = (other.x < WIDTH // 2) is (racer.team is Team.RED)
            if in_half and not other.out and other.team is not racer.team:
                self._drop_flag(other)
                other.out = True
                self.after(OUT_S, self._put_at_home, other)
                self.emit(News(racer.name, f"tagged {other.name}", other.team))

    def _carry(self, racer: Racer) -> None:
        """Take their flag, bring it to the own one at home, and bring that one home."""
        for flag in [flag for flag in self.near(racer.x, racer.y, REACH, Flag) if not flag.carrier]:
            if flag.team is not racer.team and racer.flag is None:
                racer.flag, flag.carrier = flag, self.id_of(racer)
                self.emit(News(racer.name, "took the flag", flag.team))
            elif flag.team is racer.team and (flag.x, flag.y) != HOMES[flag.team]:
                flag.x, flag.y = HOMES[flag.team]
            elif flag.team is racer.team and racer.flag is not None:
                won = racer.flag
                self._drop_flag(racer)
                won.x, won.y = HOMES[won.team]
                self.match.points[racer.team] += 1
                self.emit(News(racer.name, "captured the flag", won.team))
        if racer.flag is not None:
            racer.flag.x, racer.flag.y = racer.x, racer.y

    def _drop_flag(self, racer: Racer) -> None:
        if racer.flag is not None:
            racer.flag.carrier, racer.flag = 0, None

    def _put_at_home(self, racer: Racer) -> None:
        x, y = HOMES[racer.team]
        racer.x, racer.y, racer.out = x, y + self.random.randint(-4, 4) * 2 * RADIUS, False

    def _put_crate(self, x: int, y: int) -> None:
        self.spawn(Crate(x, y, self.random.choice(list(Kind))))
