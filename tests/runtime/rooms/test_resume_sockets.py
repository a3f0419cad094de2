"""Connections that are cut mid-game, over real sockets and through the lab's proxy."""

from __future__ import annotations

import trio

from clients.bots.arena_ship import ArenaShip
from clients.joining import open_game
from clients.lab.profiles import profiles_of
from clients.lab.proxy import Endpoint, open_proxy
from gameserver import Settings
from gameserver.games.arena.model import Play, Steer
from gameserver.games.arena.room import Arena
from gameserver.runtime.rooms.resumption import Showing
from gameserver.runtime.server import Server
from gameserver.runtime.serving import open_server
from tests.support.resumable_lobby import HoldingField, until_known
from tests.support.small_game import Step
from tests.support.sockets import PATIENCE_S

SETTINGS = Settings(port=0, ping_interval_s=0.1)
(PLAIN,) = profiles_of("0ms")
#: So many in a row are predicted exactly, with at least one change of the controls among them.
EXACT_TICKS = 32


def through(server: Server) -> Endpoint:
    return Endpoint("127.0.0.1", server.port)


async def test_no_command_is_lost_and_none_is_applied_twice() -> None:
    here = Endpoint("127.0.0.1", 0)
    with trio.fail_after(PATIENCE_S):
        async with (
            open_server({"field": HoldingField}, SETTINGS) as server,
            open_proxy(PLAIN, listen=here, to=through(server), seed="cut") as (proxy, port),
            open_game(f"ws://127.0.0.1:{port}/", name="ann") as game,
        ):
            room = server.lobby.rooms[0][1].room
            assert isinstance(room, HoldingField)
            await until_known(game)
            sent = 0
            for cuts in range(4):
                await game.next_delta()
                for _ in range(5):
                    sent += await game.send(Step(1)) > 0
                if cuts < 3:
                    proxy.cut()
                    while game.statistics().resumes <= cuts:
                        await game.next_delta()
            while game.replica.ack < sent:
                await game.next_delta()
            checks = game.statistics().checks
            while game.statistics().checks == checks:
                await game.next_delta()
            assert room.steps == [1] * sent
            assert room.players[game.seat].entity.x == sent
            assert game.replica.own is not None
            assert game.replica.own.x == sent
            assert (game.seat, game.rejoins, game.statistics().checksum_failures) == (1, 0, 0)
            assert server.figures().resumptions[Showing.RESUMED.value] + (
                server.figures().resumptions[Showing.TAKEN_OVER.value]
            ) == (3)
    assert room.told[0] == "ann joins"
    assert room.told[1:-1] == ["ann drops", "ann resumes"] * 3


async def test_a_bot_that_predicts_flies_the_same_ship_on() -> None:
    here = Endpoint("127.0.0.1", 0)
    with trio.fail_after(PATIENCE_S):
        async with (
            open_server({"arena": Arena}, SETTINGS) as server,
            open_proxy(PLAIN, listen=here, to=through(server), seed="cut") as (proxy, port),
            open_game(f"ws://127.0.0.1:{port}/", name="ann", schema=Arena.schema()) as game,
        ):
            await game.send(Play(name="ann", colour=0, bot=True))
            await until_known(game)
            while game.replica.own is None:
                await game.next_delta()
            ship = game.replica.own_entity
            play = game.steering(ArenaShip(game.replica, game.seat))
            cut_at = 0
            async for tick in play:
                await play.steer(Steer(turn=1, thrust=tick % 64 < 32))
                if play.own is not None and not cut_at:
                    cut_at = game.replica.tick
                    proxy.cut()
                if game.statistics().resumes and game.statistics().checks and play.own:
                    break
            assert game.replica.own_entity == ship
            assert game.rejoins == 0
            assert game.statistics().checksum_failures == 0
            # From the own state of a delta that came after the gap it is predicted exactly again.
            # On a busy machine an input may come late, which is corrected: then they begin anew.
            counts = play.steering.predictor.counts
            corrections, since = -1, 0
            async for tick in play:
                await play.steer(Steer(turn=1, thrust=tick % 64 < 32))
                if corrections != counts.corrections or play.own is None:
                    corrections, since = counts.corrections, game.replica.tick
                elif game.replica.tick - since > EXACT_TICKS:
                    break
