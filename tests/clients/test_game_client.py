"""The Python client in play, against a scripted server on a memory stream."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio

from clients.client_types import State
from clients.errors import ConnectionLost
from clients.game_client import MAX_WAITING_DELTAS
from gameserver.errors import LocalProtocolError
from gameserver.protocol.closing import ClientAction
from gameserver.protocol.messages import (
    Ack,
    Bye,
    Check,
    CommandMessage,
    Desync,
    Hashes,
    HeldEntity,
    Ping,
    Pong,
    Resync,
    Said,
    Say,
    Status,
)
from tests.support.scripted_server import (
    Ball,
    Game,
    Push,
    Server,
    delta,
    dial_fixture,  # noqa: F401 - a fixture
    full,
    game_fixture,  # noqa: F401 - a fixture
    welcome,
)


async def test_commands_carry_seq_rendered_acked_and_are_checked(
    game: Game, autojump_clock
) -> None:
    heard: list[CommandMessage] = []
    done = trio.Event()

    async def script(server: Server) -> None:
        await server.let_in()
        await server.tell(full(11))
        heard.extend([await server.hear(CommandMessage) for _ in range(2)])
        done.set()

    async with game(script) as client:
        await client.next_delta()
        assert await client.send(Push(force=2)) == 1
        with pytest.raises(LocalProtocolError, match=r"Push\.force: 4 is outside"):
            await client.send(Push(force=4))
        with pytest.raises(LocalProtocolError, match="knows no command Ball"):
            await client.send(Ball())
        assert await client.send(Push(force=-1)) == 2
        await done.wait()
    assert heard == [
        CommandMessage(1, 0, 11 * 32, 11, 0, [2]),
        CommandMessage(2, 0, 11 * 32, 11, 0, [-1]),
    ]


async def test_events_come_with_their_delta_and_by_themselves(game: Game, autojump_clock) -> None:
    async def script(server: Server) -> None:
        await server.let_in()
        await server.tell(full(11), delta(12, events=[[0, 7], [0, 8]]), delta(14, events=[[0, 9]]))
        await server.ws.aclose(1000)

    async with game(script) as client:
        seen = [event_.x async for event_ in client.events()]
        assert seen == [7, 8, 9]
        by_delta = [(d.tick, [e.x for e in d.events]) async for d in client]
        assert by_delta == [(11, []), (12, [7, 8]), (14, [9])]


async def test_a_slow_reader_loses_the_oldest_items_and_they_are_counted(
    game: Game, autojump_clock
) -> None:
    async def script(server: Server) -> None:
        await server.let_in()
        await server.tell(full(11))
        for tick in range(12, 12 + MAX_WAITING_DELTAS + 2):
            await server.tell(delta(tick))
        await server.tell(Said(0, "", "done"))

    async with game(script) as client:
        assert (await client.next_text()).text == "done"
        assert client.statistics().unread_deltas == 3
        assert (await client.next_delta()).tick == 14


async def test_talk_goes_both_ways(game: Game, autojump_clock) -> None:
    async def script(server: Server) -> None:
        await server.let_in()
        said = await server.hear(Say)
        await server.tell(Said(4, "me", said.text.upper()))

    async with game(script) as client:
        await client.say("hello")
        assert await client.next_text() == Said(4, "me", "HELLO")
        for text in ("", "x" * 257):
            with pytest.raises(LocalProtocolError):
                await client.say(text)


async def test_an_ack_goes_out_a_second_after_the_last_command(game: Game, autojump_clock) -> None:
    acks: list[tuple[float, int]] = []
    done = trio.Event()
    sent_at_s = 0.0

    async def script(server: Server) -> None:
        await server.let_in()
        await server.tell(full(11))
        await server.hear(CommandMessage)
        await server.tell(delta(12))
        for _ in range(2):
            ack = await server.hear(Ack)
            acks.append((trio.current_time() - sent_at_s, ack.tick))
        done.set()

    async with game(script) as client:
        await client.next_delta()
        await trio.sleep(0.4)
        sent_at_s = trio.current_time()
        await client.send(Push())
        await done.wait()
    assert acks == [(pytest.approx(1.0), 12), (pytest.approx(2.0), 12)]


async def test_pings_measure_the_round_trip_and_the_clock(game: Game, autojump_clock) -> None:
    async def script(server: Server) -> None:
        await server.let_in(tick_rate=20)
        ping = await server.hear(Ping)
        await trio.sleep(0.1)
        await server.tell(Pong(ping.nonce + 1, ping.client_time, 0.0))  # of no ping of ours
        await server.tell(Pong(ping.nonce, ping.client_time, 101.0))
        await server.tell(Status(100_000, 90_000, 1_000, 80_000, 700, 3))
        await server.tell(Said(0, "", "done"))

    async with game(script) as client:
        assert client.server_tick() is None
        assert client.latency.rtt_s is None
        await client.next_text()
        assert client.round_trips.rtt_s == pytest.approx(0.1)
        assert client.round_trips.count == 1
        assert client.server_tick() == pytest.approx(101.0 + 0.05 * 20)
        assert client.latency.smoothed_s == pytest.approx(0.09)
        assert client.status is not None
        assert client.status.players == 3


async def test_a_checksum_that_fails_asks_once_for_a_full_state(game: Game, autojump_clock) -> None:
    resyncs: list[Resync] = []

    async def script(server: Server) -> None:
        await server.let_in()
        replica_sum = 0x12345678
        await server.tell(full(11), Check(11, replica_sum), delta(12), Check(12, replica_sum))
        assert await server.hear(Desync) == Desync(11, None)
        resyncs.append(await server.hear(Resync))
        await server.tell(full(13, x=9), Said(0, "", "done"))

    async with game(script) as client:
        await client.next_text()
        statistics = client.statistics()
        assert (statistics.checks, statistics.checksum_failures, statistics.resyncs) == (1, 1, 1)
        assert client.replica.entities[1].x == 9
        assert len(resyncs) == 1


async def test_only_one_full_state_is_asked_for_at_a_time(game: Game, autojump_clock) -> None:
    heard: list[object] = []

    async def script(server: Server) -> None:
        await server.let_in()
        await server.tell(full(11), Check(11, 1), delta(12, adds=[9, 1, 1]), Said(0, "", "a"))
        await server.hear(Desync)
        await server.hear(Resync)
        heard.append(await server.hear(Say))  # fails on a second resync
        await server.tell(full(13), Check(13, 1))
        heard.append(await server.hear(Resync))
        await server.tell(Said(0, "", "b"))

    async with game(script) as client:
        await client.next_text()
        await client.say("nothing in between")
        await client.next_text()
        assert len(heard) == 2
        assert client.statistics().resyncs == 2


async def test_a_client_that_was_corrupted_reports_what_it_holds(
    game: Game, autojump_clock
) -> None:
    reports: list[Desync] = []

    async def script(server: Server) -> None:
        await server.let_in()
        await server.tell(full(11), Check(11, 1))
        assert await server.hear(Desync) == Desync(11, None)
        await server.hear(Resync)
        await server.tell(Hashes(11, [1, 5, 7, 9]))
        reports.append(await server.hear(Desync))
        await server.tell(Hashes(10, [1, 5]), full(13), Check(13, 1))
        await server.hear(Resync)  # a connection asks for hashes once
        await server.tell(Said(0, "", "done"))

    async with game(script) as client:
        await client.next_text()
        values = client.replica.entities[1].values
        held = [HeldEntity(1, 0, values, None), HeldEntity(7, None, [], None)]
        assert reports == [Desync(11, held)]


async def test_a_check_of_another_tick_fails(game: Game, autojump_clock) -> None:
    async def script(server: Server) -> None:
        await server.let_in()
        await server.tell(delta(11, leaves=None), Check(11, 0), Check(12, 0))
        await server.hear(Resync)
        await server.tell(Said(0, "", "done"))

    async with game(script) as client:
        await client.next_text()
        assert (client.statistics().checks, client.statistics().checksum_failures) == (2, 1)


async def test_a_delta_that_does_not_fit_asks_for_a_full_state(game: Game, autojump_clock) -> None:
    async def script(server: Server) -> None:
        await server.let_in()
        await server.tell(full(11), delta(12, adds=[9, 1, 1]), delta(13), Check(13, 1))
        await server.hear(Resync)
        await server.tell(full(14, x=6))

    async with game(script) as client:
        assert [(await client.next_delta()).tick for _ in range(2)] == [11, 14]
        statistics = client.statistics()
        assert (statistics.deltas, statistics.deltas_refused, statistics.resyncs) == (2, 1, 1)
        assert statistics.checks == 0
        assert not client.replica.needs_full_state


async def test_a_second_delta_that_does_not_fit_ends_the_connection(
    game: Game, autojump_clock
) -> None:
    codes: list[int] = []

    async def script(server: Server) -> None:
        await server.let_in()
        await server.tell(full(11), delta(12, adds=[9, 1, 1]))
        await server.hear(Resync)
        await server.tell(full(13), delta(14, adds=[9, 1, 1]))
        codes.append(await server.closed())

    async with game(script) as client:
        assert [(await client.next_delta()).tick for _ in range(2)] == [11, 13]
        with pytest.raises(ConnectionLost, match="4000"):
            await client.next_delta()
        assert client.state is State.CLOSED
    assert codes == [4000]


WRONG: dict[str, Callable[[Server], Awaitable[None]]] = {
    "no msgpack": lambda server: server.ws.send_message(b"\xc1"),
    "a client's message": lambda server: server.tell(Resync()),
    "a second welcome": lambda server: server.tell(welcome()),
    "a full state that does not fit": lambda server: server.tell(delta(11, leaves=None, adds=[1])),
    "text": lambda server: server.ws.send_message("hi"),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_malformed_full_state_ends_the_connection(
    game: Game, autojump_clock, wrong: str
) -> None:
    codes: list[int] = []

    async def script(server: Server) -> None:
        await server.let_in()
        await WRONG[wrong](server)
        codes.append(await server.closed())

    async with game(script) as client:
        with pytest.raises(ConnectionLost) as caught:
            await client.next_delta()
        assert caught.value.code == (1003 if wrong == "text" else 4000)
        assert caught.value.action is ClientAction.STOP
    assert codes == [caught.value.code]


async def test_a_close_ends_every_wait_and_send(game: Game, autojump_clock) -> None:
    async def script(server: Server) -> None:
        await server.let_in()
        await server.tell(Bye(1001, "restart", 3))
        await server.ws.aclose(1001)

    async with game(script) as client:
        for waiting in (client.next_delta, client.next_text, client.events().__anext__):
            with pytest.raises(ConnectionLost) as caught:
                await waiting()
            lost = caught.value
            assert (lost.code, lost.reason, lost.retry_after_s) == (1001, "restart", 3)
            assert lost.action is ClientAction.RESUME
            assert lost.moved is None
        for sending in (client.send(Push()), client.say("x")):
            with pytest.raises(ConnectionLost):
                await sending
