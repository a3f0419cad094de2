"""The registry of a supervisor: nodes whose rooms the directory does not know yet."""

from __future__ import annotations

import socket

import pytest
import trio
import trio.testing

from gameserver.cluster.calls import MAX_AT_ONCE, Caller
from gameserver.cluster.descriptors import DescriptorChannel
from gameserver.cluster.directory.errors import DirectoryUnavailable
from gameserver.cluster.directory.listings import NodeListing
from gameserver.cluster.directory.memory import MemoryDirectory
from gameserver.cluster.directory_calls import CalledDirectory
from gameserver.cluster.host_sockets import HostSockets
from gameserver.cluster.node_process import NodeProcess
from gameserver.cluster.registry import LISTED_WITHIN_S, Registry

RUN = "n0-1"


@pytest.fixture
async def directory(nursery: trio.Nursery) -> CalledDirectory:
    """Return the directory as a node calls it that was there before its supervisor."""
    registry = Registry(MemoryDirectory(settled=True), {0: NodeProcess(0)}, lambda _: None)
    registry.await_renewals([0])
    near, far = socket.socketpair()
    caller = Caller(DescriptorChannel(near))
    nursery.start_soon(caller.run)
    nursery.start_soon(registry._serve_node, far)
    nursery.start_soon(registry.wait_no_longer)
    roles, _ = HostSockets().to_message()
    await caller.call("register", 0, RUN, roles, "s" * 32, True)
    return CalledDirectory(lambda: caller)


async def test_rooms_are_found_once_their_nodes_have_listed_them(
    directory: CalledDirectory, autojump_clock: trio.testing.MockClock
) -> None:
    del autojump_clock
    with pytest.raises(DirectoryUnavailable):
        await directory.find("arena/x")
    await directory.renew(NodeListing(node=RUN, host=""), [])
    assert await directory.find("arena/x") is None


async def test_a_node_that_never_lists_its_rooms_keeps_nobody_waiting_for_ever(
    directory: CalledDirectory, autojump_clock: trio.testing.MockClock
) -> None:
    del autojump_clock
    with pytest.raises(DirectoryUnavailable):
        await directory.find("arena/x")
    await trio.sleep(LISTED_WITHIN_S)
    assert await directory.find("arena/x") is None


async def test_calls_that_wait_for_a_renewal_do_not_keep_it_away(
    directory: CalledDirectory, autojump_clock: trio.testing.MockClock
) -> None:
    del autojump_clock

    async def find() -> None:
        with pytest.raises(DirectoryUnavailable):
            await directory.find("arena/x")

    async with trio.open_nursery() as nursery:
        for _ in range(MAX_AT_ONCE + 1):
            nursery.start_soon(find)
    await directory.renew(NodeListing(node=RUN, host=""), [])
    assert await directory.find("arena/x") is None
