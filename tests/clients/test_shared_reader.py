"""Many clients of one program, read by one task; and the bytes beneath a client."""

from __future__ import annotations

import socket

import trio
from trio.testing import wait_all_tasks_blocked

from clients.client_stream import MAX_UNSENT_BYTES, ClientStream
from clients.joining import open_game
from clients.shared_reader import SharedReader
from gameserver.config import Settings
from gameserver.games.chat import Chat
from gameserver.runtime.serving import open_server
from tests.support.sockets import PATIENCE_S

HEAD = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"


async def pair(nursery: trio.Nursery) -> tuple[ClientStream, socket.socket]:
    """Return a stream over a socket, and the peer's end."""
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setblocking(False)
    stream = ClientStream(trio.SocketStream(trio.socket.from_stdlib_socket(ours)), 1 << 20)
    theirs.send(HEAD)
    assert await stream.receive_some() == HEAD
    return stream, theirs


async def test_many_clients_share_a_reader() -> None:
    """They play, resume after a loss, and leave; the reader forgets those that have gone."""
    reader = SharedReader()
    with trio.fail_after(PATIENCE_S):
        async with (
            open_server({"chat": Chat}, Settings(host="127.0.0.1", port=0)) as server,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(reader.run)
            url = f"ws://127.0.0.1:{server.port}/"
            async with (
                open_game(url, room="chat", name="Ann", reader=reader) as ann,
                open_game(url, room="chat", name="Bob", reader=reader) as bob,
            ):
                await ann.next_delta()
                await bob.next_delta()
                assert len(reader) == 2
                await ann.say("hello")
                while (said := await bob.next_text()).name != "Ann":
                    pass
                assert said.text == "hello"
                await trio.aclose_forcefully(ann._connection.stream)
                while ann.statistics().resumes == 0:
                    await ann.next_state()
                await ann.say("again")
                while (said := await bob.next_text()).text != "again":
                    pass
            await wait_all_tasks_blocked()
            assert len(reader) == 0
            nursery.cancel_scope.cancel()


async def test_a_handler_that_raises_ends_only_its_own_stream(nursery: trio.Nursery) -> None:
    reader = SharedReader()
    nursery.start_soon(reader.run)
    bad, bad_peer = await pair(nursery)
    good, good_peer = await pair(nursery)
    got: list[bytes] = []

    def fail(message: bytes) -> None:
        raise ZeroDivisionError

    bad.deliver_to(fail)
    good.deliver_to(got.append)
    reader.add(bad)
    reader.add(good)
    for peer in (bad_peer, good_peer):
        peer.send(b"\x82\x01x")
    try:
        await bad.receive_some()
    except ZeroDivisionError:
        pass
    else:
        raise AssertionError("the fault must reach the task that owns the stream")
    await wait_all_tasks_blocked()
    assert got == [b"x"]
    good_peer.close()
    assert await good.receive_some() == b""
    assert len(reader) == 0
    await bad.aclose()
    await good.aclose()
    bad_peer.close()


async def test_what_a_peer_does_not_accept_is_sent_later_in_order(nursery: trio.Nursery) -> None:
    stream, peer = await pair(nursery)
    blob = bytes(range(256)) * 1024
    stream.post(blob)
    stream.post(b"end")
    assert stream.bytes_sent < len(blob)
    nursery.start_soon(stream.flush)
    got = b""
    with trio.fail_after(PATIENCE_S):
        while len(got) < len(blob) + 3:
            await trio.lowlevel.wait_readable(peer)
            got += peer.recv(1 << 20)
        await stream.drained()
    assert got == blob + b"end"
    assert stream.bytes_sent == len(got)
    await stream.aclose()
    peer.close()


async def test_a_peer_that_is_owed_too_much_is_gone(nursery: trio.Nursery) -> None:
    stream, peer = await pair(nursery)
    while not stream.ended.is_set():
        stream.post(bytes(MAX_UNSENT_BYTES // 4))
    await stream.drained()
    assert await stream.receive_some() == b""
    await stream.aclose()
    peer.close()
