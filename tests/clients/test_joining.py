"""Hello and its answers, and leaving: ``open_game`` with a scripted server."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from clients.errors import ConnectionLost, Refused
from clients.joining import OPEN_DEADLINE_S
from gameserver.errors import JoinRefused
from gameserver.protocol.closing import ClientAction
from gameserver.protocol.messages import Bye, Hello
from tests.support.scripted_server import (
    SCHEMA,
    Game,
    Server,
    dial_fixture,  # noqa: F401 - a fixture
    full,
    game_fixture,  # noqa: F401 - a fixture
    welcome,
)


async def test_the_hello_has_the_arguments_and_the_welcome_is_read(
    game: Game, autojump_clock
) -> None:
    heard: list[Hello] = []

    async def script(server: Server) -> None:
        heard.append(await server.hear(Hello))
        await server.tell(welcome(), full(11))

    options = {"room": "balls", "name": "Ada", "token": "secret", "schema": SCHEMA}
    async with game(script, **options) as client:
        applied = await client.next_delta()
        assert heard == [Hello(2, SCHEMA.hash, "balls", "Ada", "secret")]
        assert (client.room, client.seat, client.resume_token) == ("balls/1", 4, "r")
        assert applied.tick == client.replica.tick == 11
        assert client.replica.own is not None
        assert client.replica.own.x == 5
        assert client.schema is SCHEMA


@pytest.mark.parametrize("says_bye", [True, False])
async def test_a_refusal_is_join_refused(game: Game, autojump_clock, says_bye: bool) -> None:
    async def script(server: Server) -> None:
        await server.hear(Hello)
        if says_bye:
            await server.tell(Bye(4005, "full", 7.5))
        await server.ws.aclose(4005, "full")

    with pytest.raises(JoinRefused) as caught:
        async with game(script):
            pytest.fail("must not get in")
    assert isinstance(caught.value, Refused)
    assert (caught.value.code, caught.value.reason) == (4005, "full")
    assert caught.value.action is ClientAction.RESUME
    assert caught.value.retry_after_s == (7.5 if says_bye else None)


async def test_a_silent_server_is_given_up_after_the_deadline(game: Game, autojump_clock) -> None:
    async def script(server: Server) -> None:
        await server.hear(Hello)

    began_s = trio.current_time()
    with pytest.raises(ConnectionLost, match="no welcome within 10 seconds"):
        async with game(script):
            pytest.fail("must not get in")
    assert trio.current_time() - began_s == pytest.approx(OPEN_DEADLINE_S)


@pytest.mark.parametrize("first", [full(3), welcome(schema=[1]), welcome(schema=[[], []])])
async def test_a_wrong_first_message_is_a_protocol_error(
    game: Game, autojump_clock, first: Any
) -> None:
    async def script(server: Server) -> None:
        await server.hear(Hello)
        await server.tell(first)

    with pytest.raises(ConnectionLost) as caught:
        async with game(script):
            pytest.fail("must not get in")
    assert (caught.value.code, caught.value.action) == (4000, ClientAction.STOP)


async def test_an_exception_of_the_block_comes_out_as_it_is(game: Game, autojump_clock) -> None:
    with pytest.raises(ZeroDivisionError):
        async with game(Server.let_in):
            raise ZeroDivisionError


async def test_leaving_closes_normally(game: Game, autojump_clock) -> None:
    codes: list[int] = []

    async def script(server: Server) -> None:
        await server.let_in()
        codes.append(await server.closed())

    async with game(script):
        pass
    assert codes == [1000]
