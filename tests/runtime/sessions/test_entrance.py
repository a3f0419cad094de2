"""From the hello of a connection to a seat or a refusal, over memory streams on a mock clock."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from gameserver import Settings
from gameserver.protocol.messages import (
    Ack,
    Bye,
    Welcome,
)
from gameserver.runtime.admission.join_throttle import PER_TURN, JoinThrottle
from gameserver.runtime.sessions.entrance import AUTH_TIMEOUT_S
from tests.support.memory_session import memory_session
from tests.support.small_game import Field


async def test_a_hello_waits_for_its_turn_without_a_deadline(autojump_clock: MockClock) -> None:
    async with memory_session() as opened, trio.open_nursery() as nursery:
        join_throttle = opened.lobby.join_throttle = JoinThrottle()
        for _ in range(PER_TURN):
            await join_throttle.wait_turn()
        await opened.client.hello()
        await trio.sleep(2 * Settings().hello_deadline_s)
        assert join_throttle.waiting == 1
        assert opened.lobby.rooms == []
        nursery.start_soon(join_throttle.run)
        await opened.client.next_of(Welcome)
        nursery.cancel_scope.cancel()


async def test_the_first_message_must_be_a_hello(autojump_clock: MockClock) -> None:
    async with memory_session() as opened:
        await opened.client.send(Ack(0))
        assert await opened.client.closed() == (4000, "the first message must be hello")
        assert opened.client.bye is None


@pytest.mark.parametrize(
    ("hello", "code", "reason"),
    [
        ({"version": 1}, 4002, "this server speaks version 2 of the protocol"),
        ({"schema_hash": "0" * 16}, 4003, "the game has changed: reload the client"),
        ({"room": "nowhere"}, 4004, "no such room: nowhere"),
        ({"room": "Field"}, 4004, "a room is kind or kind/name"),
        ({"room": "field/a/b"}, 4004, "a room is kind or kind/name"),
        ({"name": ""}, 4006, "a name is 1 to 24 characters that can be seen"),
        ({"name": " ann"}, 4006, "a name is"),
        ({"name": "a\x1b[2J"}, 4006, "a name is"),
        ({"token": "wrong"}, 4007, "that token is not good"),
        ({"token": "odd code"}, 4007, "a code that no one may send"),
        ({"token": "bug"}, 1011, "the game failed to sign you in"),
        ({"token": "odd"}, 1011, "the game failed to sign you in"),
        ({"name": "join-bug"}, 1011, "the game failed to let you in"),
    ],
)
async def test_a_refused_hello_gets_bye_and_close(
    autojump_clock: MockClock, hello: dict[str, Any], code: int, reason: str
) -> None:
    async with memory_session() as opened:
        await opened.client.hello(**hello)
        got, text = await opened.client.closed()
        assert got == code
        assert text is not None
        assert text.startswith(reason)
        assert opened.client.bye == Bye(code, text, None)
        await opened.over.wait()
        assert opened.counters.refusals == {code: 1}
        assert all(not task.room.players for _, task in opened.lobby.rooms)


async def test_the_right_schema_hash_is_accepted(autojump_clock: MockClock) -> None:
    async with memory_session() as opened:
        await opened.client.hello(schema_hash=Field.schema().hash)
        assert isinstance(await opened.client.receive(), Welcome)


async def test_the_refusal_of_a_full_room_says_when_to_retry(autojump_clock: MockClock) -> None:
    async with memory_session() as opened:
        with (
            opened.lobby.reserve(opened.lobby.request("field/x")),
            opened.lobby.reserve(opened.lobby.request("field/x")),
            opened.lobby.reserve(opened.lobby.request("field/x")),
        ):
            await opened.client.hello(room="field/x")
            assert await opened.client.closed() == (4005, "field/x is full")
            assert opened.client.bye == Bye(4005, "field/x is full", 5.0)


async def test_a_missing_hello_ends_the_session_at_its_deadline(autojump_clock: MockClock) -> None:
    async with memory_session(hello_deadline_s=5.0) as opened:
        begun_s = trio.current_time()
        assert await opened.client.closed() == (4001, "no hello within 5 s")
        assert trio.current_time() - begun_s == pytest.approx(5.0)
        assert opened.client.bye is None  # bye is sent only after a hello


async def test_on_auth_has_a_deadline(autojump_clock: MockClock) -> None:
    async with memory_session() as opened:
        begun_s = trio.current_time()
        await opened.client.hello(token="slow")
        assert await opened.client.closed() == (1011, "signing in took too long")
        assert trio.current_time() - begun_s == pytest.approx(AUTH_TIMEOUT_S)


async def test_nobody_joins_while_the_server_stops(autojump_clock: MockClock) -> None:
    async with memory_session() as opened:
        opened.lobby.stop_joining("the server is shutting down")
        await opened.client.hello()
        assert await opened.client.closed() == (1001, "the server is shutting down")
        assert opened.client.bye is not None
