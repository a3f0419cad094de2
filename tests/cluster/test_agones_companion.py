"""What a server tells Agones while players come and go, while it is stuck, and at its end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

import pytest
import trio

from clients import open_game
from gameserver import Server, Settings, open_server
from gameserver.cluster import agones
from gameserver.cluster.agones import open_sdk
from gameserver.cluster.agones_companion import AgonesCompanion, tell_end
from gameserver.config import ConfigError, load_settings
from tests.support.agones_sidecar import Sidecar, open_sidecar
from tests.support.clusters import Plain, url_of
from tests.support.sockets import PATIENCE_S, until


@asynccontextmanager
async def accompanied(
    *, refused: Collection[str] = (), **settings: object
) -> AsyncIterator[tuple[Server, Sidecar, AgonesCompanion]]:
    async with (
        open_sidecar() as sidecar,
        open_server({"plain": Plain}, Settings(port=0, **settings)) as server,
        open_sdk({agones.PORT_VARIABLE: str(sidecar.port)}) as sdk,
        trio.open_nursery() as nursery,
    ):
        sidecar.refused = refused
        companion = AgonesCompanion(server, sdk, look_s=0.01)
        nursery.start_soon(companion.run)
        with trio.fail_after(PATIENCE_S):
            await sidecar.until("/ready")
            yield server, sidecar, companion
        nursery.cancel_scope.cancel()


async def test_a_server_is_allocated_while_somebody_plays() -> None:
    async with accompanied() as (server, sidecar, _):
        async with open_game(url_of(server), room="plain", name="ann"):
            await sidecar.until("/allocate")
            async with open_game(url_of(server), room="plain", name="bob"):
                pass
        await sidecar.until("/reserve")
        async with open_game(url_of(server), room="plain", name="ann"):
            await sidecar.until("/allocate", 2)
    paths = [path for path, _ in sidecar.calls]
    assert paths[:4] == ["/ready", "/allocate", "/reserve", "/allocate"]
    assert sidecar.calls[2] == ("/reserve", {"seconds": str(int(Plain.hold_s))})


async def test_a_server_that_took_over_players_is_allocated_at_once() -> None:
    async with (
        open_sidecar() as sidecar,
        open_server({"plain": Plain}, Settings(port=0)) as server,
        open_game(url_of(server), room="plain", name="ann"),
        open_sdk({agones.PORT_VARIABLE: str(sidecar.port)}) as sdk,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(AgonesCompanion(server, sdk).run)
        with trio.fail_after(PATIENCE_S):
            await sidecar.until("/allocate")
        assert sidecar.calls == [("/allocate", {})]
        nursery.cancel_scope.cancel()


async def test_an_allocation_from_outside_waits_for_its_players() -> None:
    async with accompanied() as (_, sidecar, _companion):
        sidecar.change("Allocated")
        await sidecar.until_pings(2)
        assert sidecar.calls == [("/ready", {})]


async def test_health_is_told_only_while_rooms_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    async with accompanied() as (server, sidecar, companion):
        await sidecar.until_pings(1)
        async with open_game(url_of(server), room="plain", name="ann"):
            assert companion.ticks()
            with monkeypatch.context() as stuck:
                figures = server.lobby.loop_figures()
                stuck.setattr(server.lobby, "loop_figures", lambda: figures)
                companion.ticks()
                await until(lambda: not companion.ticks())
                pings = sidecar.pings
                await trio.sleep(1.0)  # two pings are due
                assert sidecar.pings == pings
            await sidecar.until_pings(pings + 1)


async def test_health_is_told_where_agones_refuses_to_say_how_often() -> None:
    async with accompanied(refused=["/gameserver"]) as (_, sidecar, _):
        await sidecar.until_pings(1)


async def test_the_end_that_agones_says_drains() -> None:
    async with (
        accompanied(drain_s=60.0) as (server, sidecar, _),
        open_game(url_of(server), room="plain/x", name="ann") as game,
    ):
        await sidecar.until("/allocate")
        sidecar.change("Shutdown")
        await until(lambda: server._draining)
        assert game.connected


async def test_the_process_asks_for_the_end_of_its_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_sidecar() as sidecar:
        monkeypatch.setenv(agones.PORT_VARIABLE, str(sidecar.port))
        await tell_end()
        assert sidecar.calls == [("/shutdown", {})]
        sidecar.faults = [400]
        await tell_end()


def test_agones_has_one_node_in_a_pod() -> None:
    with pytest.raises(ConfigError, match=r"^nodes: with agones each server is one node"):
        load_settings(environment={}, flags={"agones": True, "nodes": "2"})
