"""A room goes from node to node while it is played; whatever fails, it plays on where it was."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

from clients.game_client import GameClient
from clients.joining import open_game
from gameserver import Joining
from gameserver.cluster.descriptors import ChannelError, DescriptorChannel
from gameserver.cluster.directory.errors import DirectoryUnavailable
from gameserver.cluster.directory.memory import MemoryDirectory
from gameserver.cluster.handover import giving
from gameserver.cluster.handover.messages import HandoverFailed
from gameserver.protocol.messages import Welcome
from tests.support.node_host import RunningHost, node_host
from tests.support.resumable_lobby import HoldingField, until_known
from tests.support.small_game import Step, join
from tests.support.sockets import PATIENCE_S, authority, client_tls, until

LABEL = "field/x"
#: The messages of the taking node, and of the giving one, in order.
OF_TAKER = ("ready", "rehearsed", "loaded", "taken")
OF_GIVER = ("rehearse", "room", "sessions", "all", "go")


@attrs.define
class Played:
    """A room of the first of two nodes, with a player whose connection never ends."""

    host: RunningHost
    game: GameClient
    sent: int = 0

    def field(self, index: int) -> HoldingField:
        field = self.host.rooms(index)[LABEL]
        assert isinstance(field, HoldingField)
        return field

    async def give(self, to: int = 1) -> None:
        """Hand the room over from the other node."""
        there = self.host.nodes[to].node
        listing = await self.host.registry.directory.node(there.run_name)
        assert listing is not None
        await self.host.nodes[1 - to].node.handovers.give(LABEL, listing)

    async def play(self) -> None:
        """Take a step, and see all steps applied once."""
        self.sent += 1
        await self.game.send(Step(1))
        while self.game.replica.ack < self.sent:
            await self.game.next_delta()

    def check(self, index: int) -> None:
        assert self.field(index).steps == [1] * self.sent
        statistics = self.game.statistics()
        assert (statistics.resumes, self.game.rejoins, statistics.checksum_failures) == (0, 0, 0)

    async def owner(self) -> str:
        found = await self.host.registry.directory.find(LABEL)
        assert found is not None
        return found.owner.name


@asynccontextmanager
async def played(folder: Path, kind: type[HoldingField] = HoldingField) -> AsyncIterator[Played]:
    with trio.fail_after(PATIENCE_S):
        async with node_host(folder / "nodes", kinds={"field": kind}) as host:
            await host.give(0, LABEL)
            url = f"ws://127.0.0.1:{host.servers[0].port}/"
            async with open_game(url, name="ann", room=LABEL) as game:
                await until_known(game)
                yield Played(host, game)


async def test_a_player_does_not_notice_that_the_room_goes_to_another_node(tmp_path: Path) -> None:
    async with played(tmp_path) as one:
        await one.play()
        await one.give(to=1)
        await one.play()
        one.check(1)
        assert not one.host.rooms(0)
        assert await one.owner() == "n1"
        for index in (0, 1):
            async with join(one.host.servers[index]) as bob:
                assert (await bob.joined("bob", room=LABEL)).room == LABEL
        await one.give(to=0)
        await one.play()
        one.check(0)
        assert await one.owner() == "n0"


async def test_a_held_seat_and_a_reserved_one_go_along(tmp_path: Path) -> None:
    async with played(tmp_path) as one:
        servers = one.host.servers
        (ticket,) = servers[0].reserve_seats(LABEL, valid_s=60.0)
        async with join(servers[0]) as bob:
            welcome = await bob.joined("bob", room=LABEL)
            seat = one.field(0).players[welcome.seat]
            await until(lambda: seat.latency.count)
            await bob.ws._stream.aclose()
        await until(lambda: not seat.connected)
        await one.give(to=1)
        async with join(servers[0]) as bob, join(servers[0]) as cid:
            await bob.hello(room=LABEL, resume=welcome.resume, tick=welcome.tick, held=None)
            again = await bob.next_of(Welcome)
            assert (again.resumed, again.seat) == (True, welcome.seat)
            assert (await cid.joined("cid", room="field", ticket=ticket)).room == LABEL
        one.check(1)


@pytest.mark.parametrize("kind", [*OF_TAKER, *OF_GIVER])
async def test_the_room_plays_on_where_it_was_whichever_message_fails(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = DescriptorChannel.send

    async def fail(self: DescriptorChannel, body: Any, descriptors: Sequence[Any] = ()) -> None:
        if body[0] == kind:
            self.close()
            raise ChannelError("the node died")
        await send(self, body, descriptors)

    async with played(tmp_path) as one:
        await one.play()
        with monkeypatch.context() as patched:
            patched.setattr(DescriptorChannel, "send", fail)
            with pytest.raises(HandoverFailed):
                await one.give()
        await one.play()
        one.check(0)
        assert not one.host.rooms(1)
        assert await one.owner() == "n0"
        await one.give()
        await one.play()
        one.check(1)


@pytest.mark.parametrize(
    ("silent_at", "deadline"),
    [("ready", "START_DEADLINE_S"), ("loaded", "LOAD_DEADLINE_S"), ("taken", "TAKE_DEADLINE_S")],
)
async def test_a_node_that_hangs_does_not_get_the_room(
    tmp_path: Path, silent_at: str, deadline: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    send, go_on = DescriptorChannel.send, trio.Event()

    async def hang(self: DescriptorChannel, body: Any, descriptors: Sequence[Any] = ()) -> None:
        if body[0] == silent_at:
            await go_on.wait()
        await send(self, body, descriptors)

    async with played(tmp_path) as one:
        with monkeypatch.context() as patched:
            patched.setattr(giving, deadline, 0.2)
            patched.setattr(DescriptorChannel, "send", hang)
            with pytest.raises(HandoverFailed, match=f"not {silent_at} within 0.2 s"):
                await one.give()
            go_on.set()  # too late: its message cannot be sent any more
            await one.play()
        one.check(0)
        assert not one.host.rooms(1)
        assert await one.owner() == "n0"


async def test_the_room_stays_where_its_claim_cannot_be_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unavailable(*_: Any) -> None:
        raise DirectoryUnavailable("the supervisor is gone")

    async with played(tmp_path) as one:
        monkeypatch.setattr(MemoryDirectory, "pass_on", unavailable)
        with pytest.raises(HandoverFailed, match="the claim cannot be passed on"):
            await one.give()
        await one.play()
        one.check(0)
        assert await one.owner() == "n0"


async def test_a_client_that_is_joining_follows_the_room(tmp_path: Path) -> None:
    asked, agreed = trio.Event(), trio.Event()

    class Asking(HoldingField):
        async def on_auth(self, joining: Joining) -> str | None:
            if joining.name == "bob":
                asked.set()
                await agreed.wait()
            return None

    async with played(tmp_path, Asking) as one, join(one.host.servers[0]) as bob:
        await bob.hello("bob", room=LABEL)
        await asked.wait()
        await one.give()
        agreed.set()
        assert (await bob.next_of(Welcome)).room == LABEL
        assert [p.name for p in one.field(1).players.values()] == ["ann", "bob"]


async def test_a_client_over_tls_is_moved_and_resumes(tmp_path: Path) -> None:
    issued = authority().issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    files = {"certificate": tmp_path / "cert.pem", "key": tmp_path / "key.pem"}
    with trio.fail_after(PATIENCE_S):
        async with node_host(tmp_path / "nodes", kinds={"field": HoldingField}, **files) as host:
            await host.give(0, LABEL)
            own = host.nodes[0].node.own_tls_listeners[0].getsockname()[1]
            url = f"wss://127.0.0.1:{own}/"
            async with open_game(url, name="ann", room=LABEL, ssl_context=client_tls()) as game:
                await until_known(game)
                one = Played(host, game)
                await one.play()
                await one.give()
                await one.play()
                assert one.field(1).steps == [1, 1]
                assert (game.statistics().resumes, game.rejoins) == (1, 0)


async def test_a_drain_waits_for_a_node_that_has_just_started(tmp_path: Path) -> None:
    async with played(tmp_path) as one:
        await one.host.registry.directory.leave(one.host.nodes[1].node.run_name)
        assert await one.host.servers[0].drain(0.0) == 1  # once the node has listed itself again
        await one.play()
        one.check(1)


async def test_a_drain_hands_rooms_over_and_makes_none(tmp_path: Path) -> None:
    async with played(tmp_path) as one:
        server = one.host.servers[0]
        assert await server.drain(60.0) == 1
        await one.play()
        one.check(1)
        async with join(server) as bob:
            assert (await bob.joined("bob", room="field/new")).room == "field/new"
        assert not one.host.rooms(0)
