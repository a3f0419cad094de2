"""Which room a client gets: options, filters, locked and private rooms, rooms that refuse."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from typing import Any

import pytest
import trio
import trio_websocket
from trio.testing import MockClock

from gameserver import Joining, JoinRefused
from gameserver.protocol.messages import Bye, Welcome
from gameserver.runtime.rooms.open_rooms import SWEEP_EVERY_S
from gameserver.runtime.rooms.room_list import RoomList
from gameserver.runtime.sessions.entrance import MAX_ROOMS_TRIED
from tests.support.matched_game import Match, Mode, Options, Strict
from tests.support.resumable_lobby import HoldingField, ResumableLobby, resumable_lobby


async def label_of(host: ResumableLobby, stack: Any, **hello: Any) -> str:
    """Join, stay, and return the room."""
    client, _ = await stack.enter_async_context(host.client())
    welcome: Welcome = await client.joined(hello.pop("name", "ann"), **hello)
    return welcome.room


async def bye_of(host: ResumableLobby, **hello: Any) -> Bye:
    async with host.client() as (client, _):
        await client.hello(hello.pop("name", "ann"), **hello)
        return await client.next_of(Bye)


def rooms_of(host: ResumableLobby) -> dict[str, Any]:
    return {task.label: task.room for _, task in host.lobby.rooms}


# ---------------------------------------------------------------- options


async def test_a_player_has_its_options_and_the_room_those_that_it_was_made_with(
    autojump_clock: MockClock,
) -> None:
    async with resumable_lobby(Match) as host, host.client() as (ann, _), host.client() as (bob, _):
        await ann.joined("ann", options={"size": 8, "mode": "RANKED"})
        await bob.joined("bob", options={"size": 3, "mode": "RANKED"})
        (room,) = rooms_of(host).values()
        assert room.log[0] == "size 8"  # on_create knew them
        assert room.made_with == Options(size=8, mode=Mode.RANKED)
        sizes = [player.options.size for player in room.players.values()]
        assert sizes == [8, 3]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"size": 9}, "options.size: 9 is outside 2 … 8"),
        ({"nope": 1}, "options.nope: no such field; there are: mode, size, gravity, password"),
        ({"mode": "toString"}, "options.mode: 'toString' is none of CASUAL, RANKED"),
    ],
)
async def test_wrong_options_end_with_4014_and_make_no_room(
    autojump_clock: MockClock, options: dict[str, Any], reason: str
) -> None:
    async with resumable_lobby(Match) as host:
        bye = await bye_of(host, options=options)
        assert (bye.code, bye.reason[: len(reason)]) == (4014, reason)
        assert rooms_of(host) == {}


async def test_options_without_default_must_be_there(autojump_clock: MockClock) -> None:
    async with resumable_lobby(Strict) as host:
        bye = await bye_of(host)
        assert (bye.code, bye.reason) == (4014, "options.team: is missing")
        async with host.client() as (client, _):
            await client.joined(options={"team": "red"})
            assert host.room.players[1].options.team == "red"


async def test_a_room_without_options_takes_an_empty_map(autojump_clock: MockClock) -> None:
    async with resumable_lobby() as host:
        bye = await bye_of(host, options={"a": 1})
        assert (bye.code, bye.reason) == (4014, "options.a: this room has no options")
        async with host.client() as (client, _):
            await client.joined(options={}, filter={})
            assert host.room.players[1].options is None


async def test_a_resumed_player_keeps_its_options(autojump_clock: MockClock) -> None:
    async with resumable_lobby(Match) as host:
        welcome, seen = await host.leave_behind(options={"size": 8})
        async with host.client() as (client, _):
            await client.hello(resume=welcome.resume, tick=seen.tick, options={"size": 5})
            assert (await client.next_of(Welcome)).resumed
            assert host.room.players[1].options.size == 8


@pytest.mark.parametrize(
    "more",
    [
        [{f"o{i}": 1 for i in range(33)}, None, None],
        [None, {f"o{i}": 1 for i in range(9)}, None],
        [None, {"mode": [1]}, None],
        [{"size": {"a": {"b": {"c": {"d": {"e": {"f": {"g": 1}}}}}}}}, None, None],
        [[], None, None],
        [None, None, b"x"],
    ],
)
async def test_maps_beyond_the_limits_are_a_protocol_error(
    autojump_clock: MockClock, more: list[Any]
) -> None:
    async with resumable_lobby(Match) as host, host.client() as (client, _):
        await client.send([1, 2, None, "", "ann", None, None, 0, None, *more])
        with pytest.raises(trio_websocket.ConnectionClosed) as closed:
            await client.receive()
        assert closed.value.reason.code == 4000
        assert rooms_of(host) == {}


# ---------------------------------------------------------------- filters


async def test_players_meet_those_who_want_the_same(autojump_clock: MockClock) -> None:

    async with resumable_lobby(Match) as host, AsyncExitStack() as stack:
        ranked: dict[str, Any] = {"options": {"mode": "RANKED"}}
        assert await label_of(host, stack, **ranked) == "field/1"
        assert await label_of(host, stack, filter={"mode": "CASUAL"}) == "field/2"
        assert await label_of(host, stack, **ranked) == "field/1"
        assert await label_of(host, stack, filter={"mode": "RANKED"}) == "field/1"  # full now
        assert await label_of(host, stack, **ranked) == "field/3"
        assert await label_of(host, stack) == "field/2"  # any will do; the oldest
        assert await label_of(host, stack, filter={"level": "7"}) == "field/4"
        assert rooms_of(host)["field/4"].listing.level == 7


async def test_a_listing_that_the_game_changes_counts(autojump_clock: MockClock) -> None:

    async with resumable_lobby(Match) as host, AsyncExitStack() as stack:
        assert await label_of(host, stack) == "field/1"
        rooms_of(host)["field/1"].listing.level = 3
        await trio.sleep(SWEEP_EVERY_S)
        assert await label_of(host, stack, filter={"level": 3}) == "field/1"
        rooms_of(host)["field/1"].listing.level = []  # the game's bug: it is not found any more
        await trio.sleep(SWEEP_EVERY_S)
        assert await label_of(host, stack, filter={"level": 3}) == "field/2"


async def test_wrong_filters_end_with_4014(autojump_clock: MockClock) -> None:
    async with resumable_lobby(Match) as host:
        bye = await bye_of(host, filter={"title": "x"})
        assert bye.code == 4014
        assert bye.reason == "filter.title: no such filter; there are: mode, level, rated"


# ---------------------------------------------------------------- locked and private


async def test_a_locked_room_takes_no_newcomers_but_those_that_come_back(
    autojump_clock: MockClock,
) -> None:

    async with resumable_lobby() as host, AsyncExitStack() as stack:
        welcome, seen = await host.leave_behind(token="account-1")
        room = rooms_of(host)["field/1"]
        room.locked = True
        assert await label_of(host, stack) == "field/2"
        bye = await bye_of(host, room="field/1")
        assert (bye.code, bye.reason) == (4007, "field/1 is locked")
        client, _ = await stack.enter_async_context(host.client())
        await client.hello(resume=welcome.resume, tick=seen.tick, room="field/1")
        assert (await client.next_of(Welcome)).resumed
        room.locked = False
        await trio.sleep(SWEEP_EVERY_S)
        assert await label_of(host, stack) == "field/1"


async def test_a_private_room_is_joined_by_name_only(autojump_clock: MockClock) -> None:

    async with resumable_lobby() as host, AsyncExitStack() as stack:
        assert await label_of(host, stack, room="field/mine") == "field/mine"
        rooms_of(host)["field/mine"].private = True
        assert await label_of(host, stack) == "field/1"
        assert await label_of(host, stack, room="field/mine") == "field/mine"
        answer = json.loads(RoomList(host.lobby).respond("", 0.0).body)
        assert [room["name"] for room in answer["rooms"]] == ["field/1"]
        assert answer["kinds"] == {"field": {"rooms": 2, "players": 3}}


async def test_the_list_shows_listings(autojump_clock: MockClock) -> None:

    async with resumable_lobby(Match) as host, AsyncExitStack() as stack:
        await label_of(host, stack, filter={"mode": "RANKED"})
        (room,) = json.loads(RoomList(host.lobby).respond("", 0.0).body)["rooms"]
        assert room["locked"] is False
        assert room["listing"] == {
            "mode": "RANKED",
            "title": "hosted by ann",
            "level": 0,
            "rated": False,
        }
        rooms_of(host)["field/1"].listing.title = 3
        (room,) = json.loads(RoomList(host.lobby).respond("", 0.0).body)["rooms"]
        assert room["listing"] == {}


# ---------------------------------------------------------------- rooms that refuse


async def test_a_room_with_a_password_does_not_poison_quick_match(
    autojump_clock: MockClock,
) -> None:
    """Its host has left, and nobody knows the password."""

    async with resumable_lobby(Match) as host, AsyncExitStack() as stack:
        secret = {"password": "secret"}
        async with host.client() as (client, _):
            await client.joined("host", options=secret)
        assert await label_of(host, stack) == "field/2"
        assert await label_of(host, stack) == "field/2"
        assert await label_of(host, stack, options=secret) == "field/1"
        bye = await bye_of(host, room="field/1")
        assert (bye.code, bye.reason) == (4007, "wrong password")


class Grim(HoldingField):
    """Lets nobody in but its friends; counts how often it was asked."""

    asked = 0

    async def on_auth(self, joining: Joining) -> str | None:
        type(self).asked += 1
        await trio.sleep(1)
        if joining.token != "friend":
            raise JoinRefused(4321, "not you")
        return None


async def test_the_rooms_that_may_refuse_are_few_and_the_new_one_closes_at_once(
    autojump_clock: MockClock,
) -> None:

    async with resumable_lobby(Grim, rooms_per_s=100.0) as host, AsyncExitStack() as stack:
        for number in range(MAX_ROOMS_TRIED + 2):
            await label_of(host, stack, room=f"field/{number}", token="friend")
        Grim.asked = 0
        bye = await bye_of(host)
        assert (bye.code, bye.reason) == (4321, "not you")
        assert Grim.asked == MAX_ROOMS_TRIED + 1
        assert len(rooms_of(host)) == MAX_ROOMS_TRIED + 2
        bye = await bye_of(host, room="field/mine")
        assert bye.code == 4321
        assert len(rooms_of(host)) == MAX_ROOMS_TRIED + 2


async def test_where_no_new_room_can_be_made_the_refusal_is_told(
    autojump_clock: MockClock,
) -> None:

    async with resumable_lobby(Grim, max_rooms=1) as host, AsyncExitStack() as stack:
        await label_of(host, stack, token="friend")
        bye = await bye_of(host)
        assert (bye.code, bye.reason) == (4321, "not you")
