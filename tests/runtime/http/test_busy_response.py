"""No to a connection without a task: what it hears, and that its socket is not kept."""

from __future__ import annotations

import socket

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from gameserver.runtime.http.busy_response import BUSY_ANSWER, LINGER_S, MAX_LINGERING, BusyResponse


def pair() -> tuple[socket.socket, socket.socket]:
    ours, theirs = socket.socketpair()
    theirs.settimeout(0)
    return ours, theirs


async def test_it_is_answered_at_once_and_closed_soon(autojump_clock: MockClock) -> None:
    away = BusyResponse()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(away.run)
        ours, theirs = pair()
        away.refuse(ours, tls=False)
        assert theirs.recv(4096) == BUSY_ANSWER
        assert theirs.recv(4096) == b""
        await trio.sleep(LINGER_S / 2)
        later, _other = pair()
        away.refuse(later, tls=False)
        await trio.sleep(LINGER_S * 0.6)
        assert (ours.fileno() == -1, later.fileno() == -1) == (True, False)
        await trio.sleep(LINGER_S)
        assert later.fileno() == -1
        last, _another = pair()
        away.refuse(last, tls=False)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert last.fileno() == -1
    for sock in (theirs, _other, _another):
        sock.close()


async def test_with_tls_it_is_closed_at_once() -> None:
    ours, theirs = pair()
    BusyResponse().refuse(ours, tls=True)
    assert ours.fileno() == -1
    assert theirs.recv(1) == b""
    theirs.close()


async def test_a_limited_number_of_refused_connections_lingers(autojump_clock: MockClock) -> None:
    away = BusyResponse()
    pairs = [pair() for _ in range(MAX_LINGERING + 5)]
    for ours, _ in pairs:
        away.refuse(ours, tls=False)
    assert [ours.fileno() == -1 for ours, _ in pairs] == [True] * 5 + [False] * MAX_LINGERING
    async with trio.open_nursery() as nursery:
        nursery.start_soon(away.run)
        await trio.sleep(LINGER_S + 0.1)
        assert all(ours.fileno() == -1 for ours, _ in pairs)
        nursery.cancel_scope.cancel()
    for _, theirs in pairs:
        assert theirs.recv(4096) == BUSY_ANSWER
        theirs.close()


async def test_a_peer_that_is_gone_already() -> None:
    away = BusyResponse()
    ours, theirs = pair()
    theirs.close()
    away.refuse(ours, tls=False)
    gone, other = pair()
    gone.close()
    other.close()
    away.refuse(gone, tls=False)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(away.run)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert ours.fileno() == -1
