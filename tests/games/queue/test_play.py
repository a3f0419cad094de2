"""Matchmaking over real sockets: on one server, and with matches on another node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import trio

from clients import GameClient, open_game
from clients.lab.profiles import profiles_of
from clients.lab.proxy import Endpoint, open_proxy
from gameserver import Player, Room, Settings, entity, open_server, synced
from gameserver.games.queue import Avoid, Place, Queue, Size, Skill
from gameserver.runtime.server import Server
from tests.support.clusters import (
    labels,
    membership_of,
    memory_directory,
    open_nodes,
    owned_by,
    url_of,
)
from tests.support.sockets import PATIENCE_S


class Pairs(Queue):
    """A queue with a quick tick, so that the test is quick."""

    tick_rate = 50
    rules = (Size(2), Skill(100), Avoid())
    match_kind = "duel"
    told: list[tuple[str, int]]

    def on_create(self) -> None:
        super().on_create()
        self.told = []

    def on_drop(self, player: Player[Place]) -> None:
        super().on_drop(player)
        self.told.append((f"{player.name} drops", len(self._matcher)))

    def on_resume(self, player: Player[Place]) -> None:
        super().on_resume(player)
        self.told.append((f"{player.name} resumes", len(self._matcher)))


class Trios(Queue):
    tick_rate = 50
    rules = (Size(3),)
    match_kind = "duel"


@entity
class Piece:
    name: str = synced("")


class Duel(Room):
    max_players = 4
    classes = (Piece,)

    def on_join(self, player: Player) -> None:
        player.entity = self.spawn(Piece(player.name), owner=player)


KINDS: Mapping[str, type[Room]] = {"pairs": Pairs, "trios": Trios, "duel": Duel}


async def reach(game: GameClient, kind: str) -> str:
    """Wait until a player is in a room of this kind, and return the room."""
    with trio.fail_after(PATIENCE_S):
        while not game.room.startswith(f"{kind}/"):
            await game.next_state()
    return game.room


async def reach_place(game: GameClient, number: int) -> Any:
    """Wait until a player sees that it has this place in line."""
    with trio.fail_after(PATIENCE_S):
        while game.replica.own is None or game.replica.own.place != number:
            await game.next_delta()
    place = game.replica.own
    assert place is not None
    return place


async def test_two_players_wait_and_meet_in_a_room_of_their_own() -> None:
    async with open_server(KINDS, Settings(port=0)) as server:
        url = url_of(server)
        async with open_game(url, room="pairs/main", name="ann", options={"rank": 10}) as ann:
            place = await reach_place(ann, 1)
            assert (place.status, place.parties, place.size) == ("WAITING", 1, 1)
            async with open_game(url, room="pairs/main", name="bob", options={"rank": 50}) as bob:
                rooms = {await reach(game, "duel") for game in (ann, bob)}
                assert len(rooms) == 1
                assert labels(server) == {"pairs/main", *rooms}
                await ann.next_delta()


async def test_a_party_meets_a_third_player_on_another_node() -> None:
    """The queue and its players are on the first node, so the match is made on the other one."""
    async with open_nodes(2, memory_directory(), KINDS) as (a, b):
        await owned_by(a, "trios/main")
        party = {"party": "friends", "party_size": 2}
        async with (
            open_game(url_of(b), room="trios/main", name="ann", options=party) as ann,
            open_game(url_of(a), room="trios/main", name="bob", options=party) as bob,
        ):
            await membership_of(a).renew()
            await membership_of(b).renew()
            async with open_game(url_of(b), room="trios/main", name="cid") as cid:
                rooms = {await reach(game, "duel") for game in (ann, bob, cid)}
                assert len(rooms) == 1
                assert (labels(a), labels(b)) == ({"trios/main"}, rooms)
                assert (a.players, b.players) == (0, 3)


async def test_players_wait_in_front_where_the_room_of_a_match_cannot_be_made() -> None:
    settings = Settings(port=0, max_rooms=1)
    async with open_server(KINDS, settings) as server:
        url = url_of(server)
        async with (
            open_game(url, room="pairs/main", name="zoe", options={"rank": 900}) as zoe,
            open_game(url, room="pairs/main", name="ann") as ann,
            open_game(url, room="pairs/main", name="bob") as bob,
        ):
            await reach_place(zoe, 3)
            assert {(await reach_place(ann, 1)).place, (await reach_place(bob, 2)).place} == {1, 2}
            assert {game.room for game in (zoe, ann, bob)} == {"pairs/main"}


async def test_one_who_loses_the_connection_comes_back_to_its_place() -> None:
    settings = Settings(port=0, ping_interval_s=0.05)
    (profile,) = profiles_of("0ms")
    async with (
        open_server(KINDS, settings) as server,
        open_proxy(
            profile,
            listen=Endpoint("127.0.0.1", 0),
            to=Endpoint("127.0.0.1", server.port),
            seed="queue",
        ) as (proxy, port),
        open_game(f"ws://127.0.0.1:{port}", room="pairs/main", name="ann") as ann,
        open_game(url_of(server), room="pairs/main", name="zoe", options={"rank": 900}) as zoe,
    ):
        await reach_place(ann, 1)
        await reach_place(zoe, 2)
        await until_welcomed(server, zoe)
        proxy.cut()
        [(_, task)] = server.lobby.rooms
        with trio.fail_after(PATIENCE_S):
            while len(told := task.room.told) < 2:  # type: ignore[attr-defined]
                await zoe.next_delta()
        assert told == [("ann drops", 1), ("ann resumes", 2)]
        with trio.fail_after(PATIENCE_S):
            while not ann.statistics().resumes:
                await ann.next_delta()
        await reach_place(ann, 1)
        await reach_place(zoe, 2)


async def until_welcomed(server: Server, game: GameClient) -> None:
    """Wait until every player has answered a ping: only then is its seat held."""
    members = [m for _, task in server.lobby.rooms for m in task.roster._members.values()]
    with trio.fail_after(PATIENCE_S):
        while not all(member.resume_state.welcomed for member in members):
            await game.next_delta()
