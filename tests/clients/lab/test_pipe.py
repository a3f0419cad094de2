"""The lab's pipe and stream: time passes as the profile says, and nothing is lost."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio
import trio.testing

from clients.errors import ConnectionLost
from clients.joining import open_game
from clients.lab.conditioner import Conditioner
from clients.lab.path import Outages, Path
from clients.lab.pipe import Pipe
from clients.lab.profiles import Profile, profile_of
from clients.lab.recovery import Flight, Measured
from clients.lab.stream import LINGER_S, ConditionedStream, over
from tests.support.sockets import PATIENCE_S, client_tls, server_tls


def slow(delay_s: float = 0.1, *, window_bytes: int = 1000) -> Profile:
    path = Path(delay_s=delay_s, window_bytes=window_bytes)
    return Profile(name="slow", up=path, down=path)


def pipe_of(profile: Profile) -> Pipe:
    return Pipe(profile.conditioners("seed", begin_s=trio.current_time())[0])


# ---------------------------------------------------------------- the pipe


async def test_bytes_come_out_after_the_delay(autojump_clock: trio.testing.MockClock) -> None:
    pipe = pipe_of(slow(0.1))
    begin_s = trio.current_time()
    await pipe.send(b"hello")
    assert trio.current_time() == begin_s
    assert await pipe.receive() == b"hello"
    assert trio.current_time() == pytest.approx(begin_s + 0.1)


async def test_a_waiting_receiver_is_woken_by_a_send(
    autojump_clock: trio.testing.MockClock,
) -> None:
    pipe = pipe_of(slow(0.1))
    got: list[tuple[bytes, float]] = []

    async def read() -> None:
        while data := await pipe.receive():
            got.append((data, round(trio.current_time() - begin_s, 6)))

    begin_s = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked()
        await pipe.send(b"a")
        await trio.sleep(0.03)
        await pipe.send(b"b")
        await trio.sleep(1)
        pipe.end()
    assert got == [(b"a", 0.1), (b"b", 0.13)]
    assert trio.current_time() - begin_s == pytest.approx(1.13)


async def test_a_sender_waits_for_room(autojump_clock: trio.testing.MockClock) -> None:
    pipe = pipe_of(slow(0.1, window_bytes=1000))
    begin_s = trio.current_time()
    received = bytearray()

    async def read() -> None:
        while data := await pipe.receive(400):
            received.extend(data)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await pipe.send(bytes(2500))
        # Two windows had to come out before the last bytes found room.
        assert trio.current_time() - begin_s == pytest.approx(0.2)
        assert pipe.conditioner.waiting_bytes <= 1000
        pipe.end()
    assert received == bytes(2500)


async def test_without_a_reader_nothing_more_is_taken(
    autojump_clock: trio.testing.MockClock,
) -> None:
    pipe = pipe_of(slow(0.1, window_bytes=1000))
    with trio.move_on_after(60) as patience:
        await pipe.send(bytes(1001))
    assert patience.cancelled_caught
    assert pipe.conditioner.waiting_bytes == 1000
    with trio.move_on_after(60) as patience:
        await pipe.wait_for_room()
    assert patience.cancelled_caught


async def test_a_waiting_receiver_gets_a_segment_that_later_bytes_repair_sooner(
    autojump_clock: trio.testing.MockClock,
) -> None:
    path = Path(delay_s=0.05, loss=0.5)
    measured = Measured(least_rtt_s=0.1, smoothed_rtt_s=0.1, timeout_s=1.0)
    never = Outages("", begin_s=0.0, every_s=math.inf, least_s=0.0, most_s=0.0)
    asked = iter([0.0, 0.0])  # the first is lost, nothing else is
    pipe = Pipe(Conditioner(path, Flight(path, path, measured, lambda: next(asked, 0.9), never)))
    begin_s = trio.current_time()
    arrived_s: list[float] = []

    async def read() -> None:
        assert await pipe.receive() == b"ab"
        arrived_s.append(trio.current_time() - begin_s)

    async with trio.open_nursery() as nursery:
        await pipe.send(b"a")
        nursery.start_soon(read)
        await trio.sleep(0.06)
        await pipe.send(b"b")  # arrives at 0.11, is acknowledged at 0.16
    assert arrived_s == [pytest.approx(0.16 + 0.05)]


async def test_breaking_off_wakes_both_ends(autojump_clock: trio.testing.MockClock) -> None:
    full, empty, waiting = (pipe_of(slow(100.0)) for _ in range(3))
    await full.send(bytes(1000))
    await waiting.send(b"x")

    async def fails(call: object) -> None:
        with pytest.raises(trio.BrokenResourceError):
            await call()  # type: ignore[operator]

    begin_s = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(fails, partial(full.send, b"more"))
        nursery.start_soon(fails, empty.receive)
        nursery.start_soon(fails, waiting.receive)
        await trio.testing.wait_all_tasks_blocked()
        for pipe in (full, empty, waiting):
            pipe.break_off()
    assert trio.current_time() == begin_s
    await fails(partial(full.send, b"again"))
    await full.wait_for_room()


# ---------------------------------------------------------------- the stream


@asynccontextmanager
async def conditioned(
    profile: Profile,
) -> AsyncIterator[tuple[ConditionedStream, trio.abc.HalfCloseableStream]]:
    """A player's end with the link, and the server's end."""
    near, far = trio.testing.memory_stream_pair()
    async with (
        trio.open_nursery() as tasks,
        ConditionedStream(near, profile, "seed", tasks) as player,
    ):
        yield player, far


async def test_a_round_trip_takes_both_ways(autojump_clock: trio.testing.MockClock) -> None:
    profile = Profile(name="", up=Path(delay_s=0.1), down=Path(delay_s=0.2))
    async with conditioned(profile) as (player, server):
        begin_s = trio.current_time()
        await player.send_all(b"ping")
        assert await server.receive_some() == b"ping"
        assert trio.current_time() - begin_s == pytest.approx(0.1)
        await server.send_all(b"pong")
        assert await player.receive_some(2) == b"po"
        assert await player.receive_some() == b"ng"
        assert trio.current_time() - begin_s == pytest.approx(0.3)


async def test_an_end_comes_behind_all_that_was_sent(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with conditioned(slow()) as (player, server):
        await player.send_all(b"last words")
        await player.send_eof()
        with pytest.raises(trio.ClosedResourceError):
            await player.send_all(b"more")
        assert await server.receive_some() == b"last words"
        assert await server.receive_some() == b""
        # The other way is still open.
        await server.send_all(b"answer")
        await server.send_eof()
        assert await player.receive_some() == b"answer"
        assert await player.receive_some() == b""


async def test_closing_wakes_waiting_tasks(autojump_clock: trio.testing.MockClock) -> None:
    async with conditioned(slow()) as (player, server):

        async def read() -> None:
            with pytest.raises(trio.ClosedResourceError):
                await player.receive_some()

        async def write() -> None:
            with pytest.raises(trio.ClosedResourceError):
                await player.send_all(bytes(1001))  # one more than the window

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            nursery.start_soon(write)
            await trio.testing.wait_all_tasks_blocked()
            await player.aclose()
        for call in (
            player.receive_some,
            player.send_eof,
            player.wait_send_all_might_not_block,
            partial(player.send_all, b"x"),
        ):
            with pytest.raises(trio.ClosedResourceError):
                await call()
        assert await server.receive_some() == bytes(1000)
        assert await server.receive_some() == b""


async def test_what_was_sent_before_closing_still_arrives(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Also out of a nursery that is cancelled, as a swarm's is at Ctrl-C."""
    near, far = trio.testing.memory_stream_pair()
    begin_s = trio.current_time()
    async with trio.open_nursery() as tasks:
        player = ConditionedStream(near, slow(0.1), "seed", tasks)
        await far.send_all(b"nobody will read this")
        await player.send_all(b"goodbye")
        await player.aclose()
        await player.aclose()
        tasks.cancel_scope.cancel()
    assert trio.current_time() - begin_s == pytest.approx(0.1)
    assert await far.receive_some() == b"goodbye"
    assert await far.receive_some() == b""


async def test_closing_does_not_wait_forever(autojump_clock: trio.testing.MockClock) -> None:
    near, far = trio.testing.memory_stream_pair()
    begin_s = trio.current_time()
    async with trio.open_nursery() as tasks:
        player = ConditionedStream(near, slow(60.0), "seed", tasks)
        await player.send_all(b"too late")
        await player.aclose()
    assert trio.current_time() - begin_s == pytest.approx(LINGER_S)
    assert await far.receive_some() == b""


async def test_a_broken_stream_breaks_both_ways(autojump_clock: trio.testing.MockClock) -> None:
    async with conditioned(slow()) as (player, server):
        await server.aclose()
        await player.send_all(b"nobody is there")  # noticed only once it has arrived
        await trio.sleep(0.2)
        with pytest.raises(trio.BrokenResourceError):
            await player.send_all(b"more")


async def test_a_game_over_wss_and_a_link() -> None:
    streams: list[trio.abc.HalfCloseableStream] = []

    def via(
        stream: trio.abc.HalfCloseableStream, tasks: trio.Nursery
    ) -> trio.abc.HalfCloseableStream:
        streams.append(over(profile_of("40ms"), "seed")(stream, tasks))
        return streams[0]

    async def hang_up(stream: trio.SSLStream[trio.SocketStream]) -> None:
        await stream.receive_some()
        await stream.aclose()

    with trio.fail_after(PATIENCE_S):
        listeners = await trio.open_ssl_over_tcp_listeners(0, server_tls(), host="127.0.0.1")
        tcp_listener = listeners[0].transport_listener
        assert isinstance(tcp_listener, trio.SocketListener)
        port = tcp_listener.socket.getsockname()[1]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, hang_up, listeners)
            begin_s = trio.current_time()
            with pytest.raises(ConnectionLost):
                async with open_game(f"wss://localhost:{port}/", ssl_context=client_tls(), via=via):
                    raise AssertionError
            # TLS 1.3 shakes hands in one round trip, and the request went through it.
            assert trio.current_time() - begin_s >= 0.08
            nursery.cancel_scope.cancel()
    assert isinstance(streams[0], ConditionedStream)
