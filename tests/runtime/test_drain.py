"""Draining: nobody is thrown out, and no room is made, until nobody plays or the time is over."""

from __future__ import annotations

import os
import signal

import pytest
import trio

from clients.errors import Refused
from clients.joining import open_game
from gameserver import Settings
from gameserver.protocol.closing import CloseCode
from gameserver.runtime import server as runtime
from gameserver.runtime.server import Server
from gameserver.runtime.serving import open_server, serve
from tests.support.resumable_lobby import HoldingField
from tests.support.small_game import Step
from tests.support.sockets import PATIENCE_S

SETTINGS = Settings(port=0, drain_s=1000.0)


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "DRAIN_LOOK_S", 0.01)


async def test_players_play_on_and_no_room_is_made_until_nobody_plays() -> None:
    drained = trio.Event()

    async def drain(server: Server) -> None:
        await server.drain(1000.0)
        drained.set()

    with trio.fail_after(PATIENCE_S):
        async with (
            open_server({"field": HoldingField}, SETTINGS) as server,
            trio.open_nursery() as nursery,
        ):
            url = f"ws://127.0.0.1:{server.port}/"
            async with open_game(url, name="ann") as ann:
                nursery.start_soon(drain, server)
                await trio.testing.wait_all_tasks_blocked()
                await ann.send(Step(1))
                while ann.replica.ack < 1:
                    await ann.next_delta()
                with pytest.raises(Refused) as refused:
                    async with open_game(url, name="bob", room="field/other", resume=False):
                        raise AssertionError("there is no such room")
                assert refused.value.code == CloseCode.GOING_AWAY
                async with open_game(url, name="cid", room="field/1") as cid:
                    assert cid.seat == 2
                assert not drained.is_set()
            await drained.wait()


async def test_a_drain_ends_when_its_time_is_over() -> None:
    with trio.fail_after(PATIENCE_S):
        async with (
            open_server({"field": HoldingField}, SETTINGS) as server,
            open_game(f"ws://127.0.0.1:{server.port}/", name="ann") as ann,
        ):
            await server.drain(0.05)
            assert server.players == 1
            assert ann.connected


@pytest.mark.parametrize("signals", [1, 2])
async def test_sigterm_drains_and_a_second_one_stops_at_once(signals: int) -> None:
    played = trio.Event()

    async def play(server: Server) -> None:
        async with open_game(f"ws://127.0.0.1:{server.port}/", name="ann", resume=False) as ann:
            os.kill(os.getpid(), signal.SIGTERM)
            await ann.send(Step(1))
            while ann.replica.ack < 1:
                await ann.next_delta()
            played.set()
            if signals == 2:
                os.kill(os.getpid(), signal.SIGTERM)
                await trio.sleep_forever()
        await trio.sleep_forever()

    with trio.fail_after(PATIENCE_S):
        await serve({"field": HoldingField}, SETTINGS, play)
    assert played.is_set()
