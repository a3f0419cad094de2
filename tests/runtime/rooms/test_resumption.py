"""Resume tokens: each is good once, for one seat; all others are refused and counted."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from gameserver.protocol.messages import Bye, Delta, Welcome
from gameserver.runtime.rooms.resumption import REMEMBERED, ResumeState, Showing
from tests.support.resumable_lobby import back, resumable_lobby
from tests.support.resume_tokens import resumption


async def test_a_replayed_token_takes_nothing(autojump_clock: MockClock) -> None:
    async with resumable_lobby() as host:
        welcome, seen = await host.leave_behind()
        async with host.client() as (client, _):
            await back(client, welcome, seen)
            await trio.sleep(0.2)  # its pong confirms that it has the next token
            async with host.client() as (thief, _):
                assert not (await back(thief, welcome, seen, name="eve")).resumed
            assert host.shown() == {Showing.RESUMED: 1, Showing.USED: 1}
            assert host.room.players[1].connected
            assert host.room.players[1].name == "ann"
            await client.next_of(Delta)


@pytest.mark.parametrize("token", ["", "x" * 24, "a" * 1024])
async def test_a_forged_token_is_as_good_as_none(autojump_clock: MockClock, token: str) -> None:
    async with resumable_lobby() as host:
        await host.leave_behind()
        async with host.client() as (client, _):
            await client.hello(name="eve", resume=token, tick=0, held=None)
            welcome = await client.next_of(Welcome)
            assert (welcome.resumed, welcome.seat) == (False, 2)
        assert host.shown() == {Showing.UNKNOWN: 1}
        assert not host.room.players[1].connected


async def test_a_token_is_for_its_room_only(autojump_clock: MockClock) -> None:
    async with resumable_lobby() as host:
        welcome, seen = await host.leave_behind()
        async with host.client() as (client, _):
            assert (await back(client, welcome, seen, room="field/other")).room == "field/other"
        assert host.shown() == {Showing.ELSEWHERE: 1}
        async with host.client() as (client, _):
            assert (await back(client, welcome, seen, room="field/1")).resumed


async def test_a_resume_takes_over_from_a_connection_that_still_looks_alive(
    autojump_clock: MockClock,
) -> None:
    async with resumable_lobby() as host, host.client() as (old, _):
        welcome = await old.joined()
        async with host.client() as (new, _):
            assert (await back(new, welcome, None)).resumed
            assert await old.closed() == (4012, "resumed on another connection")
            assert host.room.told == ["ann joins", "ann drops", "ann resumes"]
            assert host.room.players[1].connected
            await new.next_of(Delta)
        assert host.shown() == {Showing.TAKEN_OVER: 1}


async def test_only_one_of_two_connections_with_one_token_gets_the_seat(
    autojump_clock: MockClock,
) -> None:
    async with resumable_lobby() as host:
        welcome, _ = await host.leave_behind()
        async with host.client() as (one, _one), host.client() as (two, _two):
            hello = {"resume": welcome.resume, "tick": 0, "held": None}
            await one.hello(**hello)
            await two.hello(**hello)
            outcomes = []
            for client in (one, two):
                answer = await client.receive()
                if isinstance(answer, Welcome):
                    outcomes.append(answer.resumed)
                else:
                    assert isinstance(answer, Bye)
                    outcomes.append((answer.code, answer.retry_after_s))
            # The second must wait, or gets a new seat if the first has confirmed already.
            assert outcomes[0] is True
            assert outcomes[1] in ((4013, 1.0), False)
        assert host.room.told.count("ann resumes") == 1


async def test_a_lost_welcome_costs_no_seat(autojump_clock: MockClock) -> None:
    async with resumable_lobby() as host:
        welcome, seen = await host.leave_behind()
        async with host.client() as (client, stream):
            stream.muted = False
            await client.hello(resume=welcome.resume, tick=seen.tick, held=b"\x01")
            stream.muted = True  # no pong comes back, so the welcome may have been lost
            await trio.sleep(0.1)
            async with host.client() as (early, _):
                await early.hello(resume=welcome.resume, tick=seen.tick, held=b"\x01")
                assert (await early.closed())[0] == 4013
        await wait_all_tasks_blocked()
        async with host.client() as (client, _):
            again = await back(client, welcome, seen)
            assert (again.resumed, again.seat) == (True, 1)
        assert host.shown() == {Showing.RESUMED: 2, Showing.BUSY: 1}


async def test_a_bounded_number_of_ended_tokens_is_remembered(autojump_clock: MockClock) -> None:
    async with resumable_lobby() as host:
        async with host.client() as (client, _):
            await client.joined()
            tokens, member = resumption(), host.member(1)
            for _ in range(REMEMBERED + 1):
                member.resume_state = ResumeState()
                tokens.issue(member)
                tokens.void(member)
        assert (len(tokens), len(tokens._ended)) == (0, REMEMBERED)
