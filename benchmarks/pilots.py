"""Records what the arena's bots do with the controls, for clients that cannot think.

Plays a real arena with real bots in this process, without sockets, and keeps every command.  The
load generator then plays these recordings back: the commands of sensible pilots in number, kind
and rhythm, though not an answer to what is happening.  Touches no socket and no clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from benchmarks.speech import Speech, game_speech
from clients.bots.behaviours import ArenaBot
from clients.bots.bot import Bot, View
from clients.replica import Replica
from gameserver.games.arena.model import Play, Steer
from gameserver.games.arena.room import Arena
from gameserver.protocol.messages import (
    CommandMessage,
    Delta,
    decode_from_server,
    pack,
)
from gameserver.replication.publisher import Publisher
from gameserver.simulation.stepper import Stepper

BOTS: Final = 16
TICKS: Final = 600


class FrameSink:
    """A sink for the publisher's frames that keeps their payloads until they are taken."""

    clear = True

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def post(self, frame: bytes) -> bool:
        """Keep one or more finished frames."""
        self.frames.append(frame)
        return True

    def take(self) -> Iterator[bytes]:
        """Yield the payloads of what was posted."""
        frames, self.frames = b"".join(self.frames), []
        while frames:
            payload, frames = split_frame(frames)
            yield payload


def split_frame(data: bytes) -> tuple[bytes, bytes]:
    """Return the payload of the first unmasked frame (RFC 6455, 5.2), and what follows it."""
    length, start = data[1] & 0x7F, 2
    if length == 126:
        length, start = int.from_bytes(data[2:4], "big"), 4
    elif length == 127:
        length, start = int.from_bytes(data[2:10], "big"), 10
    return data[start : start + length], data[start + length :]


class _Pilot:
    """A bot at its client, with a seat in the room."""

    def __init__(
        self, stepper: Stepper[Arena], publisher: Publisher, number: int, bot: Bot
    ) -> None:
        self.bot = bot
        self.sink = FrameSink()
        self.seated = stepper.join(number, self.sink, bot.name)
        self.replica = Replica(stepper.room.schema())
        self.view = View(self.replica, number, stepper.room.tick_rate)
        self.commands: list[Any] = []
        self._seq = 0
        publisher.add(self.seated.seat)

    def play(self, tick: int) -> None:
        """Apply the newest deltas; note the next command or, without one, the last again."""
        for payload in self.sink.take():
            message = decode_from_server(payload)
            if isinstance(message, Delta):
                self.replica.apply(message)
        self.view.tick = tick
        command = self.bot.act(self.view)
        if command is not None:
            self._seq += 1
            self.seated.commands.take(self._seq, command)
        if isinstance(command, Steer):
            self.commands.append(command)
        elif self.commands:
            self.commands.append(self.commands[-1])


def record_steering(bots: int = BOTS, ticks: int = TICKS) -> list[Steer]:
    """Return the commands of all bots, those of each in a row and in order."""
    stepper = Stepper(Arena("recording", seed=1))
    publisher = Publisher(stepper.room.world, check_every_ticks=ticks + 1, quiet_ticks=ticks + 1)
    someone = ArenaBot.crew(1)
    pilots = [
        _Pilot(stepper, publisher, number, next(someone).take_seat(number))
        for number in range(1, bots + 1)
    ]
    for tick in range(1, ticks + 1):
        stepper.step(tick)
        for failure in stepper.take_failures():
            raise failure.error
        stepper.take_texts()
        publisher.publish(tick, stepper.take_emissions())
        for pilot in pilots:
            pilot.play(tick)
    return [command for pilot in pilots for command in pilot.commands]


def arena_speech(room: str = "", room_size: int = 0) -> Speech:
    """Our protocol in the arena: take off after the welcome, then recorded controls."""
    schema = Arena.schema()
    play_kind, play = schema.command("Play")
    steer_kind, steer = schema.command("Steer")
    taking_off = Play(name="load", colour=0, bot=True)
    first = CommandMessage(1, 0, 0, 0, play_kind, list(play.to_wire(taking_off)))
    tails = [
        b"".join(map(pack, (steer_kind, *steer.to_wire(command)))) for command in record_steering()
    ]
    return game_speech(
        room=room,
        room_size=room_size,
        tails=tails,
        fields=len(steer.fields),
        first=first.encode(),
    )
