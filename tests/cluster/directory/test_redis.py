"""The directory on a real Redis: what it does when data is lost, and what each fault is told as."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
import trio

from gameserver.cluster.directory.addresses import RedisAddress, read_address
from gameserver.cluster.directory.errors import (
    DirectoryError,
    DirectorySettling,
    DirectoryUnavailable,
)
from gameserver.cluster.directory.listings import RoomListing
from gameserver.cluster.directory.redis import RedisDirectory, open_redis_directory
from tests.cluster.directory.conftest import LONG_LEASE_S, PATIENCE_S
from tests.support.listings import node, owner_of
from tests.support.redis_server import RedisServer, free_port, redis_server

T = TypeVar("T")

#: Nothing here fails because the machine is busy.
opened = functools.partial(open_redis_directory, lease_s=LONG_LEASE_S, call_timeout_s=PATIENCE_S)


async def when_it_answers(call: Callable[[], Awaitable[T]]) -> T:
    with trio.fail_after(PATIENCE_S):
        while True:
            try:
                return await call()
            except DirectoryUnavailable:
                continue


async def renew_when_it_answers(directory: RedisDirectory) -> None:
    rooms = [RoomListing(label="arena/x", fence=7)]
    await when_it_answers(lambda: directory.renew(node("a"), rooms))


@pytest.mark.parametrize("saved", [False, True])
async def test_after_a_restart_claims_are_refused_for_one_lease(saved: bool) -> None:
    with redis_server() as server:
        address = read_address(server.url)
        server.settle(address.base)
        async with opened(address) as directory:
            await renew_when_it_answers(directory)
            before = await directory.claim("a", "arena/y")
            if saved:
                server.call("SAVE")
            server.kill()
            with pytest.raises(DirectoryUnavailable):
                await directory.find("arena/x")
            server.start()
            await renew_when_it_answers(directory)
            assert await owner_of(directory, "arena/x") == "a", "whole again after one renewal"
            with pytest.raises(DirectorySettling) as refused:
                await directory.claim("a", "arena/z")
            assert LONG_LEASE_S - 30 < refused.value.retry_after_s <= LONG_LEASE_S
            server.call("HINCRBY", "{gameserver}:meta", "clock", str(int(LONG_LEASE_S * 1000)))
            await renew_when_it_answers(directory)
            assert (await directory.claim("a", "arena/z")).fence > before.fence


async def test_a_wipe_is_noticed(redis: RedisServer, redis_address: RedisAddress) -> None:
    redis.settle(redis_address.base)
    async with opened(redis_address) as directory:
        await directory.renew(node("a"), [])
        fence = (await directory.claim("a", "arena/x")).fence
        redis.call("FLUSHALL")
        await directory.renew(node("a"), [RoomListing(label="arena/x", fence=fence)])
        with pytest.raises(DirectorySettling):
            await directory.claim("a", "arena/y")
        assert await owner_of(directory, "arena/x") == "a"


async def test_no_lease_ends_because_the_server_was_away(redis_address: RedisAddress) -> None:
    """Nor because its clock was set forward: directory time goes on by half a lease at most."""
    with redis_server() as server:
        address = read_address(server.url)
        server.settle(address.base)
        async with opened(address) as directory:
            await directory.renew(node("a"), [])
            # The last script ran an hour ago, or an hour from now, by the clock of the machine.
            for hours in (-1, 1):
                server.call("HINCRBY", "{gameserver}:meta", "wall", str(hours * 3_600_000))
                assert await directory.node("a") == node("a")
            assert (await directory.claim("a", "arena/x")).won


async def test_a_paused_server_costs_one_deadline_and_nothing_else() -> None:
    with redis_server() as server:
        address = read_address(server.url)
        server.settle(address.base)
        async with opened(address, call_timeout_s=0.1) as directory:
            await renew_when_it_answers(directory)
            server.pause()
            for _ in range(3):
                with pytest.raises(DirectoryUnavailable):
                    await directory.find("arena/x")
            server.go_on()
            await renew_when_it_answers(directory)
            assert await when_it_answers(lambda: owner_of(directory, "arena/x")) == "a"


async def test_two_games_share_a_server(redis: RedisServer) -> None:
    async with (
        opened(read_address(f"{redis.url}?prefix=one")) as one,
        opened(read_address(f"{redis.url}?prefix=other")) as other,
    ):
        await one.renew(node("a"), [])
        assert await other.node("a") is None
        keys = redis.call("--scan", "--pattern", "{one}*").splitlines()
        assert keys, "the prefix is that of all keys"


async def test_a_ticket_is_not_to_be_read_from_the_server(
    redis: RedisServer, redis_address: RedisAddress
) -> None:
    async with opened(redis_address) as directory:
        await directory.use_once("ticket:s3cret", "me", 30.0)
    keys = redis.call("--scan", "--pattern", f"{redis_address.base}:used:*")
    assert keys
    assert "s3cret" not in keys


async def test_a_listing_that_somebody_else_wrote_is_refused(
    redis: RedisServer, redis_address: RedisAddress
) -> None:
    async with opened(redis_address) as directory:
        await directory.renew(node("a"), [])
        redis.call("HSET", f"{redis_address.base}:nodes", "a", "cos\nsystem\n(S'ls'\ntR.")
        with pytest.raises(DirectoryError, match="in a wrong form"):
            await directory.node("a")


async def test_gone_rooms_and_nodes_leave_nothing_behind(
    redis: RedisServer, redis_address: RedisAddress
) -> None:
    redis.settle(redis_address.base)
    async with opened(redis_address) as directory:
        await directory.renew(node("a"), [])
        rooms = []
        for serial in range(60):
            claim = await directory.claim_new("a", "arena", free_seats=1)
            rooms.append(
                RoomListing(
                    label=claim.label,
                    fence=claim.fence,
                    serial=serial,
                    free_seats=2,
                    filters={"mode": "duel"},
                    shown={},
                )
            )
        await directory.renew(node("a"), rooms)
        meta = f"{redis_address.base}:meta"
        redis.call("HINCRBY", meta, "clock", str(int(LONG_LEASE_S * 1000)))
        for _ in range(80):
            await directory.renew(node("b", kinds={}), [])
    keys = redis.call("--scan", "--pattern", f"{redis_address.base}:*").splitlines()
    kept = {"meta", "leases", "names", "seqs", "nodes", "pages", "kinds"}
    assert {key.rpartition(":")[2] for key in keys} == kept
    assert redis.call("HKEYS", f"{redis_address.base}:nodes") == "b"


# ---------------------------------------------------------------- mistakes


async def fault_of(url: str) -> str:
    async with opened(read_address(url)) as directory:
        with pytest.raises(DirectoryError) as refused:
            await directory.check()
    assert "s3cret" not in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1
    return str(refused.value)


async def test_a_server_that_will_do_is_checked_in_silence(redis: RedisServer) -> None:
    async with opened(read_address(redis.url)) as directory:
        await directory.check()


async def test_a_server_that_is_not_there() -> None:
    port = free_port()
    assert await fault_of(f"redis://:s3cret@127.0.0.1:{port}") == (
        f"directory: redis://127.0.0.1:{port} cannot be used: Connection refused"
    )


async def test_a_wrong_password_and_a_user_without_scripts() -> None:
    with redis_server(
        [
            "user default on >right ~* &* +@all",
            "user limited on >s3cret ~* +@all -@scripting",
        ]
    ) as server:
        place = f"127.0.0.1:{server.port}"
        told = f"directory: redis://{place} "
        assert await fault_of(f"redis://:s3cret@{place}") == f"{told}refuses user or password"
        assert await fault_of(f"redis://nobody:s3cret@{place}") == f"{told}refuses user or password"
        assert await fault_of(f"redis://{place}") == f"{told}refuses user or password"
        assert await fault_of(f"redis://limited:s3cret@{place}") == (
            f"{told}runs no Lua scripts, or not for this user"
        )
        async with opened(read_address(f"redis://:right@{place}")) as directory:
            await directory.check()


async def answer_as(listener: trio.SocketListener, replies: dict[bytes, bytes]) -> None:
    """Answer as some other server."""

    async def serve(stream: trio.SocketStream) -> None:
        while data := await stream.receive_some():
            for name, reply in replies.items():
                if name in data:
                    await stream.send_all(reply)
                    break
            else:
                await stream.send_all(b"-ERR unknown command\r\n")

    await trio.serve_listeners(serve, [listener])


@pytest.mark.parametrize(
    ("replies", "told"),
    [
        (
            {b"HELLO": b"-ERR unknown command 'HELLO'\r\n"},
            "is older than 6.2",
        ),
        (
            {
                b"HELLO": b"%3\r\n+proto\r\n:3\r\n+version\r\n+6.0.9\r\n+id\r\n:1\r\n",
                b"INFO": b"$39\r\n# Server\r\nredis_version:6.0.9\r\nx:1234567\r\n",
            },
            "is Redis 6.0, which is older than 6.2",
        ),
        ({b"HELLO": b"HTTP/1.1 400 Bad Request\r\n\r\n"}, "cannot be used: "),
    ],
)
async def test_a_server_of_another_kind_is_told(replies: dict[bytes, bytes], told: str) -> None:
    async with trio.open_nursery() as nursery:
        [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = listener.socket.getsockname()[1]
        nursery.start_soon(answer_as, listener, replies)
        assert told in await fault_of(f"redis://127.0.0.1:{port}")
        nursery.cancel_scope.cancel()


async def test_a_server_that_never_answers_is_given_up() -> None:
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        address = read_address(f"redis://127.0.0.1:{listener.socket.getsockname()[1]}")
        async with open_redis_directory(address, call_timeout_s=0.05) as directory:
            with pytest.raises(DirectoryUnavailable):
                await directory.check()
            with pytest.raises(DirectoryUnavailable):
                await directory.find("arena/x")
