"""Fixtures of the directory tests: each directory, empty, with a lease that a test can wait for."""

from __future__ import annotations

import itertools
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import attrs
import pytest
import trio
import trio.testing

from gameserver.cluster.calls import Caller, answer_calls
from gameserver.cluster.descriptors import DescriptorChannel
from gameserver.cluster.directory.addresses import RedisAddress, read_address
from gameserver.cluster.directory.contract import Directory
from gameserver.cluster.directory.memory import MemoryDirectory
from gameserver.cluster.directory.redis import open_redis_directory
from gameserver.cluster.directory_calls import CalledDirectory, directory_operations
from tests.support.redis_server import RedisServer, redis_server

#: So long that only the time counts that a test lets pass.
LONG_LEASE_S = 600.0
#: The deadline of what takes no time: a test fails by it only if something hangs.
PATIENCE_S = 60.0
_prefixes = (f"test{number}" for number in itertools.count())


@attrs.frozen
class Opened:
    """A directory in which nothing is listed, and how time passes for it."""

    directory: Directory
    pass_s: Callable[[float], Awaitable[None]]


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture
def redis_address(redis: RedisServer) -> RedisAddress:
    """The address of an empty directory."""
    return read_address(f"{redis.url}?prefix={next(_prefixes)}")


@pytest.fixture(params=["memory", "called", "redis"])
async def opened(request: pytest.FixtureRequest, nursery: trio.Nursery) -> AsyncIterator[Opened]:
    if request.param != "redis":
        clock = trio.testing.MockClock()

        async def pass_s(seconds: float) -> None:
            clock.jump(seconds)

        yield Opened(
            MemoryDirectory(settled=True, lease_s=LONG_LEASE_S, clock=clock.current_time), pass_s
        )
        return
    redis: RedisServer = request.getfixturevalue("redis")
    address: RedisAddress = request.getfixturevalue("redis_address")
    redis.settle(address.base)

    async def pass_on_server_s(seconds: float) -> None:
        redis.call("HINCRBY", f"{address.base}:meta", "clock", str(round(seconds * 1000)))

    async with open_redis_directory(
        address, lease_s=LONG_LEASE_S, call_timeout_s=PATIENCE_S
    ) as directory:
        yield Opened(directory, pass_on_server_s)


def called(directory: Directory, nursery: trio.Nursery) -> CalledDirectory:
    """Return the directory as another process of the host calls it."""
    near, far = (DescriptorChannel(end) for end in socket.socketpair())
    caller = Caller(near)
    nursery.start_soon(caller.run)
    nursery.start_soon(answer_calls, far, directory_operations(directory))
    return CalledDirectory(lambda: caller)


@pytest.fixture
def directory(opened: Opened) -> Directory:
    return opened.directory
