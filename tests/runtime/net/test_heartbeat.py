"""Ping frames to links that take what they are given; the clock is a mock."""

from __future__ import annotations

from itertools import pairwise

import pytest
import structlog
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from gameserver.protocol.latency import Latency
from gameserver.runtime.net.heartbeat import (
    GRAIN_S,
    IDLE_INTERVALS,
    KNOWN_PONGS,
    MAX_UNANSWERED,
    MOST_SHARE,
    PAYLOAD_BYTES,
    Beat,
    Heartbeat,
)

INTERVAL_S = 2.0


class FakeLink:
    """Takes frames, and keeps the payloads of the pings that they are."""

    def __init__(self) -> None:
        self.clear = True
        self.pings: list[bytes] = []

    def post(self, frame: bytes) -> bool:
        assert frame[:2] == bytes((0x89, PAYLOAD_BYTES))
        self.pings.append(frame[2:])
        return True


class FakePoller:
    def __init__(self) -> None:
        self.calls: list[str] = []

    def watch(self, _: object) -> None:
        self.calls.append("watch")

    def unwatch(self, _: object) -> None:
        self.calls.append("unwatch")


class Peer:
    """A link that is pinged, and what became of it."""

    def __init__(self, heartbeat: Heartbeat) -> None:
        self.link = FakeLink()
        self.answers: list[Latency] = []
        self.silent_s: list[float] = []
        self.newest_seq = 0
        self.beat: Beat = heartbeat.add(
            self.link,  # type: ignore[arg-type]
            lambda: self.newest_seq,
            self.answers.append,
            lambda: self.silent_s.append(trio.current_time()),
        )

    def pong(self, number: int) -> None:
        self.beat.pong(self.link.pings[number])


@pytest.fixture
def poller() -> FakePoller:
    return FakePoller()


@pytest.fixture
def heartbeat(poller: FakePoller, nursery: trio.Nursery) -> Heartbeat:
    made = Heartbeat(INTERVAL_S, poller)  # type: ignore[arg-type]
    nursery.start_soon(made.run)
    return made


async def test_three_unanswered_pings_end_it_once(
    autojump_clock: MockClock, heartbeat: Heartbeat
) -> None:
    begun_s = trio.current_time()
    peer = Peer(heartbeat)
    await trio.sleep(30)
    assert len(peer.link.pings) == MAX_UNANSWERED
    (silent_s,) = peer.silent_s
    assert MAX_UNANSWERED * INTERVAL_S <= silent_s - begun_s <= MAX_UNANSWERED * INTERVAL_S + 0.5


async def test_an_answer_is_a_measurement_and_starts_the_count_anew(
    autojump_clock: MockClock, heartbeat: Heartbeat
) -> None:
    peer = Peer(heartbeat)
    await trio.sleep(0.25)
    for number in range(5):
        peer.pong(number)
        peer.newest_seq += 1
        await trio.sleep(INTERVAL_S)
    # Pings are a little later each time, by what the task sleeps between two looks.
    assert [a.rtt_s for a in peer.answers] == pytest.approx([0.25] * 5, abs=5 * GRAIN_S)
    assert peer.answers[-1].count == 5
    assert peer.silent_s == []


async def test_a_pong_settles_older_pings_too(
    autojump_clock: MockClock, heartbeat: Heartbeat
) -> None:
    peer = Peer(heartbeat)
    await trio.sleep(INTERVAL_S + 2 * GRAIN_S)
    assert peer.beat.unanswered == 2
    peer.pong(1)
    assert peer.beat.unanswered == 0
    assert len(peer.answers) == 1
    peer.pong(0)
    assert len(peer.answers) == 1, "an answer to what is settled is no measurement"


async def test_a_late_pong_leaves_newer_pings_open(
    autojump_clock: MockClock, heartbeat: Heartbeat
) -> None:
    peer = Peer(heartbeat)
    await trio.sleep(INTERVAL_S + 2 * GRAIN_S)
    peer.pong(0)
    assert peer.beat.unanswered == 1
    rtt_s = peer.answers[0].rtt_s
    assert rtt_s is not None
    assert rtt_s > INTERVAL_S


async def test_pongs_that_answer_nothing_are_ignored(
    autojump_clock: MockClock, heartbeat: Heartbeat
) -> None:
    peer, other = Peer(heartbeat), Peer(heartbeat)
    await trio.sleep(2 * GRAIN_S)
    for payload in (b"", bytes(PAYLOAD_BYTES), other.link.pings[0]):
        peer.beat.pong(payload)
    assert peer.answers == []
    assert len({*peer.link.pings, *other.link.pings}) == 2, "nobody can answer in advance"


async def test_a_link_is_watched_while_a_pong_is_awaited(
    autojump_clock: MockClock, heartbeat: Heartbeat, poller: FakePoller
) -> None:
    peer = Peer(heartbeat)
    await trio.sleep(2 * GRAIN_S)
    assert poller.calls == ["watch"]
    peer.pong(0)
    assert poller.calls == ["watch", "unwatch"]


async def test_a_link_that_is_not_clear_counts_as_unanswered(
    autojump_clock: MockClock, heartbeat: Heartbeat
) -> None:
    peer = Peer(heartbeat)
    peer.link.clear = False
    await trio.sleep(4 * INTERVAL_S)
    assert peer.link.pings == []
    assert len(peer.silent_s) == 1


async def test_a_removed_link_is_left_alone(
    autojump_clock: MockClock, heartbeat: Heartbeat
) -> None:
    peer, other = Peer(heartbeat), Peer(heartbeat)
    await trio.sleep(2 * GRAIN_S)
    heartbeat.remove(peer.beat)
    await trio.sleep(20)
    assert len(peer.link.pings) == 1
    assert peer.silent_s == []
    assert len(other.silent_s) == 1
    assert not heartbeat._active


async def become_idle(peer: Peer) -> None:
    """Give answers, but no commands, until the peer is idle."""
    await trio.sleep(GRAIN_S / 2)
    for number in range(KNOWN_PONGS):
        peer.pong(number)
        await trio.sleep(INTERVAL_S + GRAIN_S)
    assert len(peer.link.pings) == KNOWN_PONGS


async def test_an_idle_peer_is_pinged_less_often(
    autojump_clock: MockClock, heartbeat: Heartbeat
) -> None:
    peer = Peer(heartbeat)
    await become_idle(peer)
    await trio.sleep(IDLE_INTERVALS * INTERVAL_S - 2 * GRAIN_S)
    assert len(peer.link.pings) == KNOWN_PONGS
    await trio.sleep(3 * GRAIN_S)
    assert len(peer.link.pings) == KNOWN_PONGS + 1


async def test_an_active_peer_is_pinged_at_every_interval(
    autojump_clock: MockClock, heartbeat: Heartbeat
) -> None:
    peer = Peer(heartbeat)
    await become_idle(peer)
    await trio.sleep(IDLE_INTERVALS * INTERVAL_S)
    for number in range(KNOWN_PONGS, KNOWN_PONGS + 4):
        assert len(peer.link.pings) == number + 1
        peer.pong(number)
        peer.newest_seq += 1
        await trio.sleep(INTERVAL_S + GRAIN_S)


async def test_an_idle_peer_that_falls_silent_is_found_by_pings_at_every_interval(
    autojump_clock: MockClock, heartbeat: Heartbeat
) -> None:
    peer = Peer(heartbeat)
    await become_idle(peer)
    begun_s = trio.current_time()
    await trio.sleep(30)
    (silent_s,) = peer.silent_s
    waited_s = (IDLE_INTERVALS + MAX_UNANSWERED) * INTERVAL_S
    assert waited_s - 1 <= silent_s - begun_s <= waited_s + 0.5


async def test_one_that_comes_later_is_pinged_at_once(
    autojump_clock: MockClock, heartbeat: Heartbeat
) -> None:
    await wait_all_tasks_blocked()
    first = Peer(heartbeat)
    await trio.sleep(1.0)
    second = Peer(heartbeat)
    await trio.sleep(2 * GRAIN_S)
    assert len(second.link.pings) == 1
    await trio.sleep(INTERVAL_S - 1.0)
    assert (len(first.link.pings), len(second.link.pings)) == (2, 1)


async def test_a_silent_peer_that_cannot_be_ended_keeps_no_other_from_its_pings(
    autojump_clock: MockClock, heartbeat: Heartbeat
) -> None:
    peer, other = Peer(heartbeat), Peer(heartbeat)
    peer.beat.on_silence = None  # type: ignore[assignment]  # a bug of ours
    with structlog.testing.capture_logs() as logs:
        await trio.sleep(30)
    assert [entry["event"] for entry in logs] == ["a silent connection could not be ended"]
    assert len(other.silent_s) == 1


# ---------------------------------------------------------------- the server itself is blocked


async def test_time_in_which_the_server_was_blocked_is_nobodys_silence(
    autojump_clock: MockClock, heartbeat: Heartbeat
) -> None:
    peer = Peer(heartbeat)
    await trio.sleep(INTERVAL_S + 2 * GRAIN_S)
    assert len(peer.link.pings) == 2
    for _ in range(20):  # the pongs lie in the socket, and are read only in between
        autojump_clock.jump(3.0)
        await trio.sleep(GRAIN_S)
    assert peer.silent_s == []
    peer.pong(-1)
    await trio.sleep(2 * INTERVAL_S)
    assert peer.silent_s == []
    await trio.sleep(2 * INTERVAL_S)
    assert len(peer.silent_s) == 1  # but a peer that stays silent is found out


async def test_a_round_trip_across_a_blocked_loop_is_not_counted(
    autojump_clock: MockClock, heartbeat: Heartbeat, poller: FakePoller
) -> None:
    peer = Peer(heartbeat)
    await trio.sleep(0.25)
    autojump_clock.jump(2.0)
    peer.pong(0)  # before anybody else has noticed that time has passed
    assert peer.answers == []
    assert peer.beat.unanswered == 0
    assert poller.calls == ["watch", "unwatch"]
    await trio.sleep(INTERVAL_S)
    assert len(peer.link.pings) == 2
    await trio.sleep(GRAIN_S)
    autojump_clock.jump(2.0)
    await trio.sleep(2 * GRAIN_S)
    peer.pong(1)  # after the heartbeat has noticed
    assert peer.answers == []
    await trio.sleep(INTERVAL_S)
    peer.pong(2)
    assert len(peer.answers) == 1
    assert peer.answers[0].rtt_s is not None
    assert peer.answers[0].rtt_s < INTERVAL_S


async def test_pings_that_are_due_together_spread_out(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    heartbeat = Heartbeat(INTERVAL_S, None)
    peers = [Peer(heartbeat) for _ in range(400)]
    nursery.start_soon(heartbeat.run)
    sent = [0]
    for _ in range(int(3 * INTERVAL_S / GRAIN_S)):
        await trio.sleep(GRAIN_S)
        for peer in peers:
            if peer.beat.unanswered:
                peer.pong(-1)
            peer.newest_seq += 1
        sent.append(sum(len(peer.link.pings) for peer in peers))
    most = MOST_SHARE * len(peers) * GRAIN_S / INTERVAL_S
    # The clock jumps exactly, so the looks and these counts alternate, or two looks come together.
    assert max(after - before for before, after in pairwise(sent)) <= 2 * most
    assert min(len(peer.link.pings) for peer in peers) >= 2
