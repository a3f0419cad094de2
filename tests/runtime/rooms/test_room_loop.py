"""The loop that all rooms of a server share, through real sockets."""

from __future__ import annotations

import pytest
import trio

from gameserver import Settings
from gameserver.protocol.messages import Bye, Delta
from gameserver.runtime.net.poller import AVAILABLE
from gameserver.runtime.serving import open_server
from tests.support.small_game import Field, join
from tests.support.sockets import PATIENCE_S

pytestmark = pytest.mark.skipif(not AVAILABLE, reason="this system has no epoll")


async def test_links_of_all_rooms_are_read_by_one_poller() -> None:
    async with (
        open_server({"field": Field}, Settings(port=0)) as server,
        join(server) as ann,
        join(server) as bob,
    ):
        for client, room in ((ann, "field/1"), (bob, "field/2")):
            await client.joined(room=room)
        for client in (ann, bob):
            await client.step(1)
            while (await client.next_of(Delta)).ack != 1:
                pass
        poller = server.lobby._loop.poller
        assert poller is not None
        assert len(poller) == 2


async def test_when_its_room_has_failed_a_link_is_read_to_its_end() -> None:
    """No other room ticks then, so nobody would read the close frame of the peer."""
    async with open_server({"field": Field}, Settings(port=0)) as server, join(server) as ann:
        await ann.joined()
        await ann.next_of(Delta)
        ((_, task),) = server.lobby.rooms
        poller = server.lobby._loop.poller
        assert poller is not None
        room = task.room
        assert isinstance(room, Field)
        room.log.append("tick-bug")
        with trio.fail_after(PATIENCE_S):
            assert (await ann.next_of(Bye)).code == 1011
            assert len(poller) == 0, "its own task reads it now"
            await ann.closed()
            await server._no_session.wait()
        assert len(server.lobby._loop.scheduler) == 0
