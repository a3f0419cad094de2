"""Seats on another node of the host: matches of a queue, and players whom a game moves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import trio

from clients import GameClient, open_game
from gameserver import Room
from gameserver.errors import JoinRefused
from gameserver.games.queue import Queue, Size
from gameserver.protocol.messages import Moved
from gameserver.runtime.rooms.party import Guest, Party
from tests.support.clusters import url_of
from tests.support.node_host import node_host
from tests.support.small_game import Field, open_url
from tests.support.sockets import PATIENCE_S


class Pairs(Queue):
    tick_rate = 50
    rules = (Size(2),)
    match_kind = "field"


class Away(Pairs):
    """A queue whose matches are all in one room."""

    def room_for(self, match: object) -> str:
        return "field/final"


KINDS: Mapping[str, type[Room]] = {"pairs": Pairs, "away": Away, "field": Field}


async def reach_match(game: GameClient) -> str:
    with trio.fail_after(PATIENCE_S):
        while not game.room.startswith("field/"):
            await game.next_state()
    return game.room


async def test_a_match_is_made_on_another_node_and_all_are_moved_there(tmp_path: Path) -> None:
    async with node_host(tmp_path, kinds=KINDS) as host:
        await host.give(0, "away/main")
        await host.give(1, "field/final")
        one, other = map(url_of, host.servers)
        async with (
            open_game(one, room="away/main", name="ann") as ann,
            open_game(other, room="away/main", name="bob") as bob,
        ):
            assert {await reach_match(game) for game in (ann, bob)} == {"field/final"}
            assert [server.players for server in host.servers] == [0, 2]


async def test_each_match_gets_a_room_of_its_own_on_some_node(tmp_path: Path) -> None:
    async with node_host(tmp_path, kinds=KINDS) as host:
        await host.give(0, "pairs/main")
        urls = [url_of(server) for server in host.servers]
        rooms: list[str] = []
        everybody, over = trio.Event(), trio.Event()

        async def play(number: int) -> None:
            async with open_game(urls[number % 2], room="pairs/main", name=f"p{number}") as game:
                rooms.append(await reach_match(game))
                if len(rooms) == 8:
                    everybody.set()
                await over.wait()

        async with trio.open_nursery() as nursery:
            for number in range(8):
                nursery.start_soon(play, number)
            with trio.fail_after(PATIENCE_S):
                await everybody.wait()
            assert sorted(map(rooms.count, set(rooms))) == [2, 2, 2, 2]
            over.set()


async def test_a_client_that_missed_its_move_hears_of_it_again(tmp_path: Path) -> None:
    async with node_host(tmp_path, kinds=KINDS) as host:
        await host.give(0, "away/main")
        await host.give(1, "field/final")
        url = url_of(host.servers[0])
        async with open_url(url) as ann, open_url(url) as bob:
            welcome = await ann.joined(room="away/main")
            await bob.joined(room="away/main", name="bob")
            moved = await ann.next_of(Moved)
            assert (moved.url, moved.room) == ("", "field/final")
        async with open_url(url) as again:
            await again.hello(room="away/main", resume=welcome.resume, tick=0, held=None)
            assert await again.next_of(Moved) == moved
        async with open_url(url) as there:
            assert (await there.joined(room=moved.room, ticket=moved.ticket)).room == moved.room
            async with open_url(url) as thief:
                await thief.hello(room=moved.room, ticket=moved.ticket)
                assert await thief.closed() == (4007, "the ticket was used before")


async def test_a_refusal_of_another_node_arrives_as_it_is(tmp_path: Path) -> None:
    async with node_host(tmp_path, kinds=KINDS) as host:
        await host.give(1, "field/x")
        party = Party("field/x", (Guest(),) * 1000)
        with pytest.raises(JoinRefused, match="fewer than 1000 seats") as refused:
            await host.nodes[0].node.reserve(party)
        assert refused.value.code == 4005


async def test_a_node_that_does_not_answer_reserves_nothing(tmp_path: Path) -> None:
    async with node_host(tmp_path, kinds=KINDS) as host:
        await host.give(1, "field/x")
        host.folder.node(1).unlink()
        with pytest.raises(JoinRefused, match="does not answer") as refused:
            await host.nodes[0].node.reserve(Party("field/x", (Guest(),)))
        assert refused.value.retry_after_s is not None
