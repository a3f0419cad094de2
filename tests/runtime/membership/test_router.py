"""Joins for any room: many at once, with filters that clients choose, and without a directory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import attrs
import trio
import trio.testing

from gameserver.cluster.directory.errors import DirectoryUnavailable
from gameserver.cluster.directory.listings import Candidates
from gameserver.runtime.membership.member import Membership
from gameserver.runtime.membership.router import Router
from gameserver.runtime.membership.tickets import MoveTickets
from gameserver.runtime.rooms.join_request import JoinRequest
from gameserver.runtime.rooms.lobby import Lobby

JOINS = 50
CALL_TIMEOUT_S = 1.0


class Empty:
    """A directory without a room or a node."""

    async def candidates(self, *_: object) -> Candidates:
        await trio.lowlevel.checkpoint()
        return Candidates()


class Hanging:
    """A directory that does not answer."""

    async def candidates(self, *_: object) -> Candidates:
        await trio.sleep(CALL_TIMEOUT_S)
        raise DirectoryUnavailable("it does not answer")


@attrs.define
class Node:
    """What the router knows of its node and of its rooms."""

    directory: Empty | Hanging
    is_away: bool = False

    def is_trusted(self, _node: object) -> bool:
        return True

    def placement(self, _kind: str) -> Any:
        return lambda _candidates: None


def router_of(node: Node) -> Router:
    membership, lobby = cast("Membership", node), cast("Lobby", node)
    return Router(membership, lobby, MoveTickets(lambda: ["s" * 32]))


async def join(router: Router, wanted: Mapping[str, Any]) -> None:
    request = JoinRequest("arena", None, None, wanted)
    assert await router.place(request) is request


async def test_no_memory_is_kept_of_filters_that_clients_have_sent() -> None:
    router = router_of(Node(Empty()))
    async with trio.open_nursery() as nursery:
        for number in range(JOINS):
            nursery.start_soon(join, router, {"mode": number % 10})
    assert not router._choosing


async def test_a_cancelled_join_leaves_the_turn_of_the_others_alone() -> None:
    router = router_of(Node(Empty()))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(join, router, {})
        with trio.CancelScope() as scope:
            scope.cancel()
            await join(router, {})
        nursery.start_soon(join, router, {})
    assert scope.cancelled_caught
    assert not router._choosing


async def test_joins_do_not_wait_for_each_other_while_the_directory_is_away(
    autojump_clock: trio.testing.MockClock,
) -> None:
    del autojump_clock
    node = Node(Hanging())
    router = router_of(node)
    begun_s = trio.current_time()
    async with trio.open_nursery() as nursery:
        for _ in range(JOINS):
            nursery.start_soon(join, router, {})
        await trio.sleep(1.5 * CALL_TIMEOUT_S)
        node.is_away = True  # as the renewal of the lease finds out
    assert trio.current_time() - begun_s == 2 * CALL_TIMEOUT_S
