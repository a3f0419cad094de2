"""Games under ``mypy --strict``: right programs pass, and each wrong line is found."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

DECLARED = """
from gameserver import Player, Room, Timer, command, entity, handles, number, synced


@entity(at=("x", "y"))
class Ship:
    x: float = synced(0.0)
    y: float = synced(0.0)
    hp: int = synced(100)


@entity
class Flag:
    at_home: bool = synced(default=True)


@command
class Steer:
    turn: int = number(-1, 1)

"""

RIGHT = (
    DECLARED
    + """
class Typed(Room[Ship]):
    input = Steer
    flag: Flag
    reload: Timer

    def on_create(self) -> None:
        self.flag = self.spawn(Flag())
        self.reload = self.every(1.0, self.heal, 5)
        self.cancel(self.after(2, self.flag.__str__))

    def on_join(self, player: Player[Ship]) -> None:
        player.entity = self.spawn(Ship(), owner=player)
        self.after(3.0, self.heal_one, player)

    def on_leave(self, player: Player[Ship], reason: str) -> None:
        self.despawn(player.entity)

    @handles
    def steer(self, player: Player[Ship], command: Steer) -> None:
        player.entity.x += command.turn * self.dt

    def heal(self, by: int) -> None:
        for player in self.players.values():
            player.entity.hp += by

    def heal_one(self, player: Player[Ship]) -> None:
        hp: int = player.entity.hp
        self.heal(hp)


class Spectators(Room[Ship | None]):
    def on_join(self, player: Player[Ship | None]) -> None:
        player.entity = None

    def tick(self) -> None:
        for player in self.players.values():
            if player.entity is not None:
                player.entity.hp += 1


class Plain(Room):
    def on_join(self, player: Player) -> None:
        player.entity = self.spawn(Flag())
        player.entity.at_home = False
        player.entity.anything += 1

    def on_command(self, player: Player, command: Steer) -> None:
        self.say("turn", to=player)

    def tick(self) -> None:
        rooms: list[Room] = [self]
        players: dict[int, Player] = self.players
        print(rooms, players)


class LooselyTyped(Room[Ship]):
    def on_join(self, player: Player) -> None:
        player.entity = self.spawn(Ship())
"""
)

WRONG = (
    DECLARED
    + """
class Wrong(Room[Ship]):
    def on_join(self, player: Player[Ship]) -> None:
        player.entity = self.spawn(Flag())  # [assignment]
        player.entity = None  # [assignment]

    def on_leave(self, player: Player[Flag], reason: str) -> None:  # [override]
        pass

    @handles
    def steer(self, player: Player[Ship], command: Steer) -> None:
        player.entity.speed = 5  # [attr-defined]
        command.turn = "left"  # [assignment]

    def tick(self) -> None:
        for player in self.players.values():
            player.entity.hp = "all"  # [assignment]
        self.after("soon", self.tick)  # [arg-type]
        self.cancel(None)  # [arg-type]


class Spectators(Room[Ship | None]):
    def on_join(self, player: Player[Ship | None]) -> None:
        player.entity.hp += 1  # [union-attr]


handles(5)  # [type-var]
"""
)


def mypy(folder: Path, program: str) -> str:
    (folder / "game.py").write_text(program)
    run = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "game.py"],
        cwd=folder,
        env={"MYPY_CACHE_DIR": str(ROOT / ".mypy_cache" / "games"), "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return run.stdout


@pytest.mark.long
def test_right_games_are_clean(tmp_path: Path) -> None:
    assert mypy(tmp_path, RIGHT).startswith("Success")


@pytest.mark.long
def test_each_wrong_line_is_found(tmp_path: Path) -> None:
    found = re.findall(r"game\.py:(\d+): error: .*  (\[[a-z-]+\])", mypy(tmp_path, WRONG))
    lines = enumerate(WRONG.splitlines(), 1)
    marked = [(str(n), line.split("  # ")[1]) for n, line in lines if "  # [" in line]
    assert sorted(found) == sorted(marked)
