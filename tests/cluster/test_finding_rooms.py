"""Options, listings and filters, private and locked rooms: the same on all nodes.

Two nodes of one host; two hosts with a directory in memory; two hosts with a directory on Redis.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest

from clients import open_game
from clients.errors import Refused
from gameserver import Joining, JoinRefused, Player, Room, Server
from gameserver.cluster.directory.addresses import read_address
from gameserver.cluster.directory.redis import open_redis_directory
from tests.support.clusters import (
    LEASE_S,
    membership_of,
    memory_directory,
    open_nodes,
    owned_by,
    url_of,
)
from tests.support.matched_game import Listing, Mode, Options
from tests.support.node_host import node_host
from tests.support.redis_server import RedisServer, redis_server
from tests.support.small_game import Pawn


class Match(Room):
    """A password, if its first player chose one, makes a room private."""

    max_players = 8
    options, listing = Options, Listing
    filter_by = ("mode", "level", "rated")
    classes = (Pawn,)

    def on_create(self) -> None:
        self.private = self.made_with.password != ""

    async def on_auth(self, joining: Joining) -> str | None:
        if joining.options.password != self.made_with.password:
            raise JoinRefused(4007, "wrong password")
        return None

    def on_join(self, player: Player) -> None:
        player.entity = self.spawn(Pawn(0.0, 0.0), owner=player)
        self.listing.title = f"hosted by {player.name}"

    def on_say(self, player: Player, text: str) -> str | None:
        self.locked = text == "lock"
        return None


KINDS: Mapping[str, type[Room]] = {"match": Match}


@attrs.frozen
class Site:
    """Two nodes: how to give a room to one of them, and how to have both list their rooms."""

    servers: list[Server]
    give: Callable[[int, str], Awaitable[None]]
    list_rooms: Callable[[], Awaitable[None]]

    @property
    def urls(self) -> tuple[str, str]:
        one, other = map(url_of, self.servers)
        return one, other

    def room(self, index: int, label: str) -> Match:
        room = {task.label: task.room for _, task in self.servers[index].lobby.rooms}[label]
        assert isinstance(room, Match)
        return room


@contextlib.asynccontextmanager
async def on_one_host(folder: Path) -> AsyncIterator[Site]:
    async with node_host(folder, kinds=KINDS) as host:

        async def list_rooms() -> None:
            for each in host.nodes:
                await each.node._renew()

        yield Site(host.servers, host.give, list_rooms)


@contextlib.asynccontextmanager
async def on_two_hosts(redis: RedisServer | None) -> AsyncIterator[Site]:
    """Share a directory on ``redis``, or in memory where there is none."""
    async with contextlib.AsyncExitStack() as stack:
        if redis is None:
            directory: Any = memory_directory()
        else:
            address = read_address(redis.url)
            redis.settle(address.base)
            opening = open_redis_directory(address, lease_s=LEASE_S, call_timeout_s=LEASE_S)
            directory = await stack.enter_async_context(opening)
        servers = await stack.enter_async_context(open_nodes(2, directory, KINDS))

        async def give(index: int, label: str) -> None:
            await owned_by(servers[index], label)

        async def list_rooms() -> None:
            for each in servers:
                await membership_of(each).renew()

        yield Site(servers, give, list_rooms)


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture(params=["host", "memory", pytest.param("redis", marks=pytest.mark.long)])
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    match request.param:
        case "host":
            opening = on_one_host(tmp_path)
        case "memory":
            opening = on_two_hosts(None)
        case _:
            opening = on_two_hosts(request.getfixturevalue("redis"))
    async with opening as made:
        yield made


async def test_a_filter_finds_the_room_on_the_other_node(site: Site) -> None:
    await site.give(1, "match/ranked")
    one, other = site.urls
    ranked = {"mode": "RANKED"}
    async with open_game(other, room="match/ranked", name="ann", options=ranked):
        site.room(1, "match/ranked").listing.mode = Mode.RANKED
        await site.list_rooms()
        asked: list[dict[str, Any]] = [
            {"room": "match?mode=RANKED"},
            {"room": "match", "options": ranked},  # an option of the same name is a filter
            {"room": "match", "filters": ranked},
        ]
        for each in asked:
            async with open_game(one, name="bob", **each) as bob:
                assert bob.room == "match/ranked"
        async with open_game(one, room="match", name="cid", filters={"mode": "CASUAL"}) as cid:
            assert cid.room != "match/ranked"
        async with open_game(one, room="match", name="dan", filters={"level": 3}) as dan:
            assert dan.room not in ("match/ranked", cid.room)


async def test_the_values_of_a_listing_may_change(site: Site) -> None:
    await site.give(1, "match/x")
    one, other = site.urls
    rated = {"level": 7, "rated": True}
    async with open_game(other, room="match/x", name="ann"):
        site.room(1, "match/x").listing.level = 7
        site.room(1, "match/x").listing.rated = True
        await site.list_rooms()
        async with open_game(one, room="match", name="bob", filters=rated) as bob:
            assert bob.room == "match/x"


async def test_a_private_room_is_found_by_its_name_only(site: Site) -> None:
    await site.give(1, "match/den")
    one, other = site.urls
    secret = {"password": "swordfish"}
    async with open_game(other, room="match/den", name="ann", options=secret):
        await site.list_rooms()
        async with open_game(one, room="match", name="bob") as bob:
            assert bob.room != "match/den"
        async with open_game(one, room="match/den", name="cid", options=secret) as cid:
            assert cid.room == "match/den"
        with pytest.raises(Refused, match="wrong password"):
            async with open_game(one, room="match/den", name="eve", options={"password": "x"}):
                pass
        assert "match/den" not in site.servers[1].own_rooms("").body.decode()
        totals = json.loads(site.servers[1].own_rooms("").body)["kinds"]["match"]
        assert totals["rooms"] == 1


async def test_a_locked_room_takes_nobody_from_the_other_node(site: Site) -> None:
    await site.give(1, "match/x")
    one, other = site.urls
    async with open_game(other, room="match/x", name="ann"):
        site.room(1, "match/x").locked = True
        await site.list_rooms()
        async with open_game(one, room="match", name="bob") as bob:
            assert bob.room != "match/x"
        with pytest.raises(Refused, match="match/x is locked"):
            async with open_game(one, room="match/x", name="eve"):
                pass
        site.room(1, "match/x").locked = False
        await site.list_rooms()
        async with open_game(one, room="match/x", name="cid") as cid:
            assert cid.room == "match/x"


async def test_the_options_of_the_first_player_make_the_room_wherever_it_is(site: Site) -> None:
    await site.give(1, "match/x")
    one, _ = site.urls
    async with open_game(one, room="match/x", name="ann", options={"size": 2, "mode": "RANKED"}):
        room = site.room(1, "match/x")
        assert (room.made_with.size, room.listing.mode) == (2, Mode.RANKED)
        assert room.listing.title == "hosted by ann"


@pytest.mark.parametrize(
    ("asked", "code", "told"),
    [
        ({"options": {"size": 99}}, 4014, "options.size"),
        ({"filters": {"colour": "red"}}, 4014, "filter.colour"),
        ({"filters": {"mode": "BEST"}}, 4014, "filter.mode"),
    ],
)
async def test_wrong_options_are_told_by_any_node(
    site: Site, asked: dict[str, Any], code: int, told: str
) -> None:
    await site.give(1, "match/x")
    with pytest.raises(Refused, match=told) as refused:
        async with open_game(site.urls[0], room="match/x", name="eve", **asked):
            pass
    assert refused.value.code == code
    assert not site.servers[1].lobby.rooms, "nothing was made"
