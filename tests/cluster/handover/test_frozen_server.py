"""A whole server goes on as another one: rooms, seats and open connections, over real sockets."""

from __future__ import annotations

import trio

from clients.joining import open_game
from gameserver.runtime.server import Server
from tests.support.resumable_lobby import HoldingField, until_known
from tests.support.small_game import Step
from tests.support.sockets import PATIENCE_S
from tests.support.two_servers import two_servers


def field_of(server: Server) -> HoldingField:
    room = server.lobby.rooms[0][1].room
    assert isinstance(room, HoldingField)
    return room


async def test_a_player_plays_on_in_the_new_server_over_its_connection() -> None:
    with trio.fail_after(PATIENCE_S):
        async with (
            two_servers({"field": HoldingField}) as two,
            open_game(f"ws://127.0.0.1:{two.old.port}/", name="ann") as game,
        ):
            await until_known(game)
            for _ in range(5):
                await game.send(Step(1))
            before = field_of(two.old)
            new = await two.next()
            after = field_of(new)
            for _ in range(5):
                await game.send(Step(1))
            while game.replica.ack < 10:
                await game.next_delta()
            statistics = game.statistics()
            while game.statistics().checks == statistics.checks:
                await game.next_delta()
            assert after.players[game.seat].entity.x == 10
            assert after.steps == [1] * 10
            assert before.tick_number < after.tick_number
            assert before.told == ["ann joins"]
            assert after.told == ["ann joins"]
            assert not two.old.sessions
            assert len(new.sessions) == 1
            statistics = game.statistics()
            assert (statistics.resumes, game.rejoins, statistics.checksum_failures) == (0, 0, 0)


async def test_thawing_undoes_freezing() -> None:
    with trio.fail_after(PATIENCE_S):
        async with (
            two_servers({"field": HoldingField}) as two,
            open_game(f"ws://127.0.0.1:{two.old.port}/", name="ann") as game,
        ):
            await until_known(game)
            room, task = field_of(two.old), two.old.lobby.rooms[0][1]
            ticks = task.tally().ticks
            frozen = two.freezing.freeze()
            assert (len(frozen.rooms), len(frozen.sessions)) == (1, 1)
            tick = room.tick_number
            await game.send(Step(1))
            await trio.sleep(0.2)
            assert room.tick_number == tick
            two.freezing.thaw()
            while game.replica.ack < 1:
                await game.next_delta()
            assert room.tick_number > tick
            assert room.steps == [1]
            assert task.tally().ticks > ticks
            checks = game.statistics().checks
            while game.statistics().checks == checks:
                await game.next_delta()
            statistics = game.statistics()
            assert (statistics.resumes, game.rejoins, statistics.checksum_failures) == (0, 0, 0)
