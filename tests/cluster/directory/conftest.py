"""Fixtures of the directory tests: each directory, empty, with a lease that a test can wait for."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable

import attrs
import pytest
import trio.testing

from gameserver.cluster.calls import Caller, answer_calls
from gameserver.cluster.descriptors import DescriptorChannel
from gameserver.cluster.directory.contract import Directory
from gameserver.cluster.directory.memory import MemoryDirectory
from gameserver.cluster.directory_calls import CalledDirectory, directory_operations


@attrs.frozen
class Opened:
    """A directory in which nothing is listed, and how time passes for it."""

    directory: Directory
    pass_s: Callable[[float], Awaitable[None]]


@pytest.fixture(params=["memory", "called"])
async def opened(request: pytest.FixtureRequest, nursery: trio.Nursery) -> Opened:
    clock = trio.testing.MockClock()

    async def pass_s(seconds: float) -> None:
        clock.jump(seconds)

    directory: Directory = MemoryDirectory(settled=True, lease_s=3.0, clock=clock.current_time)
    if request.param == "called":
        directory = called(directory, nursery)
    return Opened(directory, pass_s)


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
