"""Ships that fly and shoot.  The page predicts its own, and shots hit what the screen showed."""

import math

from gameserver import Player, Room, command, entity, event, handles, number, synced
from gameserver.templates.arena.movement import HEIGHT, RADIUS, UNIT, WIDTH, Motion, step

HULL = 3
RANGE = 500 * UNIT
RELOAD_S = 0.3


@entity(at=("x", "y"))
class Ship:
    x: int = synced(WIDTH // 2)
    y: int = synced(HEIGHT // 2)
    vx: int = synced(0, to="owner")  # its page predicts with them; nobody else needs them
    vy: int = synced(0, to="owner")
    aim: float = synced(0.0, step=1 / 100)
    name: str = synced("")
    hull: int = synced(HULL)
    score: int = synced(0)
    loaded_tick: int = 0  # not synced: never leaves the server


@command
class Steer:
    dx: int = number(-1, 1)
    dy: int = number(-1, 1)
    aim: float = number(-4.0, 4.0)  # an angle
    fire: bool = False


@event
class Shot:
    x: int
    y: int
    to_x: int
    to_y: int


@event
class News:
    who: str
    whom: str


class Game(Room[Ship]):
    tick_rate, max_players = 30, 32
    input = Steer  # exactly one per player and tick, however many a client sends
    rewinds = (Ship,)  # the classes whose past is kept, for aimed shots

    def on_join(self, player: Player[Ship]) -> None:
        player.entity = self.spawn(Ship(name=player.name), owner=player)
        self._place(player.entity)

    def on_leave(self, player: Player[Ship], reason: str) -> None:
        self.despawn(player.entity)

    @handles
    def steer(self, player: Player[Ship], held: Steer) -> None:
        me = player.entity
        me.x, me.y, me.vx, me.vy = step(Motion(me.x, me.y, me.vx, me.vy), held)
        me.aim = held.aim
        if held.fire and self.tick_number >= me.loaded_tick:
            me.loaded_tick = self.tick_number + round(RELOAD_S * self.tick_rate)
            self._shoot(player)

    def _shoot(self, player: Player[Ship]) -> None:
        """Hit the first ship on the line, where the shooter's screen showed it."""
        me = player.entity
        cos, sin = math.cos(me.aim), math.sin(me.aim)
        target, reach = None, float(RANGE)
        for ship, x, y in self.seen_by(player).near(me.x, me.y, RANGE, Ship):
            ahead = (x - me.x) * cos + (y - me.y) * sin
            aside = (y - me.y) * cos - (x - me.x) * sin
            if ship is not me and 0 < ahead < reach and abs(aside) < RADIUS:
                target, reach = ship, ahead
        end = (me.x + round(cos * reach), me.y + round(sin * reach))
        self.emit(Shot(me.x, me.y, *end), at=(me.x, me.y))
        if target is not None:
            self._hit(me, target)

    def _hit(self, me: Ship, target: Ship) -> None:
        target.hull -= 1
        if target.hull == 0:
            me.score += 1
            self.emit(News(me.name, target.name))
            self._place(target)

    def _place(self, ship: Ship) -> None:
        """Put a ship, as good as new, somewhere else."""
        ship.x = self.random.randint(RADIUS, WIDTH - RADIUS)
        ship.y = self.random.randint(RADIUS, HEIGHT - RADIUS)
        ship.vx, ship.vy, ship.hull = 0, 0, HULL
