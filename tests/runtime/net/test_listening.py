"""Listening sockets, and the kernel's buffers of the connections that they accept."""

from __future__ import annotations

import socket

import pytest
import trio
import trio.testing

from gameserver.runtime.net.listening import (
    RECEIVE_BUFFER_BYTES,
    SEND_BUFFER_BYTES,
    open_listeners,
)


async def test_the_kernels_receive_buffer_does_not_grow():
    """Linux would grow it by itself for a peer that sends fast."""
    [listener] = await open_listeners("127.0.0.1", 0)
    with listener, socket.create_connection(listener.getsockname()) as client:
        accepted, _ = await trio.socket.from_stdlib_socket(listener).accept()
        with accepted:
            bound = accepted.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
            assert bound <= 2 * RECEIVE_BUFFER_BYTES  # Linux: as much again for what it notes
            for _ in range(100):  # reading briskly is what makes a kernel let it grow
                client.sendall(bytes(2**14))
                await accepted.recv(2**14)
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == bound


async def test_the_kernels_send_buffer_is_bounded_for_a_peer_that_does_not_read():
    [listener] = await open_listeners("127.0.0.1", 0)
    with listener, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**14)
        client.connect(listener.getsockname())
        accepted, _ = await trio.socket.from_stdlib_socket(listener).accept()
        with accepted:
            sent = []

            async def send_for_ever() -> None:
                while True:
                    sent.append(await accepted.send(bytes(2**14)))

            async with trio.open_nursery() as nursery:
                nursery.start_soon(send_for_ever)
                await trio.testing.wait_all_tasks_blocked(0.05)
                nursery.cancel_scope.cancel()
            # On both sides Linux counts twice what it was given, for what it notes besides.
            assert sum(sent) <= 2 * (SEND_BUFFER_BYTES + 2**14)


async def test_listeners_of_a_taken_port():
    [listener] = await open_listeners("127.0.0.1", 0)
    with pytest.raises(OSError, match="in use"):
        await open_listeners("127.0.0.1", listener.getsockname()[1])
    listener.close()


async def test_a_listener_of_ipv6_takes_no_ipv4() -> None:
    """Otherwise a client at 10.0.0.1 would be ::ffff:10.0.0.1, with other limits."""
    (listener,) = await open_listeners("::", 0)
    with listener:
        assert listener.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1
