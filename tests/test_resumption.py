"""What a resume token is good for, and what is got for one that is good no more."""

from __future__ import annotations

import pytest
import trio
from inn import back, inn
from trio.testing import MockClock, wait_all_tasks_blocked

from gameserver.protocol.messages import Bye, Delta, Welcome
from gameserver.runtime.rooms.resumption import REMEMBERED, Resumption, Showing


async def test_a_replayed_token_takes_nothing(autojump_clock: MockClock) -> None:
    async with inn() as i:
        welcome, seen = await i.leave_behind()
        async with i.client() as (client, _):
            await back(client, welcome, seen)
            await trio.sleep(0.2)  # its pong confirms that it has the next token
            async with i.client() as (thief, _):
                assert not (await back(thief, welcome, seen, name="eve")).resumed
            assert i.shown() == {Showing.RESUMED: 1, Showing.USED: 1}
            assert i.harbour.players[1].connected
            assert i.harbour.players[1].name == "ann"
            await client.next_of(Delta)


@pytest.mark.parametrize("token", ["", "x" * 24, "a" * 1024])
async def test_a_forged_token_is_as_good_as_none(autojump_clock: MockClock, token: str) -> None:
    async with inn() as i:
        await i.leave_behind()
        async with i.client() as (client, _):
            await client.hello(name="eve", resume=token, tick=0, held=None)
            welcome = await client.next_of(Welcome)
            assert (welcome.resumed, welcome.seat) == (False, 2)
        assert i.shown() == {Showing.UNKNOWN: 1}
        assert not i.harbour.players[1].connected


async def test_a_token_is_for_its_room_only(autojump_clock: MockClock) -> None:
    async with inn() as i:
        welcome, seen = await i.leave_behind()
        async with i.client() as (client, _):
            assert (await back(client, welcome, seen, room="field/other")).room == "field/other"
        assert i.shown() == {Showing.ELSEWHERE: 1}
        async with i.client() as (client, _):
            assert (await back(client, welcome, seen, room="field/1")).resumed


async def test_it_takes_over_from_a_connection_that_still_looks_alive(
    autojump_clock: MockClock,
) -> None:
    async with inn() as i, i.client() as (old, _):
        welcome = await old.joined()
        async with i.client() as (new, _):
            assert (await back(new, welcome, None)).resumed
            assert await old.closed() == (4012, "resumed on another connection")
            assert i.harbour.told == ["ann joins", "ann drops", "ann resumes"]
            assert i.harbour.players[1].connected
            await new.next_of(Delta)
        assert i.shown() == {Showing.TAKEN_OVER: 1}


async def test_of_two_connections_with_one_token_one_gets_the_seat(
    autojump_clock: MockClock,
) -> None:
    async with inn() as i:
        welcome, _ = await i.leave_behind()
        async with i.client() as (one, _one), i.client() as (two, _two):
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
            # The second: told to wait, or, where the first was confirmed already, a new seat.
            assert outcomes[0] is True
            assert outcomes[1] in ((4013, 1.0), False)
        assert i.harbour.told.count("ann resumes") == 1


async def test_a_welcome_that_was_lost_does_not_cost_the_seat(autojump_clock: MockClock) -> None:
    async with inn() as i:
        welcome, seen = await i.leave_behind()
        async with i.client() as (client, stream):
            stream.muted = False
            await client.hello(resume=welcome.resume, tick=seen.tick, held=b"\x01")
            stream.muted = True  # no pong comes back: for all that is known the welcome was lost
            await trio.sleep(0.1)
            async with i.client() as (early, _):
                await early.hello(resume=welcome.resume, tick=seen.tick, held=b"\x01")
                assert (await early.closed())[0] == 4013
        await wait_all_tasks_blocked()
        async with i.client() as (client, _):
            again = await back(client, welcome, seen)
            assert (again.resumed, again.seat) == (True, 1)
        assert i.shown() == {Showing.RESUMED: 2, Showing.BUSY: 1}


async def test_tokens_that_are_good_no_more_are_forgotten(autojump_clock: MockClock) -> None:
    async with inn() as i:
        async with i.client() as (client, _):
            await client.joined()
            ((_, task),), resumption = i.lobby.rooms, Resumption()
            for _ in range(REMEMBERED + 1):
                resumption.void(resumption.issue(task, task.stepper.seated[1]))
        assert (len(resumption), len(resumption._ended)) == (0, REMEMBERED)
