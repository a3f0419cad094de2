"""Rooms go on with other versions of their classes, while their players stay connected."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from typing import Any

import pytest
import trio

from clients import open_game
from gameserver import Room
from gameserver.protocol.closing import CloseCode
from gameserver.protocol.messages import Delta
from tests.support.resumable_lobby import ResumableLobby, back, resumable_lobby, until_known

#: The seats of the game are held for 30 s.
HOLD_AND_MORE_S = 40

GAME = """
from gameserver import Player, Room, command, entity, handles, migrates, number, synced

@entity
class Dot:
    x: int = synced(0)
    speed: int = 1

@command
class Push:
    by: int = number(0, 100)

class Game(Room[Dot]):
    tick_rate = 20
    steps: int

    def on_create(self) -> None:
        self.steps = 0

    def on_join(self, player: Player[Dot]) -> None:
        player.entity = self.spawn(Dot(), owner=player)

    def on_leave(self, player: Player[Dot], reason: str) -> None:
        self.despawn(player.entity)

    @handles
    def push(self, player: Player[Dot], command: Push) -> None:
        player.entity.x += command.by

    def tick(self) -> None:
        self.steps += 1
"""


@pytest.fixture
def version() -> Iterator[Any]:
    """Run the game's source, with something replaced, as a module that is imported anew."""
    before = sys.modules.get("replaced_game")

    def run(old: str = "", new: str = "") -> type[Room]:
        module = types.ModuleType("replaced_game")
        sys.modules["replaced_game"] = module
        assert old in GAME
        exec(GAME.replace(old, new), vars(module))
        game: type[Room] = module.Game
        return game

    yield run
    sys.modules.pop("replaced_game")
    if before is not None:
        sys.modules["replaced_game"] = before


def push(by: int, version: type[Room]) -> Any:
    return sys.modules["replaced_game"].Push(by=by)


async def until_x(game: Any, x: int) -> None:
    while game.replica.own.x != x:
        await game.next_delta()


async def test_a_changed_rule_is_in_the_running_room(
    version: Any, autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = version()
    async with resumable_lobby(first) as host:
        host.lead_here(monkeypatch)
        async with open_game("ws://test/", name="Ada") as game:
            await until_known(game)
            await game.send(push(5, first))
            await until_x(game, 5)
            steps = task(host).room.steps
            second = version("+= command.by", "+= 10 * command.by")
            assert await host.lobby.replace({"field": second}) == {}
            assert type(task(host).room) is second
            assert task(host).room.steps >= steps
            await game.send(push(1, first))
            await until_x(game, 15)
            while game.statistics().checks < 2:
                await game.next_delta()
            figures = game.statistics()
            assert (figures.resumes, figures.rejoins, figures.resyncs) == (0, 0, 0)
            assert (figures.checksum_failures, figures.deltas_refused) == (0, 0)


async def test_commands_that_the_former_room_took_are_acknowledged_once(
    version: Any, autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = version()
    async with resumable_lobby(first) as host:
        host.lead_here(monkeypatch)
        async with open_game("ws://test/", name="Ada") as game:
            await until_known(game)
            for number in range(1, 21):
                await game.send(push(1, first))
                if number % 5 == 0:
                    await host.lobby.replace(
                        {"field": version("speed: int = 1", f"speed: int = {number}")}
                    )
            await until_x(game, 20)
            assert task(host).tally().hook_failures == 0


async def test_players_and_their_tokens_stay(
    version: Any, autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with resumable_lobby(version()) as host:
        host.lead_here(monkeypatch)
        async with open_game("ws://test/", name="Ada") as game:
            await until_known(game)
            await host.lobby.replace({"field": version("speed: int = 1", "speed: int = 2")})
            await game.next_delta()
            host.cut()
            while game.statistics().resumes == 0:
                await game.next_state()
            assert (game.seat, game.rejoins) == (1, 0)
            assert host.roster.joins == 0  # nobody has joined the room since it was replaced


async def test_no_tick_is_played_twice_while_on_load_waits(
    version: Any, autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = "self.steps += 1"
    slow = f"""{counted}
        for dot in self.world.of_class(Dot):
            dot.x = self.steps

    async def on_load(self) -> None:
        await __import__("trio").sleep(0.5)
"""
    async with resumable_lobby(version(counted, slow)) as host:
        host.lead_here(monkeypatch)
        async with open_game("ws://test/", name="Ada") as game:
            await until_known(game)
            assert await host.lobby.replace({"field": version(counted, slow)}) == {}
            while game.statistics().checks < 2:
                await game.next_delta()
            figures = game.statistics()
            assert (figures.resumes, figures.resyncs, figures.deltas_refused) == (0, 0, 0)
            assert figures.checksum_failures == 0


async def test_a_held_seat_goes_on_being_held(version: Any, autojump_clock: object) -> None:
    async with resumable_lobby(version()) as host:
        welcome, seen = await host.leave_behind()
        assert host.held == 1
        await host.lobby.replace({"field": version("speed: int = 1", "speed: int = 2")})
        assert host.held == 1
        async with host.client() as (client, _):
            resumed = await back(client, welcome, seen)
            assert (resumed.seat, resumed.resumed) == (welcome.seat, True)
        await trio.sleep(HOLD_AND_MORE_S)
        assert (host.held, host.roster.seats_taken) == (0, 0)


async def test_after_a_change_of_the_schema_players_come_back_to_their_seats(
    version: Any, autojump_clock: object
) -> None:
    async with resumable_lobby(version()) as host:
        async with host.client() as (client, _):
            welcome = await client.joined()
            seen = await client.next_of(Delta)
            await trio.sleep(0.2)  # a ping frame is answered by then
            newer = version("speed: int = 1", "name: str = synced('dot')")
            assert await host.lobby.replace({"field": newer}) == {}
            assert (await client.closed())[0] == CloseCode.GOING_AWAY
        async with host.client() as (client, _):
            resumed = await back(client, welcome, seen)
            assert resumed.resumed
            assert resumed.schema != welcome.schema
            # What the client holds was read by the other schema: it gets everything anew.
            assert (await client.next_of(Delta)).leaves is None


async def test_a_room_that_cannot_go_on_begins_again(version: Any, autojump_clock: object) -> None:
    async with resumable_lobby(version()) as host:
        async with host.client() as (client, _):
            await client.joined()
            ended = await host.lobby.replace({"field": version("steps: int", "steps: str")})
            assert list(ended) == ["field/1"]
            assert "steps" in ended["field/1"]
            assert (await client.closed())[0] == CloseCode.INTERNAL_ERROR
        async with host.client() as (client, _):
            assert (await client.joined()).room == "field/1"
            assert task(host).room.steps < 10


async def test_an_empty_room_that_was_replaced_still_closes(
    version: Any, autojump_clock: object
) -> None:
    async with resumable_lobby(version(), empty_room_s=5) as host:
        async with host.client() as (client, _):
            await client.joined()
            await client.ws.aclose(1000)
        await trio.sleep(1)
        await host.lobby.replace({"field": version("speed: int = 1", "speed: int = 2")})
        assert len(host.lobby.rooms) == 1
        await trio.sleep(10)
        assert host.lobby.rooms == []


def task(host: ResumableLobby) -> Any:
    [(_, only)] = host.lobby.rooms
    return only
