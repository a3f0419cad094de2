"""A room that ticks in its task, and players in it whose sinks only remember."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import trio

from gameserver import Player, Room, Settings
from gameserver.protocol.messages import Delta
from gameserver.replication.seat import Seat
from gameserver.runtime.admission.hold_quota import HoldQuota
from gameserver.runtime.rooms.room_loop import RoomLoop
from gameserver.runtime.rooms.room_task import RoomTask
from gameserver.runtime.rooms.roster import Member
from gameserver.simulation.stepper import Seated
from tests.support.frame_sinks import messages_in
from tests.support.resume_tokens import resumption

TICK_S = 1 / 20


@attrs.define
class Sink:
    """Keeps the messages posted to it; acknowledges deltas once its ``seat`` is set."""

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
    """A player in the room, and the calls that ended its session."""

    member: Member
    sink: Sink
    ended: list[tuple[int, str]]

    @property
    def seated(self) -> Seated:
        return self.member.seated

    @property
    def player(self) -> Player:
        return self.member.player


def seat(task: RoomTask, number: int, name: str) -> Client:
    """Seat a player as a session does: reserve, join, and have deltas sent."""
    client = seat_without_deltas(task, number, name)
    task.roster.start_deltas(client.member)
    return client


def seat_without_deltas(task: RoomTask, number: int, name: str) -> Client:
    """Seat a player whose welcome is not sent yet."""
    roster, sink, ended = task.roster, Sink(), list[tuple[int, str]]()
    assert roster.reserve(None) == number
    try:
        member = roster.join(number, sink, name, None, lambda code, why: ended.append((code, why)))
    finally:
        roster.release(number)
    sink.seat = member.seated.seat
    return Client(member, sink, ended)


def room_loop() -> RoomLoop:
    """Return a loop for rooms whose players have no links, so there is nothing to read or ping."""
    return RoomLoop(
        ping_interval_s=Settings().ping_interval_s, polled=False, core_time=lambda: None
    )


def room_task(room: Room, *, loop: RoomLoop | None = None) -> RoomTask:
    """Return the task of a room that is in no lobby, in a loop of its own if none is given."""
    return RoomTask(room, "field/1", loop or room_loop(), resumption(), HoldQuota(most=8))


async def run_alone(task: RoomTask) -> None:
    """Run a room, and its loop for as long."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(task._loop.run)
        await task.run()
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def running(room: Room, loop: RoomLoop | None = None) -> AsyncIterator[RoomTask]:
    """Run a room, in a loop of its own or in one that runs already."""
    task = room_task(room, loop=loop)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_alone if loop is None else RoomTask.run, task)
        await task.ready.wait()
        yield task
        nursery.cancel_scope.cancel()
