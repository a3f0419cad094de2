"""The directory over a channel; ``directory/test_contract.py`` tests each of its operations."""

from __future__ import annotations

import socket

import pytest
import trio
import trio.testing

from gameserver.cluster.calls import Caller
from gameserver.cluster.descriptors import DescriptorChannel
from gameserver.cluster.directory.errors import DirectorySettling, DirectoryUnavailable, LeaseOver
from gameserver.cluster.directory.memory import MemoryDirectory
from gameserver.cluster.directory_calls import CalledDirectory
from tests.cluster.directory.conftest import called
from tests.support.listings import node


async def test_errors_keep_their_class(nursery: trio.Nursery) -> None:
    clock = trio.testing.MockClock()
    directory = called(MemoryDirectory(settled=False, clock=clock.current_time), nursery)
    with pytest.raises(LeaseOver, match="the node a has no lease"):
        await directory.claim("a", "arena/x")
    await directory.renew(node("a"), [])
    with pytest.raises(DirectorySettling) as settling:
        await directory.claim("a", "arena/x")
    assert settling.value.retry_after_s == pytest.approx(3.0)


async def test_a_supervisor_that_is_away_is_an_unavailable_directory() -> None:
    with pytest.raises(DirectoryUnavailable, match="the supervisor of this host is away"):
        await CalledDirectory(lambda: None).find("arena/x")


async def test_a_supervisor_that_dies_is_an_unavailable_directory(nursery: trio.Nursery) -> None:
    near, far = (DescriptorChannel(end) for end in socket.socketpair())
    caller = Caller(near)
    nursery.start_soon(caller.run)
    far.close()
    with pytest.raises(DirectoryUnavailable):
        await CalledDirectory(lambda: caller).find("arena/x")
