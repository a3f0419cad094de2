"""Clients that come back to a recovered room before it reaches the ticks that they have seen."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from clients.joining import open_game
from gameserver.protocol.messages import CommandMessage, Delta
from tests.support.durable_field import SECRET, Fort, write_at_once
from tests.support.resumable_lobby import back, resumable_lobby, until_known
from tests.support.small_game import Step


@pytest.fixture(autouse=True)
def no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    write_at_once(monkeypatch)


async def test_the_python_client_plays_on_from_an_earlier_tick(
    tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    async with resumable_lobby(Fort, data=before, secret=SECRET) as host:
        host.lead_here(monkeypatch)
        async with open_game("ws://test/", room="field/1", name="ann") as game:
            await until_known(game)
            await game.send(Step(1))
            while game.replica.tick < 40:
                await game.next_delta()
            shutil.copytree(before, after)  # as a crash at this moment would leave it
            for _ in range(20):
                await game.send(Step(1))
                await game.next_delta()
            seen, seat = game.replica.tick, game.seat
            async with resumable_lobby(Fort, data=after, secret=SECRET) as second:
                await second.lobby.durable.recover()
                second.lead_here(monkeypatch)
                host.cut()
                await wait_all_tasks_blocked()
                assert not game.connected
                # It comes back at once.
                while game.statistics().resumes == 0 or game.replica.tick < 0:
                    await game.next_delta()
                assert game.replica.tick < seen
                assert game.seat == seat
                newest = await game.send(Step(-1))
                while game.replica.ack < newest:
                    await game.next_delta()
                await trio.sleep(6)  # a check is due
                counts = game.statistics()
                assert (counts.resumes, counts.rejoins, counts.resyncs) == (1, 0, 0)
                assert counts.checks > 0
                assert counts.checksum_failures == 0
                # The others were acknowledged in ticks that are undone.
                assert second.room.steps == [1, -1]


async def test_an_acknowledgement_of_an_undone_tick_ends_nothing(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    async with resumable_lobby(Fort, data=before, secret=SECRET) as host:
        welcome, seen = await host.leave_behind("ann", room="field/1")
        shutil.copytree(before, after)
    async with resumable_lobby(Fort, data=after, secret=SECRET) as second:
        await second.lobby.durable.recover()
        async with second.client() as (client, _):
            answer = await back(client, welcome, seen, room="field/1", tick=seen.tick + 100)
            assert answer.resumed
            command = CommandMessage(
                seq=1, tick=0, rendered=0, acked=answer.tick + 90, kind=0, values=[1]
            )
            await client.send(command)
            assert (await client.next_of(Delta)).leaves is None
            while (await client.next_of(Delta)).ack == 0:
                pass


async def test_a_client_learns_that_a_room_which_was_slowed_is_no_longer(
    tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    async with resumable_lobby(Fort, data=before, secret=SECRET) as host:
        host.lead_here(monkeypatch)
        async with open_game("ws://test/", room="field/1", name="ann") as game:
            await until_known(game)
            task = host.lobby.rooms[0][1]
            while task.can_give and task.pace.share == 1.0:
                task.demand(task.given_up + 1)
            while game.clock.pace == 1.0:
                await game.next_delta()
            await trio.sleep(1)
            shutil.copytree(before, after)
            async with resumable_lobby(Fort, data=after, secret=SECRET) as second:
                await second.lobby.durable.recover()
                second.lead_here(monkeypatch)
                host.cut()
                while game.statistics().resumes == 0 or game.replica.tick < 0:
                    await game.next_delta()
                await trio.sleep(1)
                assert game.clock.pace == 1.0
