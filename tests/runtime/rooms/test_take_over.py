"""A second sign-in: the newer connection gets the seat, the player and all that it has."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from clients.errors import ConnectionLost
from clients.game_client import GameClient
from clients.joining import open_game
from gameserver import Settings
from gameserver.protocol.frames import masked_frame
from gameserver.protocol.messages import CommandMessage, Delta, Welcome
from gameserver.runtime.net.link import Link
from gameserver.runtime.rooms.resumption import Showing
from gameserver.runtime.serving import open_server
from tests.support.resumable_lobby import HoldingField, ResumableLobby, resumable_lobby, until_known
from tests.support.small_game import RawClient, Step
from tests.support.sockets import PATIENCE_S

ELSEWHERE = (4012, "signed in elsewhere")


async def signed_in(host: ResumableLobby, client: RawClient, **hello: Any) -> Welcome:
    """Join as ``ann``, whose identity is her token here."""
    return await client.joined(**{"token": "account-17", **hello})


async def step_acknowledged(client: RawClient, seq: int) -> Delta:
    """Send a command, and return the delta that acknowledges it."""
    await client.step(seq)
    while (delta := await client.next_of(Delta)).ack != seq:
        pass
    return delta


async def lost(game: GameClient) -> tuple[int, str]:
    """Play until the connection ends, and return close code and reason."""
    with trio.fail_after(PATIENCE_S):
        while True:
            try:
                await game.next_delta()
            except ConnectionLost as end:
                return end.code, end.reason


async def test_the_newer_connection_gets_the_player(autojump_clock: MockClock) -> None:
    async with (
        resumable_lobby() as host,
        host.client() as (first, _),
        host.client() as (second, _s),
    ):
        older = await signed_in(host, first)
        await step_acknowledged(first, 7)
        player = host.room.players[1]
        pawn, player.data = player.entity, "what the game keeps"
        newer = await signed_in(host, second, name="another name")
        assert await first.closed() == ELSEWHERE
        assert (newer.seat, newer.own_entity) == (older.seat, older.own_entity)
        assert host.room.players == {1: player}
        assert (player.entity, player.data, player.name) == (pawn, "what the game keeps", "ann")
        assert host.room.told == ["ann joins", "ann drops", "ann resumes"]
        # The newcomer knows nothing, and its commands begin anew.
        assert (newer.resumed, newer.ack) == (False, 0)
        seen = await second.next_of(Delta)
        assert (seen.leaves, seen.ack, seen.enters) == (None, 0, [1, 0, 8, 0])
        assert seen.own == [1, 1, 1, 0]
        assert (await step_acknowledged(second, 1)).sets == []
        assert (pawn.x, host.seated(1).commands.duplicate) == (2.0, 0)
        # The seat is free, once, when the newer one leaves.
        await second.ws.aclose(1000)
        await wait_all_tasks_blocked()
        assert host.room.told[3:] == ["ann leaves: left"]
        assert (host.lobby.rooms[0][1].room.players, len(host.lobby.resumption)) == ({}, 0)
        assert host.roster.seats_taken == 0


async def test_a_held_seat_is_taken_over_too(autojump_clock: MockClock) -> None:
    async with resumable_lobby() as host:
        await host.leave_behind(token="account-17")
        player = host.room.players[1]
        async with host.client() as (second, _):
            welcome = await signed_in(host, second)
            assert (welcome.seat, welcome.resumed, host.held) == (1, False, 0)
            assert host.room.players == {1: player}
            assert player.connected
            await step_acknowledged(second, 1)
        assert host.room.told[:3] == ["ann joins", "ann drops", "ann resumes"]
        assert host.shown() == {}


async def test_waiting_commands_of_the_older_connection_are_dropped(
    autojump_clock: MockClock,
) -> None:
    async with (
        resumable_lobby() as host,
        host.client() as (first, _),
        host.client() as (second, _s),
    ):
        await signed_in(host, first)
        await first.next_of(Delta)
        player = host.room.players[1]
        seated = host.seated(1)
        seated.commands.take(9, Step(1))
        host.roster.take_over(host.member(1), host.links[1], lambda *_: None)  # type: ignore[arg-type]
        await trio.sleep(0.2)
        assert (player.entity.x, seated.commands.dropped) == (0.0, 1)
        assert await first.closed() == ELSEWHERE
        assert second.bye is None


def a_step(seq: int) -> bytes:
    return CommandMessage(seq=seq, tick=0, rendered=0, acked=0, kind=0, values=[1]).encode()


@pytest.mark.parametrize("path", ["fast path", "task"])
async def test_messages_of_the_older_connection_are_ignored(
    autojump_clock: MockClock, path: str
) -> None:
    """Its last messages may be read before its task notices the end: at this very tick."""
    async with resumable_lobby() as host, host.client() as (first, _), host.client():
        await signed_in(host, first)
        await first.next_of(Delta)
        await wait_all_tasks_blocked()
        seated, link = host.seated(1), host.links[0]
        if path == "task":
            scanner = link.receive_buffer._scanner
            assert scanner is not None
            scanner._message_ends.append(scanner.foreign_bytes)
            host.sessions[0]._ws._begun._send_channel.send_nowait(a_step(9))
        host.roster.take_over(host.member(1), host.links[1], lambda *_: None)  # type: ignore[arg-type]
        if path == "fast path":
            link.receive_buffer.take_in(masked_frame(a_step(9)))
        assert await first.closed() == ELSEWHERE
        seated.commands.take(1, Step(1))
        await trio.sleep(0.2)
        assert (seated.player.entity.x, seated.commands.duplicate) == (1.0, 0)


async def test_a_session_taken_over_during_its_welcome_starts_no_deltas(
    autojump_clock: MockClock,
) -> None:
    async with resumable_lobby() as host, host.client() as (first, _), host.client():
        link, other = host.links
        link.clear = False  # so it takes its time
        send_all = link.send_all

        async def send_and_be_taken_over(data: Any) -> None:
            await send_all(data)
            if 1 in host.room.players:
                link.send_all = send_all  # type: ignore[method-assign]
                host.roster.take_over(host.member(1), other, lambda *_: None)  # type: ignore[arg-type]

        link.send_all = send_and_be_taken_over  # type: ignore[method-assign]
        await first.hello(token="account-17")
        posted: list[bytes] = []
        other.post = lambda frame: bool(posted.append(frame)) or True  # type: ignore[method-assign]
        assert await first.closed() == ELSEWHERE
        await trio.sleep(0.2)
        assert posted == []
        host.roster.start_deltas(host.member(1))
        await trio.sleep(0.2)
        assert posted


async def test_an_identity_is_found_in_every_room_of_the_kind(
    autojump_clock: MockClock,
) -> None:
    """The game returns the identity only after a seat in another room was reserved."""
    async with (
        resumable_lobby() as host,
        host.client() as (bob, _),
        host.client() as (eve, _),
        host.client() as (ann, _),
    ):
        await bob.joined(name="bob")
        await signed_in(host, ann)
        await eve.joined(name="eve")  # the room is full
        async with host.client() as (second, _s):
            welcome = await signed_in(host, second, room="field")
            assert await ann.closed() == ELSEWHERE
            assert (welcome.room, welcome.seat) == ("field/1", 2)
            assert [p.name for p in host.room.players.values()] == ["bob", "ann", "eve"]
            taken = {task.label: task.roster.seats_taken for _, task in host.lobby.rooms}
            assert taken == {"field/1": 3, "field/2": 0}
            async with host.client() as (third, _t):  # that very room: another seat of its own
                assert (await signed_in(host, third, room="field/2")).room == "field/2"
                await step_acknowledged(second, 1)


async def test_the_seat_reserved_before_a_take_over_is_released(autojump_clock: MockClock) -> None:
    async with (
        resumable_lobby() as host,
        host.client() as (first, _),
        host.client() as (second, _s),
    ):
        await signed_in(host, first)
        await signed_in(host, second)  # seat 2 was reserved for it
        await first.closed()
        await wait_all_tasks_blocked()
        assert host.roster.seats_taken == 1


async def test_a_kicked_player_is_not_taken_over(autojump_clock: MockClock) -> None:
    async with (
        resumable_lobby() as host,
        host.client() as (first, _),
        host.client() as (second, _s),
    ):
        await signed_in(host, first)
        await first.next_of(Delta)
        host.room.players[1].kick("enough")
        assert host.lobby.find_playing(host.lobby.request("field"), "account-17") is None
        assert await first.closed() == (4010, "enough")
        await signed_in(host, second)
        assert host.room.told == ["ann joins", "ann leaves: enough", "ann joins"]


class Grumpy(HoldingField):
    second_sign_in = "refuse"


async def test_a_room_that_refuses_second_sign_ins_gives_a_held_seat_back(
    autojump_clock: MockClock,
) -> None:
    async with resumable_lobby(Grumpy) as host:
        await host.leave_behind(token="account-17")
        async with host.client() as (second, _), host.client() as (third, _t):
            assert (await signed_in(host, second)).seat == 1
            await third.hello(token="account-17")
            assert await third.closed() == (4007, "you play here already")
            assert host.room.told == ["ann joins", "ann drops", "ann resumes"]
            await step_acknowledged(second, 1)


async def test_a_client_that_reconnects_by_itself_does_not_take_the_seat_back(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with resumable_lobby() as host:
        host.lead_here(monkeypatch)
        async with open_game("ws://test/", name="ann", token="account-17") as older:
            await until_known(older)
            host.cut()
            async with host.client() as (second, _):
                await signed_in(host, second)
                assert await lost(older) == ELSEWHERE
                assert host.shown() == {Showing.SIGNED_IN_ELSEWHERE: 1}
                await step_acknowledged(second, 1)


async def test_python_clients_over_real_sockets() -> None:
    with trio.fail_after(PATIENCE_S):
        async with open_server({"field": HoldingField}, Settings(port=0)) as server:
            url = f"ws://127.0.0.1:{server.port}/"
            async with open_game(url, name="ann", token="account-17") as older:
                for _ in range(3):
                    await older.send(Step(1))
                while older.replica.ack < 3:
                    await older.next_delta()
                task = server.lobby.rooms[0][1]
                room = task.room
                assert isinstance(room, HoldingField)
                player = room.players[1]
                assert isinstance(task.stepper.seated[1].seat.sink, Link)
                async with open_game(url, name="ann", token="account-17") as newer:
                    assert await lost(older) == ELSEWHERE
                    assert (newer.seat, newer.replica.own_entity) == (1, 1)
                    assert await newer.send(Step(1)) == 1
                    while newer.replica.ack < 1:
                        await newer.next_delta()
                    assert newer.replica.own is not None
                    assert newer.replica.own.x == 4.0
                    assert room.players == {1: player}
    assert room.told == ["ann joins", "ann drops", "ann resumes", "ann leaves: left"]
