"""The way back: wherever the new process dies, the old one serves on, or has nothing any more."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any

import attrs
import pytest
import trio

from clients.joining import open_game
from gameserver import Player, Settings
from gameserver.cluster.descriptors import DescriptorChannel
from gameserver.cluster.handover import giving
from gameserver.cluster.handover.giving import ServerGiving, Stage
from gameserver.cluster.handover.messages import FORMAT, MAX_BODY_BYTES, HandoverFailed
from gameserver.cluster.handover.taking import Taking
from gameserver.runtime.server import Server
from gameserver.runtime.serving import open_server
from tests.support.resumable_lobby import HoldingField, until_known
from tests.support.small_game import Step
from tests.support.sockets import PATIENCE_S

SETTINGS = Settings(port=0, ping_interval_s=0.1)
#: The messages of the new process, in order.
ITS_MESSAGES = ("ready", "rehearsed", "loaded", "taken")


class Dead(Exception):
    """The new process is dead."""


class DyingChannel(DescriptorChannel):
    """A channel whose process dies right before, or right after, it sends a message."""

    dies_at = ""
    after = False

    async def send(self, body: Any, descriptors: Sequence[Any] = ()) -> None:
        if body[0] == self.dies_at and not self.after:
            raise Dead
        await super().send(body, descriptors)
        if body[0] == self.dies_at:
            raise Dead


@attrs.define
class TaskSuccessor:
    """The new process, as a task of this one; it is killed by cancelling it."""

    channel: DescriptorChannel
    theirs: DyingChannel
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    dead: trio.Event = attrs.field(factory=trio.Event)
    server: Server | None = None
    started: bool = False

    @classmethod
    def make(cls) -> TaskSuccessor:
        ours, theirs = socket.socketpair()
        return cls(
            DescriptorChannel(ours, max_body_bytes=MAX_BODY_BYTES),
            DyingChannel(theirs, max_body_bytes=MAX_BODY_BYTES),
        )

    async def run(self) -> None:
        self.started = True
        try:
            with self.scope:
                predecessor = await Taking.begin(self.theirs)
                self.server = Server({"field": HoldingField}, SETTINGS)
                async with trio.open_nursery() as nursery:
                    await predecessor.give_to(self.server, nursery)
                    await trio.sleep_forever()
        except* Dead:
            pass
        finally:
            self.theirs.close()
            self.dead.set()

    async def cut_off(self) -> None:
        self.scope.cancel()
        if self.started:
            await self.dead.wait()


@pytest.mark.parametrize("kind", ITS_MESSAGES)
async def test_the_old_process_serves_on_where_the_new_one_dies(kind: str) -> None:
    with trio.fail_after(PATIENCE_S):
        async with (
            open_server({"field": HoldingField}, SETTINGS) as server,
            trio.open_nursery() as nursery,
            open_game(f"ws://127.0.0.1:{server.port}/", name="ann") as game,
        ):
            await until_known(game)
            successor = TaskSuccessor.make()
            successor.theirs.dies_at = kind
            nursery.start_soon(successor.run)
            attempt = ServerGiving(server, successor)
            with pytest.raises(HandoverFailed):
                await attempt.run()
            assert attempt.stage is Stage.SERVING
            await game.send(Step(1))
            while game.replica.ack < 1:
                await game.next_delta()
            room = server.lobby.rooms[0][1].room
            assert isinstance(room, HoldingField)
            assert room.steps == [1]
            assert (game.statistics().resumes, game.rejoins) == (0, 0)


async def test_a_new_process_that_dies_after_its_last_word_has_taken_over() -> None:
    with trio.fail_after(PATIENCE_S):
        async with (
            open_server({"field": HoldingField}, SETTINGS) as server,
            trio.open_nursery() as nursery,
        ):
            server.reserve_seats("field")
            ((_, task),) = server.lobby.rooms
            successor = TaskSuccessor.make()
            successor.theirs.dies_at, successor.theirs.after = "taken", True
            nursery.start_soon(successor.run)
            attempt = ServerGiving(server, successor)
            await attempt.run()
            assert attempt.stage is Stage.GONE
            assert task.roster.suspended


@pytest.mark.parametrize(
    ("silent_at", "deadline"),
    [("ready", "START_DEADLINE_S"), ("loaded", "LOAD_DEADLINE_S"), ("taken", "TAKE_DEADLINE_S")],
)
async def test_a_new_process_that_hangs_is_killed(
    silent_at: str, deadline: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(giving, deadline, 0.2)

    async def hang(self: DescriptorChannel, body: Any, descriptors: Sequence[Any] = ()) -> None:
        if body[0] == silent_at:
            await trio.sleep_forever()
        await DescriptorChannel.send(self, body, descriptors)

    monkeypatch.setattr(DyingChannel, "send", hang)
    with trio.fail_after(PATIENCE_S):
        async with (
            open_server({"field": HoldingField}, SETTINGS) as server,
            trio.open_nursery() as nursery,
        ):
            server.reserve_seats("field")
            successor = TaskSuccessor.make()
            nursery.start_soon(successor.run)
            attempt = ServerGiving(server, successor)
            with pytest.raises(HandoverFailed, match=f"not {silent_at} within 0.2 s"):
                await attempt.run()
            assert attempt.stage is Stage.SERVING
            assert successor.dead.is_set()


class Forgetful(HoldingField):
    def on_join(self, player: Player) -> None:
        super().on_join(player)
        self.not_annotated = 1


async def test_a_room_that_cannot_be_saved_is_named_and_plays_on() -> None:
    with trio.fail_after(PATIENCE_S):
        async with (
            open_server({"field": Forgetful}, SETTINGS) as server,
            trio.open_nursery() as nursery,
            open_game(f"ws://127.0.0.1:{server.port}/", name="ann") as game,
        ):
            successor = TaskSuccessor.make()
            nursery.start_soon(successor.run)
            attempt = ServerGiving(server, successor)
            with pytest.raises(HandoverFailed, match=r"Forgetful\.not_annotated is not saved"):
                await attempt.run()
            assert attempt.stage is Stage.SERVING
            await game.send(Step(1))
            while game.replica.ack < 1:
                await game.next_delta()


async def test_another_format_is_refused_in_one_line() -> None:
    successor = TaskSuccessor.make()
    await successor.channel.send(["begin", FORMAT + 1, 0, 0, False, False])
    with pytest.raises(HandoverFailed, match="restart instead"):
        await Taking.begin(successor.theirs)
    successor.channel.close()
    successor.theirs.close()
