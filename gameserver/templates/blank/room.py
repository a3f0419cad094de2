"""The world as classes, and the rules as methods of a room."""

from gameserver import Player, Room, command, entity, handles, number, synced

SIZE = 600
SPEED = 240  # a second


@entity(at=("x", "y"))
class Dot:
    x: float = synced(SIZE / 2, step=1 / 16)  # on the wire as an integer count of steps
    y: float = synced(SIZE / 2, step=1 / 16)
    name: str = synced("")
    dx: int = 0  # not synced: never leaves the server
    dy: int = 0


@command
class Move:  # checked before the room sees it
    dx: int = number(-1, 1)
    dy: int = number(-1, 1)


class Game(Room[Dot]):
    tick_rate, max_players = 30, 50

    def on_join(self, player: Player[Dot]) -> None:
        player.entity = self.spawn(Dot(name=player.name), owner=player)

    def on_leave(self, player: Player[Dot], reason: str) -> None:
        self.despawn(player.entity)

    @handles
    def move(self, player: Player[Dot], held: Move) -> None:
        player.entity.dx, player.entity.dy = held.dx, held.dy

    def tick(self) -> None:
        for dot in self.world.of_class(Dot):
            dot.x = min(max(dot.x + dot.dx * SPEED * self.dt, 0), SIZE)
            dot.y = min(max(dot.y + dot.dy * SPEED * self.dt, 0), SIZE)
