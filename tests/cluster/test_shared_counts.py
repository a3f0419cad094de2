"""Counts in shared memory: limits that hold for all nodes together."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import trio

from gameserver.cluster.shared_counts import SharedCounts, make_memory
from tests.support.attack_bytes import UPGRADE
from tests.support.node_host import node_host
from tests.support.small_game import join
from tests.support.sockets import until


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@contextlib.contextmanager
def two_nodes(clock: Clock) -> Iterator[tuple[SharedCounts, SharedCounts]]:
    memory = make_memory()
    nodes = [SharedCounts(os.dup(memory), index, 2, "secret", clock) for index in (0, 1)]
    yield nodes[0], nodes[1]
    for node in nodes:
        node.close()
    os.close(memory)


def test_each_node_sees_what_the_others_have() -> None:
    with two_nodes(Clock()) as (a, b):
        a.note(5, 2)
        b.note(7, 1)
        assert (a.of_others(), b.of_others()) == ((7, 1), (5, 2))
        for _ in range(3):
            a.note_address("192.0.2.1", 1)
        assert b.address_of_others("192.0.2.1") == 3
        assert a.address_of_others("192.0.2.1") == 0
        assert b.address_of_others("192.0.2.2") == 0
        b.clear(0)
        assert (b.of_others(), b.address_of_others("192.0.2.1")) == ((0, 0), 0)
        assert a.of_others() == (7, 1)


def test_turns_are_those_of_the_host_by_whatever_clock_a_node_has() -> None:
    clock = Clock()
    with two_nodes(clock) as (a, b):
        assert a.take_turn(17.0, 1.0, 0.25) == 0.0
        assert b.take_turn(99.0, 1.0, 0.25) == 0.25
        assert a.take_turn(17.0, 1.0, 0.25) == 0.5
        assert b.turn_in_s(99.0) == 0.75
        assert b.take_turn(99.0, 0.75, 0.25) is None
        clock.now_s += 10
        assert b.take_turn(109.0, 0.5, 0.25) == 0.0
        a.delay_turn(0.0, 4.0)
        assert b.turn_in_s(0.0) == 4.0


async def answer(port: int) -> bytes:
    """Return the beginning of what a server answers to an upgrade."""
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        with contextlib.suppress(trio.BrokenResourceError):
            await stream.send_all(UPGRADE)
        return bytes(await stream.receive_some())[:12]


async def test_the_connections_of_all_nodes_are_limited_together(tmp_path: Path) -> None:
    limits = {"max_connections": 3, "trusted": ()}
    async with node_host(tmp_path / "nodes", **limits) as host:
        a, b = host.servers
        async with join(a) as first, join(b) as second, join(b) as third:
            for name, client in (("ann", first), ("bob", second), ("cat", third)):
                await client.joined(name)
            for server in (a, b):
                assert await answer(server.port) == b"HTTP/1.1 503"
        await until(lambda: a.connection_limits.host.of_others() == (0, 0))
        async with join(a) as again:
            await again.joined("dan")


async def test_the_connections_of_one_address_are_limited_on_all_nodes_together(
    tmp_path: Path,
) -> None:
    limits = {"max_connections_per_address": 2, "trusted": (), "connects_per_s": 1000.0}
    async with node_host(tmp_path / "nodes", **limits) as host:
        a, b = host.servers
        async with join(a), join(b):
            assert await answer(a.port) == b"HTTP/1.1 503"
        await until(lambda: not a.connection_limits.host.address_of_others("127.0.0.1"))
        with trio.fail_after(60):
            async with join(a) as client:
                await client.joined("ann")
