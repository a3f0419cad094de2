"""A dropped player resumes: whole sessions over memory streams, with clients by hand."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from gameserver import Player
from gameserver.protocol.held import encode_held
from gameserver.protocol.messages import Bye, CommandMessage, Delta
from gameserver.runtime.rooms.resumption import Showing
from tests.support.resumable_lobby import HoldingField, back, resumable_lobby
from tests.support.small_game import Step

# ---------------------------------------------------------------- the seat


async def test_a_dropped_player_comes_back_to_the_same_seat(autojump_clock: MockClock) -> None:
    async with resumable_lobby() as host:
        welcome, seen = await host.leave_behind()
        player = host.room.players[1]
        assert not player.connected
        assert host.held == 1
        pawn = player.entity
        pawn.x = 3.0
        async with host.client() as (client, _):
            again = await back(client, welcome, seen)
            assert (again.resumed, again.seat, again.own_entity) == (True, 1, welcome.own_entity)
            assert again.resume != welcome.resume
            assert host.room.players[1] is player
            assert player.entity is pawn
            assert host.held == 0
            delta = await client.next_of(Delta)
            # The difference, not a full state; its owner fields anew.
            assert (delta.leaves, delta.enters, delta.sets) == ([], [], [1, 1, 24])
            assert delta.own == [1, 1, 1, 0]
            assert host.room.told == ["ann joins", "ann drops", "ann resumes"]
        assert host.shown() == {Showing.RESUMED: 1}


async def test_a_client_that_tells_nothing_held_gets_a_full_state(
    autojump_clock: MockClock,
) -> None:
    async with resumable_lobby() as host:
        welcome, _ = await host.leave_behind()
        async with host.client() as (client, _stream):
            assert (await back(client, welcome, None)).resumed
            delta = await client.next_of(Delta)
            assert (delta.leaves, delta.enters) == (None, [1, 0, 0, 0])


async def test_a_lie_about_what_is_held_harms_only_the_liar(autojump_clock: MockClock) -> None:
    async with resumable_lobby() as host:
        welcome, seen = await host.leave_behind()
        async with host.client() as (client, _):
            assert (await back(client, welcome, seen, held=encode_held([7, 9]))).resumed
            delta = await client.next_of(Delta)
            assert sorted(delta.leaves or []) == [7, 9]
            assert delta.enters == [1, 0, 0, 0]


async def test_a_tick_of_the_future_is_an_error_and_costs_no_seat(
    autojump_clock: MockClock,
) -> None:
    async with resumable_lobby() as host:
        welcome, seen = await host.leave_behind()
        async with host.client() as (client, _):
            await client.hello(resume=welcome.resume, tick=10**6, held=b"")
            assert (await client.closed())[0] == 4000
        async with host.client() as (client, _):
            assert (await back(client, welcome, seen)).resumed


async def test_a_player_who_returns_too_late_has_left(autojump_clock: MockClock) -> None:
    async with resumable_lobby() as host:
        welcome, seen = await host.leave_behind()
        await trio.sleep(HoldingField.hold_s - 1)
        assert 1 in host.room.players
        await trio.sleep(1.1)
        assert host.room.players == {}
        assert host.held == 0
        assert host.room.told[-1] == "ann leaves: did not come back"
        async with host.client() as (client, _):
            late = await back(client, welcome, seen)
            assert not late.resumed
            assert (await client.next_of(Delta)).leaves is None
        assert host.shown() == {Showing.OVER: 1}


async def test_the_seat_of_a_full_room_is_kept(autojump_clock: MockClock) -> None:
    async with resumable_lobby() as host:
        welcome, seen = await host.leave_behind()
        async with host.client() as (bob, _), host.client() as (eve, _), host.client() as (max_, _):
            await bob.joined(name="bob", room="field/1")
            await eve.joined(name="eve", room="field/1")
            await max_.hello(name="max", room="field/1")
            assert (await max_.closed())[0] == 4005
            async with host.client() as (client, _):
                assert (await back(client, welcome, seen)).seat == 1


async def test_a_crowd_of_newcomers_keeps_no_player_from_returning(
    autojump_clock: MockClock,
) -> None:
    async with resumable_lobby(joins_per_s=2.0) as host:
        welcome, seen = await host.leave_behind()
        codes = []

        async def come(number: int) -> None:
            async with host.client() as (client, _):
                await client.hello(name=f"new {number}", room="field/1")
                answer = await client.receive()
                codes.append(answer.code if isinstance(answer, Bye) else None)

        async with trio.open_nursery() as nursery:
            for number in range(10):
                nursery.start_soon(come, number)
            await wait_all_tasks_blocked()
            async with host.client() as (client, _):
                assert (await back(client, welcome, seen)).resumed
        assert set(codes) == {None, 4005}


async def test_newcomers_join_one_after_the_other(autojump_clock: MockClock) -> None:
    async with resumable_lobby(joins_per_s=4.0) as host:
        begun_s = trio.current_time()
        came_s = []
        all_came = trio.Event()

        async def come(number: int) -> None:
            async with host.client() as (client, _):
                await client.joined(name=f"new {number}")
                came_s.append(trio.current_time() - begun_s)
                if len(came_s) == 3:
                    all_came.set()
                await all_came.wait()

        async with trio.open_nursery() as nursery:
            for number in range(3):
                nursery.start_soon(come, number)
        assert came_s == pytest.approx([0.0, 0.25, 0.5], abs=0.01)


async def test_a_player_who_closes_normally_leaves_at_once(autojump_clock: MockClock) -> None:
    async with resumable_lobby() as host:
        async with host.client() as (client, _):
            welcome = await client.joined()
            await client.ws.aclose(1000)
            await wait_all_tasks_blocked()
            assert host.room.told == ["ann joins", "ann leaves: left"]
            assert len(host.lobby.resumption) == 0
        async with host.client() as (client, _):
            assert not (await back(client, welcome, None)).resumed


@pytest.mark.parametrize(("code", "held"), [(1001, 1), (1005, 0), (4000, 0)])
async def test_the_close_code_of_the_peer_decides_whether_the_seat_is_held(
    autojump_clock: MockClock, code: int, held: int
) -> None:
    async with resumable_lobby() as host, host.client() as (client, _):
        await client.joined()
        await trio.sleep(0.1)  # a ping frame is answered by then
        await client.ws.aclose(code if code != 1005 else None)  # type: ignore[arg-type]
        await wait_all_tasks_blocked()
        assert host.held == held


async def test_a_kicked_player_cannot_resume(autojump_clock: MockClock) -> None:
    async with resumable_lobby() as host:
        async with host.client() as (client, _):
            welcome = await client.joined(name="kick-me")
            await client.step(1)
            assert (await client.closed())[0] == 4010
        assert host.held == 0
        async with host.client() as (client, _):
            assert not (await back(client, welcome, None)).resumed


async def test_a_held_player_who_is_kicked_leaves(autojump_clock: MockClock) -> None:
    async with resumable_lobby() as host:
        welcome, seen = await host.leave_behind()
        host.room.players[1].kick("asleep")
        await trio.sleep(0.1)
        async with host.client() as (client, _):
            assert not (await back(client, welcome, seen)).resumed
        assert "ann leaves: asleep" in host.room.told


async def test_after_three_unanswered_pings_the_seat_is_held(autojump_clock: MockClock) -> None:
    async with resumable_lobby() as host, host.client() as (client, stream):
        welcome = await client.joined()
        await trio.sleep(0.1)  # a ping frame is answered by then
        stream.muted = True
        await trio.sleep(12)
        assert host.held == 1
        async with host.client() as (anew, _):
            assert (await back(anew, welcome, None)).resumed


async def test_a_client_that_never_answered_a_ping_leaves(autojump_clock: MockClock) -> None:
    async with resumable_lobby() as host:
        async with host.client() as (client, stream):
            welcome = await client.joined()
            stream.muted = True  # else the pong is there as soon as the ping
        await wait_all_tasks_blocked()
        assert (host.held, len(host.lobby.resumption)) == (0, 0)
        assert host.room.told == ["ann joins", "ann leaves: connection lost"]
        async with host.client() as (client, _):
            assert not (await back(client, welcome, None)).resumed
        assert host.shown() == {Showing.OVER: 1}


async def test_a_client_that_is_cut_before_its_pong_may_resume_again(
    autojump_clock: MockClock,
) -> None:
    async with resumable_lobby() as host:
        welcome, seen = await host.leave_behind()
        async with host.client() as (client, stream):
            again = await back(client, welcome, seen)
            stream.muted = True
        await wait_all_tasks_blocked()
        assert host.held == 1
        async with host.client() as (client, _):
            assert (await back(client, again, seen)).resumed


async def test_nothing_is_published_to_a_held_seat(autojump_clock: MockClock) -> None:
    async with resumable_lobby() as host:
        await host.leave_behind()
        publisher = host.lobby.rooms[0][1].publisher
        before = publisher.statistics.deltas
        host.room.players[1].entity.x = 5.0
        host.room.say("is anybody there?")
        await trio.sleep(2)
        assert publisher.statistics.deltas == before


# ---------------------------------------------------------------- rooms and servers that end


async def test_held_players_leave_when_the_server_stops(autojump_clock: MockClock) -> None:
    async with resumable_lobby() as host:
        await host.leave_behind()
        room = host.room
        host.lobby.stop_joining("the server stops")
        await host.lobby.close_all()
        assert room.told[-1] == "ann leaves: the room is closed"
        assert room.log == ["start", "stop"]
        assert (host.held, len(host.lobby.resumption)) == (0, 0)


async def test_no_seat_is_held_once_the_server_stops(autojump_clock: MockClock) -> None:
    async with resumable_lobby() as host:
        async with host.client() as (client, _):
            await client.joined()
            host.lobby.stop_joining("the server stops")
        await wait_all_tasks_blocked()
        assert host.room.told[-1] == "ann leaves: connection lost"


async def test_held_players_leave_a_room_that_fails(autojump_clock: MockClock) -> None:
    async with resumable_lobby() as host:
        welcome, seen = await host.leave_behind()
        room = host.room
        room.log.append("tick-bug")
        await trio.sleep(0.1)
        assert room.told[-1] == "ann leaves: the room failed in tick"
        async with host.client() as (client, _):
            assert not (await back(client, welcome, seen)).resumed


class Fleeting(HoldingField):
    hold_s = 0.0


async def test_a_room_may_hold_no_seats(autojump_clock: MockClock) -> None:
    async with resumable_lobby(Fleeting) as host:
        welcome, seen = await host.leave_behind()
        assert host.room.told == ["ann joins", "ann leaves: connection lost"]
        async with host.client() as (client, _):
            assert not (await back(client, welcome, seen)).resumed


class Blocking(HoldingField):
    """Its hook blocks the server for as long as a seat is held."""

    clock: MockClock

    def tick(self) -> None:
        if "block" in self.log:
            self.log.remove("block")
            self.clock.jump(self.hold_s)


async def test_time_for_which_the_server_is_blocked_does_not_count(
    autojump_clock: MockClock,
) -> None:
    async with resumable_lobby(Blocking) as host:
        welcome, seen = await host.leave_behind()
        Blocking.clock = autojump_clock
        host.room.log.append("block")
        await trio.sleep(Blocking.hold_s + 1)
        async with host.client() as (client, _):
            assert (await back(client, welcome, seen)).resumed
        await trio.sleep(Blocking.hold_s - 1)
        assert 1 in host.room.players
        await trio.sleep(2)
        assert host.room.players == {}


async def test_two_connections_of_a_player_never_count_the_same(
    autojump_clock: MockClock,
) -> None:
    async with resumable_lobby() as host, host.client() as (old, _):
        welcome = await old.joined()
        async with host.client() as (new, _new):
            await back(new, welcome, None)
            await wait_all_tasks_blocked()  # the older one is at its end, which may take seconds
            for _ in range(2):
                await new.step(5)
            await trio.sleep(0.2)
            counts = [session.tally().commands_duplicate for session in host.sessions]
            assert counts == [0, 1]


class Clumsy(HoldingField):
    def on_drop(self, player: Player) -> None:
        raise ZeroDivisionError("a bug in on_drop")

    def on_resume(self, player: Player) -> None:
        raise ZeroDivisionError("a bug in on_resume")


async def test_hooks_that_raise_harm_no_other_player(autojump_clock: MockClock) -> None:
    async with resumable_lobby(Clumsy) as host, host.client() as (bob, _):
        await bob.joined(name="bob")
        welcome, _ = await host.leave_behind()
        async with host.client() as (client, _):
            await client.hello(resume=welcome.resume, tick=0, held=None)
            assert (await client.closed())[0] == 1011
        assert host.held == 1
        await bob.next_of(Delta)


class Timed(HoldingField):
    input = Step
    idle = "repeat"
    idle_repeat_ticks = 10


class Startled(Timed):
    def on_idle(self, player: Player) -> Step:
        raise ZeroDivisionError("a bug in on_idle")


async def test_a_held_player_leaves_when_a_hook_fails_on_it(
    autojump_clock: MockClock,
) -> None:
    """Otherwise the hook would fail at every tick of the hold, with a traceback each time."""
    async with resumable_lobby(Startled) as host:
        async with host.client() as (client, _):
            await client.joined()
            first = await client.next_of(Delta)
            await client.send(CommandMessage(1, first.tick + 2, 0, 0, 0, [1]))
            while (await client.next_of(Delta)).ack != 1:
                pass
        await trio.sleep(5)
        assert host.lobby.rooms[0][1].hooks.failures == 1
        assert host.room.told[1:] == ["ann drops", "ann leaves: the game failed on you"]
        assert (host.held, len(host.lobby.resumption)) == (0, 0)


async def test_one_address_has_a_bounded_number_of_held_seats(autojump_clock: MockClock) -> None:
    async with resumable_lobby(max_connections_per_address=2) as host:
        for name in ("ann", "bob", "eve"):
            await host.leave_behind(name)
        assert (host.held, host.lobby.hold_quota.refused) == (2, 1)
        assert host.room.told[-1] == "eve leaves: connection lost"


# ---------------------------------------------------------------- commands


async def test_no_command_is_applied_twice(autojump_clock: MockClock) -> None:
    async with resumable_lobby() as host:
        async with host.client() as (client, _):
            welcome = await client.joined()
            for seq in (1, 2, 3):
                await client.step(seq)
            while (await client.next_of(Delta)).ack != 3:
                pass
        await wait_all_tasks_blocked()
        async with host.client() as (client, _):
            again = await back(client, welcome, None)
            assert again.ack == 3
            for seq in (2, 3, 4, 5):
                await client.step(seq)
            while (await client.next_of(Delta)).ack != 5:
                pass
        assert host.room.players[1].entity.x == 5.0
        assert host.seated(1).commands.duplicate == 2


async def test_inputs_of_a_dropped_player_are_not_repeated(autojump_clock: MockClock) -> None:
    async with resumable_lobby(Timed) as host:
        async with host.client() as (client, _):
            await client.joined()
            first = await client.next_of(Delta)
            await client.send(CommandMessage(1, first.tick + 2, 0, 0, 0, [1]))
            while (await client.next_of(Delta)).ack != 1:
                pass
        await wait_all_tasks_blocked()
        host.room.steps.clear()
        await trio.sleep(1)
        assert len(host.room.steps) >= 19
        assert set(host.room.steps) == {0}
