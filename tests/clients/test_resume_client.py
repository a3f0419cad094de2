"""The Python client reconnects by itself, or stays closed if the close code says so."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from clients.client_types import State
from clients.connection import Connection
from clients.errors import ConnectionLost
from clients.game_client import GameClient
from clients.joining import open_game
from clients.outbox import MAX_UNSETTLED
from gameserver.protocol.closing import ClientAction
from gameserver.runtime.rooms.resumption import Showing
from tests.support.resumable_lobby import HoldingField, resumable_lobby, until_known
from tests.support.small_game import MemoryLink, Pawn, Step


async def test_the_client_comes_back_by_itself(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with resumable_lobby() as host:
        host.lead_here(monkeypatch)
        async with open_game("ws://test/", room="field", name="ann") as game:
            await until_known(game)
            for _ in range(3):
                await game.send(Step(1))
            replica, seat = game.replica, game.seat
            host.cut()
            host.room.spawn(Pawn(1.0, 1.0))
            while game.statistics().resumes == 0:
                await game.next_delta()
            assert (game.seat, game.replica) == (seat, replica)
            await game.send(Step(1))
            while host.room.players[1].entity.x < 4.0:
                await game.next_delta()
            await trio.sleep(6)  # a check is due
            counts = game.statistics()
            assert (counts.resumes, counts.rejoins, counts.resyncs) == (1, 0, 0)
            assert counts.checks > 0
            assert counts.checksum_failures == 0
            assert len(replica.entities) == 2
            assert replica.own is not None
            assert replica.own.x == 4.0
            assert replica.own.secret == 0
        await wait_all_tasks_blocked()
        assert host.room.told == ["ann joins", "ann drops", "ann resumes", "ann leaves: left"]
        assert host.room.steps == [1, 1, 1, 1]


async def test_the_states_of_a_connection_that_is_lost_and_resumed(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with resumable_lobby() as host:
        host.lead_here(monkeypatch)
        async with open_game("ws://test/", room="field", name="ann") as game:
            assert game.state is State.PLAYING
            await until_known(game)
            host.cut()
            lost = await game.next_state()
            assert (lost.state, lost.code) == (State.RECONNECTING, 1006)
            assert lost.action is ClientAction.RESUME
            assert lost.retry_in_s is not None
            states = [(await game.next_state()).state for _ in range(3)]
            assert states == [State.CONNECTING, State.JOINING, State.PLAYING]
            assert game.state is State.PLAYING
        left = await game.next_state()
        assert (left.state, left.code, left.reason) == (State.CLOSED, 1000, "the player left")
        with pytest.raises(ConnectionLost):
            await game.next_state()


async def test_commands_that_were_lost_on_their_way_are_sent_again(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with resumable_lobby() as host:
        host.lead_here(monkeypatch)
        async with open_game("ws://test/", room="field", name="ann") as game:
            await until_known(game)
            lose_what_is_sent(game)
            assert [await game.send(Step(dx)) for dx in (1, -1, 1)] == [1, 2, 3]
            host.cut()
            await wait_all_tasks_blocked()
            assert not game.connected
            assert await game.send(Step(1)) == 0
            assert not await game.say("hello?")
            while not host.room.steps:
                await game.next_delta()
            assert host.room.steps == [1, -1, 1]
            assert game.statistics().commands_again == 3
            assert await game.send(Step(-1)) == 4


async def test_all_commands_that_are_sent_again_are_applied(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server receives all of them at once, even before a single tick."""
    async with resumable_lobby() as host:
        host.lead_here(monkeypatch)
        async with open_game("ws://test/", room="field", name="ann") as game:
            await until_known(game)
            lose_what_is_sent(game)
            for _ in range(MAX_UNSETTLED):
                await game.send(Step(1))
            host.cut()
            while game.replica.ack < MAX_UNSETTLED:
                await game.next_delta()
            assert len(host.room.steps) == MAX_UNSETTLED
            assert host.seated(1).commands.dropped == 0


def lose_what_is_sent(game: Any) -> None:
    """Lose all bytes that the client sends from now on."""

    async def lose(_data: Any) -> None:
        await trio.lowlevel.checkpoint()

    game._connection.stream._stream.send_all = lose


async def test_giving_up_a_slow_connection_is_not_leaving(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server resumed the seat, but its welcome takes too long; the client tries once more."""
    async with resumable_lobby(ping_interval_s=10) as host:
        host.lead_here(monkeypatch)
        async with open_game("ws://test/", room="field", name="ann") as game:
            await until_known(game)
            host.cut()
            with monkeypatch.context() as slow:
                slow.setattr(MemoryLink, "post", lambda _link, _frame: True)
                await trio.sleep(10.7)
            while game.statistics().resumes + game.rejoins == 0:
                await game.next_delta()
            assert (len(host.links), game.rejoins) == (3, 0)
            assert [told for told in host.room.told if "leaves" in told] == []


async def test_a_connection_that_breaks_while_commands_are_sent_again_costs_no_seat(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server knows by then that its welcome has come, so only the new token is valid."""
    async with resumable_lobby() as host:
        host.lead_here(monkeypatch)
        async with open_game("ws://test/", room="field", name="ann") as game:
            await until_known(game)
            lose_what_is_sent(game)
            await game.send(Step(1))
            send, sent = Connection.send, 0

            async def send_to_nobody(connection: Connection, data: bytes) -> None:
                nonlocal sent
                sent += 1
                if sent == 2:  # the first is the hello
                    await trio.sleep(1)
                    host.cut()
                await send(connection, data)

            with monkeypatch.context() as breaking:
                breaking.setattr(Connection, "send", send_to_nobody)
                host.cut()
                await trio.sleep(2)
            while game.statistics().resumes + game.rejoins < 2:
                await game.next_delta()
            assert game.rejoins == 0
            assert host.shown() == {Showing.RESUMED: 2}


async def test_after_the_window_the_client_joins_anew(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with resumable_lobby() as host:
        host.lead_here(monkeypatch)
        async with open_game("ws://test/", room="field", name="ann") as game:
            await until_known(game)
            await game.send(Step(1))
            player = host.room.players[1]
            host.cut()
            await wait_all_tasks_blocked()
            host.roster.leave(host.member(player.seat), "tired of waiting")
            while game.rejoins == 0:
                await game.next_delta()
            assert await game.send(Step(1)) == 1
            while game.replica.ack != 1:
                await game.next_delta()
            assert game.replica.own is not None
            assert game.replica.own.x == 1.0
            assert (game.statistics().resumes, game.statistics().rejoins) == (0, 1)


@pytest.mark.parametrize("moment", range(12))
async def test_leaving_in_the_moment_of_a_loss_is_leaving(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    async with resumable_lobby() as host:
        host.lead_here(monkeypatch)
        with trio.fail_after(120):  # else it comes back, and stays
            async with open_game("ws://test/", room="field", name="ann") as game:
                await until_known(game)
                host.cut()
                for _ in range(moment):
                    await trio.lowlevel.checkpoint()


async def the_end(game: GameClient) -> tuple[int, str]:
    """Play until the client says that it is over; return code and reason."""
    try:
        while True:
            await game.next_delta()
    except ConnectionLost as lost:
        return lost.code, lost.reason


@pytest.mark.parametrize("resume", [True, False])
async def test_the_client_obeys_the_close_code(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, resume: bool
) -> None:
    async with resumable_lobby() as host:
        host.lead_here(monkeypatch)
        async with open_game("ws://test/", room="field", name="ann", resume=resume) as game:
            await until_known(game)
            host.room.players[1].kick("enough")
            assert await the_end(game) == (4010, "enough")
        assert len(host.links) == 1


async def test_without_resume_the_end_is_the_end(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with resumable_lobby() as host:
        host.lead_here(monkeypatch)
        async with open_game("ws://test/", room="field", resume=False) as game:
            host.cut()
            assert (await the_end(game))[0] == 1006
            with pytest.raises(ConnectionLost):
                await game.send(Step(1))


class Wide(HoldingField):
    max_players = 200


@pytest.mark.parametrize("count", [40, pytest.param(200, marks=pytest.mark.long)])
async def test_many_at_once(
    count: int, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with resumable_lobby(Wide, joins_per_s=10_000, max_connections_per_address=500) as host:
        host.lead_here(monkeypatch)
        games: list[Any] = []
        all_in = trio.Event()

        async def play(number: int) -> None:
            async with open_game("ws://test/", room="field", name=f"p{number}") as game:
                await until_known(game)
                games.append(game)
                if len(games) == count:
                    all_in.set()
                while game.statistics().resumes == 0 or game.statistics().checks == 0:
                    await game.next_delta()

        async with trio.open_nursery() as nursery:
            for number in range(count):
                nursery.start_soon(play, number)
            await all_in.wait()
            seats = sorted(game.seat for game in games)
            for link in host.links[:count]:
                link.drop()
        assert sorted(game.seat for game in games) == seats == list(range(1, count + 1))
        assert sum(game.statistics().checksum_failures for game in games) == 0
        assert host.shown() == {Showing.RESUMED: count}
