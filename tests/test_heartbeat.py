"""Ping frames against a peer that answers when the test says so; the clock is a mock."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import trio
import trio.testing
import trio_websocket

from gameserver.protocol.latency import Latency
from gameserver.runtime.heartbeat import MAX_UNANSWERED, Heartbeat


class FakePeer:
    """Keeps its pings in order and wakes them as trio-websocket does."""

    def __init__(self) -> None:
        self.pings: OrderedDict[bytes, trio.Event] = OrderedDict()
        self.payloads: list[bytes] = []
        self.closed = False

    async def ping(self, payload: bytes | None = None) -> None:
        if self.closed:
            raise trio_websocket.ConnectionClosed(None)
        assert payload is not None
        event = self.pings[payload] = trio.Event()
        self.payloads.append(payload)
        await event.wait()

    def pong(self, number: int) -> None:
        """Answer the ping of this number, from 0."""
        while self.pings:
            payload, event = self.pings.popitem(last=False)
            event.set()
            if payload == self.payloads[number]:
                return


async def _run(heartbeat: Heartbeat, done: trio.Event) -> None:
    await heartbeat.run_until_unanswered()
    done.set()


async def test_three_unanswered_pings_end_it(autojump_clock: trio.testing.MockClock) -> None:
    peer = FakePeer()
    begun_s = trio.current_time()
    await Heartbeat(peer, 2.0, lambda _: pytest.fail("nobody answered")).run_until_unanswered()
    assert trio.current_time() - begun_s == MAX_UNANSWERED * 2.0
    assert len(peer.payloads) == MAX_UNANSWERED


async def test_payloads_differ_and_cannot_be_guessed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    peers = FakePeer(), FakePeer()
    for peer in peers:
        await Heartbeat(peer, 2.0, lambda _: None).run_until_unanswered()
    assert len({*peers[0].payloads, *peers[1].payloads}) == 2 * MAX_UNANSWERED


async def test_each_answer_is_a_sample(mock_clock: trio.testing.MockClock) -> None:
    peer, samples, done = FakePeer(), list[Latency](), trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_run, Heartbeat(peer, 2.0, samples.append), done)
        for number in range(5):
            await trio.testing.wait_all_tasks_blocked()
            mock_clock.jump(0.25)
            peer.pong(number)
            await trio.testing.wait_all_tasks_blocked()
            assert len(samples) == number + 1
            mock_clock.jump(1.75)
        assert not done.is_set()
        nursery.cancel_scope.cancel()
    assert [s.rtt_s for s in samples] == [0.25] * 5
    assert samples[-1].smoothed_s == 0.25


async def test_a_pong_that_wakes_older_pings_is_a_sample_of_the_newest_only(
    mock_clock: trio.testing.MockClock,
) -> None:
    peer, samples, done = FakePeer(), list[Latency](), trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_run, Heartbeat(peer, 2.0, samples.append), done)
        for _ in range(2):
            await trio.testing.wait_all_tasks_blocked()
            mock_clock.jump(2.0)
        await trio.testing.wait_all_tasks_blocked()
        assert len(peer.payloads) == 3
        mock_clock.jump(0.5)
        peer.pong(2)
        await trio.testing.wait_all_tasks_blocked()
        assert [s.rtt_s for s in samples] == [0.5]
        nursery.cancel_scope.cancel()


async def test_late_answers_keep_a_slow_line_alive(mock_clock: trio.testing.MockClock) -> None:
    # A round trip of 5 s: two pings are always unanswered, never three.
    peer, samples, done = FakePeer(), list[Latency](), trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_run, Heartbeat(peer, 2.0, samples.append), done)
        await trio.testing.wait_all_tasks_blocked()
        mock_clock.jump(2.0)
        await trio.testing.wait_all_tasks_blocked()
        mock_clock.jump(2.0)
        for number in range(6):
            await trio.testing.wait_all_tasks_blocked()
            mock_clock.jump(1.0)
            peer.pong(number)
            await trio.testing.wait_all_tasks_blocked()
            mock_clock.jump(1.0)
        assert not done.is_set()
        nursery.cancel_scope.cancel()
    assert [s.rtt_s for s in samples] == [5.0] * 6


async def test_answers_start_the_count_anew(mock_clock: trio.testing.MockClock) -> None:
    peer, samples, done = FakePeer(), list[Latency](), trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_run, Heartbeat(peer, 2.0, samples.append), done)
        for _ in range(2):
            await trio.testing.wait_all_tasks_blocked()
            mock_clock.jump(2.0)
        await trio.testing.wait_all_tasks_blocked()
        peer.pong(1)  # of three; the third is still out
        for _ in range(2):
            await trio.testing.wait_all_tasks_blocked()
            assert not done.is_set()
            mock_clock.jump(2.0)
        await trio.testing.wait_all_tasks_blocked()
        assert not done.is_set()
        mock_clock.jump(2.0)
        await done.wait()


async def test_a_closed_connection_is_left_to_the_reader(
    autojump_clock: trio.testing.MockClock,
) -> None:
    peer = FakePeer()
    peer.closed = True
    await Heartbeat(peer, 2.0, lambda _: pytest.fail("closed")).run_until_unanswered()
