"""A room that ticks in its task, and players in it whose sinks only remember."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import trio

from gameserver import Player, Room
from gameserver.protocol.messages import Delta
from gameserver.replication.seat import Seat
from gameserver.runtime.rooms.room_task import RoomTask
from gameserver.simulation.stepper import Seated
from tests.support.frame_sinks import messages_in

TICK_S = 1 / 20


@attrs.define
class Sink:
    """Keeps the messages that it was posted; acknowledges deltas, once it knows whose it is."""

    clear: bool = True
    messages: list[object] = attrs.field(factory=list)
    seat: Seat | None = None

    def post(self, frame: bytes) -> bool:
        came = messages_in(frame)
        self.messages += came
        for message in came:
            if self.seat is not None and isinstance(message, Delta):
                self.seat.acknowledge(message.tick)
        return True

    def of(self, kind: type) -> list[object]:
        return [m for m in self.messages if isinstance(m, kind)]


@attrs.define
class Client:
    """A seat in the room, and how its session was ended."""

    seated: Seated
    sink: Sink
    ended: list[tuple[int, str]]

    @property
    def player(self) -> Player:
        return self.seated.player


def seat(task: RoomTask, number: int, name: str) -> Client:
    sink, ended = Sink(), list[tuple[int, str]]()
    seated = task.join(number, sink, name, None, lambda code, why: ended.append((code, why)))
    sink.seat = seated.seat
    task.publish_to(seated)
    return Client(seated, sink, ended)


@asynccontextmanager
async def running(room: Room) -> AsyncIterator[RoomTask]:
    task = RoomTask(room, "field/1", ping_interval_s=2.0, polled=False)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(task.run)
        await task.ready.wait()
        yield task
        nursery.cancel_scope.cancel()
