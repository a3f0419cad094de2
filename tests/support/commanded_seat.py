"""One player of a room without a server, whose messages go straight to its reception."""

from __future__ import annotations

import enum
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import attrs
import trio
from trio.testing import MockClock

from gameserver import Player, Room, command, number, text
from gameserver.ops.metrics import Counters
from gameserver.protocol.messages import CommandMessage
from gameserver.replication.seat import NOWHERE
from gameserver.runtime.sessions.reception import MessageCount, Reception
from gameserver.simulation.recording import Entry
from gameserver.simulation.stepper import Stepper


class Mood(enum.Enum):
    CALM = 1
    ANGRY = 2


@command
class Steer:
    turn: int = number(-1, 1)
    thrust: bool = False
    far: int = 0


@command
class Aim:
    angle: float = number(-1.0, 1.0, default=0.0)
    word: str = text(max_length=8, default="")
    mood: Mood | None = None
    raw: bytes = b""


@command
class Nothing:
    pass


@command
class Checked:
    """A class that is more than its values: making one runs code of the game."""

    value: int = 0

    def __attrs_post_init__(self) -> None:
        if self.value == 13:
            raise ValueError("thirteen")


COMMANDS = (Aim, Checked, Nothing, Steer)  # in the order of their kinds


class Arcade(Room):
    commands = COMMANDS
    input = Steer
    max_players = 8

    def on_create(self) -> None:
        self.applied: list[Any] = []

    def on_idle(self, player: Player) -> Steer:
        return Steer(0, False, 0)

    def on_command(self, player: Player, command: Any) -> None:
        if command == Aim(angle=1.0):
            raise RuntimeError("a bug of the game")
        self.applied.append((player.seat, command))
        if command == Steer(1, True, 7):
            player.kick()


@attrs.define
class Recording:
    entries: list[Entry] = attrs.field(factory=list)

    def record(self, entry: Entry) -> None:
        self.entries.append(entry)


class Side:
    """One player of a room, whose messages take one of the two paths."""

    def __init__(self, path: Callable[[Reception], Callable[[bytes], None]]) -> None:
        room = Arcade("arcade/1")
        room.on_create()
        self.now_s = 0.0
        self.stepper = Stepper(room)
        self.room = room
        self.tick = 0
        self.posted: list[bytes] = []
        self.ends: list[tuple[int, str]] = []
        self.recording = Recording()
        self.counters = Counters()
        self.seated = self.stepper.join(1, NOWHERE, "ann")
        task: Any = SimpleNamespace(
            room=room, stepper=self.stepper, was_recovered=False, now_ticks=0.0, storage=None
        )
        ws: Any = SimpleNamespace(post=lambda frame: self.posted.append(frame) or True)
        log: Any = SimpleNamespace(exception=lambda *_, **__: None, warning=lambda *_, **__: None)

        async def make() -> Reception:
            count = MessageCount(self.counters)
            return Reception(
                self.seated,
                task,
                ws,
                count,
                self.counters,
                self._end,
                log,
                muted=lambda: None,
                report=lambda _seat, _reason: "",
            )

        self.reception: Reception = trio.run(make, clock=MockClock())
        self.reception._clock = lambda: self.now_s
        self.take = path(self.reception)

    def _end(self, code: int, reason: str) -> None:
        self.ends.append((code, reason))

    def step(self) -> None:
        self.tick += 1
        self.stepper.step(self.tick)
        if self.tick % 3 == 0:
            self.seated.seat.delta_posted(self.tick)

    def state(self) -> dict[str, Any]:
        """Return all that a message may change."""
        commands, seat = self.seated.commands, self.seated.seat
        inputs = commands._inputs
        assert inputs is not None
        names = ("late", "early", "duplicate", "dropped", "idle_ticks", "newest_seq")
        allowance = self.reception._count.allowed
        return {
            **{name: getattr(commands, name) for name in names},
            "inputs": list(map(attrs.astuple, inputs._waiting)),
            "late input": inputs._late,
            "applied input": inputs.applied,
            "inbox": list(map(attrs.astuple, commands._inbox)),
            "waiting": len(self.stepper._commands.waiting),
            "seat": (seat.awaited, seat.margin, seat.command_seq, seat.posted_tick),
            "allowance": (allowance._left, allowance._seen_s),
            "counters": self.counters,
            "ends": self.ends,
            "posted": self.posted,
            "applied": self.room.applied,
            "failures": [(f.hook, repr(f.error)) for f in self.stepper.failures],
            "recorded": self.recording.entries,
        }


def sent(seq: int, kind: type, *values: Any, tick: int = 0, acked: int = 0) -> bytes:
    return CommandMessage(seq, tick, 0, acked, COMMANDS.index(kind), list(values)).encode()
