"""The fast path in through real sockets: who reads, in which order, and when nobody must."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import hypothesis.strategies as st
import pytest
import structlog
import trio
from hypothesis import HealthCheck, given, settings
from trio.testing import wait_all_tasks_blocked

from gameserver.protocol.allowance import Intake
from gameserver.protocol.fast_path import MAX_FRAGMENTS
from gameserver.runtime.net import link as link_module
from gameserver.runtime.net import poller as poller_module
from gameserver.runtime.net.link import Link
from gameserver.runtime.net.poller import AVAILABLE, ENDS_PER_ROUND, WATCHED_PER_TURN, Poller
from gameserver.runtime.net.reading import read_links_in_python
from tests.support.examples import examples
from tests.support.sockets import PATIENCE_S, client_tls, server_tls, two_links
from tests.support.twins import both, name_of
from tests.support.websocket_frames import Receiver, frame, messages_only, streams

pytestmark = pytest.mark.skipif(not AVAILABLE, reason="this system has no epoll")

TEXT = frame(b"text", 0x81)


@pytest.fixture(params=both("read_links", read_links_in_python), ids=name_of, autouse=True)
def reads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poller_module, "read_links", request.param)


class Session:
    """Does with a link what a session does: an open fast path, and a task that reads the rest."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.seen: list[Any] = []
        self.pongs: list[bytes] = []
        self.foreign = b""
        self.behind = Receiver()
        self.ended = trio.Event()
        link.receive_buffer.follow_frames()
        link.receive_buffer.open_fast_path(self.seen.append, self.pongs.append)

    async def read(self) -> None:
        taken = 0
        with contextlib.suppress(trio.ClosedResourceError, trio.BrokenResourceError):
            while data := await self.link.receive_some():
                self.foreign += data
                for _ in range(self.behind.feed(data)):
                    self.seen.append(messages_only(self.behind.seen)[taken])
                    taken += 1
                    self.link.receive_buffer.message_taken()
        self.ended.set()


@pytest.fixture
async def played() -> AsyncIterator[tuple[Session, Poller, socket.socket]]:
    ours, theirs = socket.socketpair()
    poller = Poller()
    async with trio.open_nursery() as nursery:
        link = Link(ours, nursery)
        session = Session(link)
        nursery.start_soon(session.read)
        poller.add(link)
        await wait_all_tasks_blocked()
        yield session, poller, theirs
        link.drop()
        theirs.close()
        poller.close()
        nursery.cancel_scope.cancel()


async def test_a_link_is_read_at_the_tick_only(
    played: tuple[Session, Poller, socket.socket],
) -> None:
    session, poller, theirs = played
    theirs.send(frame(b"one") + frame(b"two"))
    await wait_all_tasks_blocked()
    assert session.seen == []
    poller.read_ready()
    assert session.seen == [b"one", b"two"]
    assert session.link.bytes_in == 2 * len(frame(b"one"))


async def test_a_watched_link_is_read_at_once(
    played: tuple[Session, Poller, socket.socket], nursery: trio.Nursery
) -> None:
    session, poller, theirs = played
    nursery.start_soon(poller.run)
    poller.watch(session.link)
    await wait_all_tasks_blocked()
    theirs.send(frame(b"pong", 0x8A))
    await wait_all_tasks_blocked()
    assert session.pongs == [b"pong"]
    poller.unwatch(session.link)
    theirs.send(frame(b"later"))
    await wait_all_tasks_blocked()
    assert session.seen == []
    poller.read_ready()
    assert session.seen == [b"later"]


async def test_foreign_bytes_wake_the_reader_and_order_is_kept(
    played: tuple[Session, Poller, socket.socket],
) -> None:
    session, poller, theirs = played
    theirs.send(frame(b"1") + TEXT + frame(b"2"))
    poller.read_ready()
    assert session.seen == [b"1"], "the text is still on its way, so 2 must wait behind it"
    await wait_all_tasks_blocked()
    assert session.seen == [b"1", "text", b"2"]
    assert session.foreign == TEXT + frame(b"2")
    theirs.send(frame(b"3"))
    poller.read_ready()
    assert session.seen[-1] == b"3"


async def test_the_end_reaches_the_reader(
    played: tuple[Session, Poller, socket.socket],
) -> None:
    session, poller, theirs = played
    theirs.send(frame(b"last"))
    theirs.shutdown(socket.SHUT_WR)
    poller.read_ready()
    poller.read_ready()
    await session.ended.wait()
    assert session.seen == [b"last"]
    assert len(poller) == 0, "an ended link would be reported by every poll"


async def test_connections_that_end_together_are_read_in_several_rounds() -> None:
    poller = Poller()
    pairs = [socket.socketpair() for _ in range(ENDS_PER_ROUND + 5)]
    async with trio.open_nursery() as nursery:
        for ours, _ in pairs:
            poller.add(Link(ours, nursery))
        for _, theirs in pairs:
            theirs.close()
        poller.read_ready()
        assert len(poller) == 5
        poller.read_ready()
        assert len(poller) == 0
        nursery.cancel_scope.cancel()
    poller.close()
    for ours, _ in pairs:
        ours.close()


async def test_posts_that_fail_together_are_told_in_several_rounds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gameserver.runtime.net.poller.ENDS_PER_ROUND", 2)
    poller = Poller()
    pairs = [socket.socketpair() for _ in range(5)]
    async with trio.open_nursery() as nursery:
        sessions = [Session(Link(ours, nursery)) for ours, _ in pairs]
        for session in sessions:
            nursery.start_soon(session.read)
            poller.add(session.link)
        await wait_all_tasks_blocked()
        for session, (_, theirs) in zip(sessions, pairs, strict=True):
            theirs.close()
            assert not session.link.post(b"delta")
            assert not session.link.clear
        told = []
        for _ in range(3):
            await wait_all_tasks_blocked()
            told.append(sum(session.ended.is_set() for session in sessions))
            poller.read_ready()
        await wait_all_tasks_blocked()
        told.append(sum(session.ended.is_set() for session in sessions))
        assert told == [0, 2, 4, 5]
    poller.close()
    for ours, _ in pairs:
        ours.close()


class Steps(trio.abc.Instrument):
    """How many pongs had come after each step of a task."""

    def __init__(self, pongs: list[bytes]) -> None:
        self._pongs = pongs
        self.after = [0]

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        self.after.append(len(self._pongs))


async def test_pongs_that_come_together_are_read_in_several_turns() -> None:
    poller = Poller()
    pairs = [socket.socketpair() for _ in range(2 * WATCHED_PER_TURN)]
    pongs: list[bytes] = []
    steps = Steps(pongs)
    async with trio.open_nursery() as nursery:
        for ours, theirs in pairs:
            link = Link(ours, nursery)
            link.receive_buffer.follow_frames()
            link.receive_buffer.open_fast_path(lambda _: None, pongs.append)
            poller.add(link)
            poller.watch(link)
            theirs.send(frame(b"pong", 0x8A))
        trio.lowlevel.add_instrument(steps)
        nursery.start_soon(poller.run)
        await wait_all_tasks_blocked()
        trio.lowlevel.remove_instrument(steps)
        assert len(pongs) == len(pairs)
        assert max(b - a for a, b in pairwise(steps.after)) <= WATCHED_PER_TURN
        nursery.cancel_scope.cancel()
    poller.close()
    for ours, theirs in pairs:
        ours.close()
        theirs.close()


async def test_a_reset_breaks_the_link_and_leaves_the_poller() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        theirs = socket.create_connection(server.getsockname())
        ours, _ = server.accept()
    poller = Poller()
    async with trio.open_nursery() as nursery:
        link = Link(ours, nursery)
        poller.add(link)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        theirs.close()
        with trio.fail_after(60):
            await trio.lowlevel.wait_readable(ours)
        poller.read_ready()
        assert len(poller) == 0
        assert not link.clear
        with pytest.raises(trio.BrokenResourceError):
            await link.receive_some()
        link.drop()
    poller.close()


async def test_a_dropped_link_leaves(
    played: tuple[Session, Poller, socket.socket],
) -> None:
    session, poller, _ = played
    poller.watch(session.link)
    session.link.drop()
    assert len(poller) == 0
    poller.remove(session.link)
    poller.unwatch(session.link)
    poller.read_ready()


async def test_a_reader_that_waits_in_trio_is_moved_to_the_poller() -> None:
    ours, theirs = socket.socketpair()
    poller = Poller()
    async with trio.open_nursery() as nursery:
        session = Session(Link(ours, nursery))
        nursery.start_soon(session.read)
        await wait_all_tasks_blocked()  # in Trio's own wait
        poller.add(session.link)
        theirs.send(TEXT)
        poller.read_ready()  # before Trio has polled
        await wait_all_tasks_blocked()
        assert session.seen == ["text"]
        session.link.drop()
        theirs.close()
    poller.close()


async def test_the_rest_of_a_message_in_too_many_fragments_is_dropped(
    played: tuple[Session, Poller, socket.socket],
) -> None:
    session, poller, theirs = played
    theirs.send(frame(b"", 0x02) + frame(b"", 0x00) * (MAX_FRAGMENTS - 1))
    poller.read_ready()
    assert not session.link.receive_buffer.flooded
    theirs.send(frame(b"", 0x00) + frame(b"more"))
    poller.read_ready()
    assert session.link.receive_buffer.flooded
    assert session.seen == []


async def test_given_back_links_read_for_themselves(
    played: tuple[Session, Poller, socket.socket],
) -> None:
    session, poller, theirs = played
    poller.remove(session.link)
    await wait_all_tasks_blocked()
    theirs.send(frame(b"alone"))
    await wait_all_tasks_blocked()
    assert session.seen == [b"alone"]


async def test_a_reader_that_sleeps_is_not_fed_without_bound(
    played: tuple[Session, Poller, socket.socket],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session, poller, theirs = played
    monkeypatch.setattr(link_module, "MAX_UNREAD_BYTES", 1000)
    theirs.send(frame(bytes(1000), 0x82, length_bytes=8))  # wrong, so all of it is foreign
    poller.read_ready()
    poller.watch(session.link)
    theirs.send(b"x" * 100)
    poller.read_ready()
    session.link.read_now()
    assert len(session.link.receive_buffer.unread) == 1014
    await wait_all_tasks_blocked()
    poller.read_ready()
    await wait_all_tasks_blocked()
    assert len(session.foreign) == 1114


async def test_more_links_than_one_poll_reports_by_default() -> None:
    poller = Poller()
    async with trio.open_nursery() as nursery:
        pairs = [socket.socketpair() for _ in range(40)]
        sessions = [Session(Link(ours, nursery)) for ours, _ in pairs]
        for session in sessions:
            poller.add(session.link)
        for _, theirs in pairs:
            theirs.send(frame(b"x"))
        poller.read_ready()
        assert all(session.seen == [b"x"] for session in sessions)
        for session, (_, theirs) in zip(sessions, pairs, strict=True):
            session.link.drop()
            theirs.close()
    poller.close()


@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    stream=streams,
    turns=st.lists(
        st.tuples(st.integers(0, 300), st.sampled_from(["tick", "watch", "unwatch"])), max_size=8
    ),
)
def test_whoever_reads_the_messages_are_the_same(
    stream: bytes, turns: list[tuple[int, str]]
) -> None:
    alone = Receiver()
    alone.feed(stream)
    seen: list[Any] = []

    async def play() -> None:
        ours, theirs = socket.socketpair()
        poller = Poller()
        async with trio.open_nursery() as nursery:
            session = Session(Link(ours, nursery))
            nursery.start_soon(session.read)
            nursery.start_soon(poller.run)
            poller.add(session.link)
            at = 0
            theirs.setblocking(False)
            coming = iter(turns)
            while at < len(stream):
                length, turn = next(coming, (len(stream), "tick"))
                with contextlib.suppress(BlockingIOError):
                    at += theirs.send(stream[at : at + length])
                if turn == "watch":
                    poller.watch(session.link)
                elif turn == "unwatch":
                    poller.unwatch(session.link)
                else:
                    poller.read_ready()
                await wait_all_tasks_blocked()
            theirs.shutdown(socket.SHUT_WR)
            while not session.ended.is_set():
                poller.read_ready()
                await wait_all_tasks_blocked()
            session.link.drop()
            theirs.close()
            poller.close()
            nursery.cancel_scope.cancel()
        seen.extend(session.seen)

    trio.run(play)
    assert seen == messages_only(alone.seen)


async def test_bytes_inside_the_codec_are_read_when_the_poller_takes_over() -> None:
    poller = Poller()
    got: list[bytes] = []
    async with two_links(tls=True) as (server, client), trio.open_nursery() as nursery:
        server.receive_buffer.follow_frames()
        server.receive_buffer.open_fast_path(got.append, got.append)
        nursery.start_soon(client.send_all, b"".join(frame(bytes([i]) * 900) for i in range(4)))
        assert server._tls is not None
        with trio.fail_after(PATIENCE_S):
            await trio.lowlevel.wait_readable(server._socket)
        server.receive_buffer.take_in(server._tls.recv(1000))
        assert server._tls.ready
        poller.add(server)
        for _ in range(4):
            poller.read_ready()
        assert got == [bytes([i]) * 900 for i in range(4)]
        poller.close()


async def test_tls_records_that_came_together_are_all_read_in_one_turn() -> None:
    ours, theirs = socket.socketpair()
    poller = Poller()
    async with trio.open_nursery() as nursery:
        link = Link.accepted(ours, nursery, ssl_context=server_tls())
        async with trio.open_nursery() as handshakes:
            handshakes.start_soon(link.handshake)
            client = await trio.to_thread.run_sync(
                lambda: client_tls().wrap_socket(theirs, server_hostname="localhost")
            )
        session = Session(link)
        poller.add(link)
        for i in range(5):
            client.send(frame(b"%d" % i))
        poller.read_ready()
        assert session.seen == [b"%d" % i for i in range(5)]
        link.drop()
        client.close()
    poller.close()


async def test_a_long_tls_record_is_read_over_several_turns() -> None:
    poller = Poller()
    got: list[bytes] = []
    async with two_links(tls=True) as (server, client):
        server.receive_buffer.follow_frames()
        server.receive_buffer.open_fast_path(got.append, got.append)
        poller.add(server)
        await client.send_all(b"".join(frame(bytes([i]) * 100) for i in range(30)))
        for turn in range(1, 5):
            before = server.bytes_in
            poller.read_ready()  # no poll tells of what is inside OpenSSL
            assert server.bytes_in - before == min(1024, 30 * 106 - before), turn
        assert got == [bytes([i]) * 100 for i in range(30)]
        poller.close()


async def test_a_flood_costs_a_tick_no_more_than_one_small_read(
    played: tuple[Session, Poller, socket.socket],
) -> None:
    session, poller, theirs = played
    theirs.setblocking(False)
    theirs.send(frame(b"ping", 0x89) * 10_000)
    before = session.link.bytes_in
    poller.read_ready()
    assert 0 < session.link.bytes_in - before <= 1024
    poller.read_ready()
    assert session.link.bytes_in - before > 1024  # nothing is lost of what waits


async def test_a_flood_leaves_the_poller(
    played: tuple[Session, Poller, socket.socket],
) -> None:
    """Its own task reads the rest, with pauses; a watched link would be read without any."""
    session, poller, theirs = played
    floods: list[bool] = []
    session.link.receive_buffer.limit(Intake(frames_burst=10), lambda: floods.append(True))
    theirs.send(frame(b"ping", 0x89) * 100)
    poller.read_ready()
    assert floods == [True]
    assert len(poller) == 0


async def test_a_link_that_cannot_be_read_costs_only_itself(
    played: tuple[Session, Poller, socket.socket],
) -> None:
    session, poller, theirs = played

    def broken(_message: bytes) -> None:
        raise ZeroDivisionError("a bug of ours")

    session.link.receive_buffer.open_fast_path(broken, broken)
    theirs.send(frame(b"x"))
    with structlog.testing.capture_logs() as logs:
        poller.read_ready()
    assert [entry["event"] for entry in logs] == ["a link could not be read"]
    await session.ended.wait()
    assert len(poller) == 0


async def test_a_message_that_drops_another_link_keeps_that_from_being_read() -> None:
    """Its descriptor may be another connection's already."""
    poller = Poller()
    async with trio.open_nursery() as nursery:
        pairs = [socket.socketpair() for _ in range(2)]
        sessions = [Session(Link(ours, nursery)) for ours, _ in pairs]
        fresh: list[tuple[Session, socket.socket]] = []

        def drop_the_other(by: Session) -> None:
            other = sessions[1 - sessions.index(by)]
            other.link.drop()
            ours, theirs = socket.socketpair()  # with the descriptor that is free now
            fresh.append((Session(Link(ours, nursery)), theirs))
            poller.add(fresh[0][0].link)

        for session in sessions:

            def note(data: bytes, session: Session = session) -> None:
                session.seen.append(data)
                drop_the_other(session)

            session.link.receive_buffer.open_fast_path(note, session.pongs.append)
            poller.add(session.link)
        for number, (_, theirs) in enumerate(pairs):
            theirs.send(frame(b"%d" % number))
        poller.read_ready()
        assert sorted(len(session.seen) for session in sessions) == [0, 1]
        newcomer, theirs_of_newcomer = fresh[0]
        assert newcomer.seen == []
        theirs_of_newcomer.send(frame(b"new"))
        poller.read_ready()
        assert newcomer.seen == [b"new"]
        for session in (*sessions, newcomer):
            session.link.drop()
        for theirs in (theirs_of_newcomer, *[theirs for _, theirs in pairs]):
            theirs.close()
    poller.close()


async def test_messages_after_the_end_of_a_session_are_not_delivered(
    played: tuple[Session, Poller, socket.socket],
) -> None:
    session, poller, theirs = played
    receive_buffer = session.link.receive_buffer

    def end(data: bytes) -> None:
        session.seen.append(data)
        receive_buffer.close_fast_path()

    receive_buffer.open_fast_path(end, session.pongs.append)
    theirs.send(frame(b"last") + frame(b"late"))
    poller.read_ready()
    assert session.seen == [b"last"]
    assert receive_buffer.bytes_in == len(frame(b"last") + frame(b"late"))
