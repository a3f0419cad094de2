"""A real server with an honest player on it, who must get every tick whatever the others do.

The judge knows nothing of time: the room notes the ticks that have a delta, the witness those whose
delta it got, and the two must be the same.  On a machine that is too slow for the room, the
overload ladder leaves out every second delta; the room notes that as well.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

from gameserver import Player, Room, command, entity, number, synced
from gameserver.config import Settings
from gameserver.protocol.messages import SUBPROTOCOL, Ack, Bye, Delta, Welcome
from gameserver.runtime.rooms import pace
from gameserver.runtime.server import Server
from gameserver.runtime.serving import open_server
from tests.support.attack_bytes import hello, masked
from tests.support.small_game import RawClient, join
from tests.support.sockets import PATIENCE_S, WirePeer, authority, client_tls, until

#: So many deltas after an attack say that it is survived.
MORE_TICKS = 5
#: On a busy machine a hello, or the answer to a ping, may take longer than a server usually waits.
_USUAL: dict[str, Any] = {
    "secret": "s" * 32,
    "hello_deadline_s": PATIENCE_S,
    "ping_interval_s": PATIENCE_S,
}


@entity
class Clock:
    ticks: int = synced(0)


@command
class Nudge:
    by: int = number(-1, 1)


class Steady(Room):
    """Something changes at every tick, so that every tick has its delta."""

    tick_rate = 60
    max_players = 400
    classes = (Clock, Nudge)

    def on_create(self) -> None:
        self.told: list[int] = []
        self.ticks_between_deltas = 1
        self.clock = self.spawn(Clock())

    def tick(self) -> None:
        if not self.told or self.tick_number - self.told[-1] >= self.ticks_between_deltas:
            self.told.append(self.tick_number)
        self.clock.ticks = self.tick_number

    def on_overload(self, level: int) -> None:
        self.ticks_between_deltas = 2 if level else 1

    def on_command(self, player: Player, command: Nudge) -> None:
        pass


class Guarded(Steady):
    """For those with a token only."""

    requires_token = True


@attrs.define
class Attacked:
    """The server, where to attack it, and the witness."""

    server: Server
    tls: bool
    seen: list[int] = attrs.field(factory=list)
    _another: trio.Event = attrs.field(factory=trio.Event)
    _sockets: list[trio.SocketStream] = attrs.field(factory=list)

    @property
    def port(self) -> int:
        port = self.server.tls_port if self.tls else self.server.port
        assert port is not None
        return port

    @property
    def room(self) -> Steady:
        [(_, task)] = self.server.lobby.rooms
        assert isinstance(task.room, Steady)
        return task.room

    async def connect(self, source: str | None = None) -> trio.abc.Stream:
        """Connect, over TLS if this server is attacked there, and say nothing yet."""
        stream = await self.connect_tcp(source)
        if not self.tls:
            return stream
        secure = trio.SSLStream(stream, client_tls(), server_hostname="127.0.0.1")
        await secure.do_handshake()
        return secure

    async def connect_tcp(self, source: str | None = None) -> trio.SocketStream:
        """Connect, from the address ``source`` if one is given; the rest is left to the attack."""
        stream = await trio.open_tcp_stream("127.0.0.1", self.port, local_address=source)
        self._sockets.append(stream)
        return stream

    @contextlib.contextmanager
    def hello_deadline(self, seconds: float) -> Iterator[None]:
        """Give those who connect in this block so long for their hello."""
        with pytest.MonkeyPatch.context() as patch:
            for acceptor in self.server._acceptors:
                settings = attrs.evolve(acceptor._settings, handshake_timeout_s=seconds)
                patch.setattr(acceptor, "_settings", settings)
            yield

    def close(self) -> None:
        """Close what is still connected."""
        for stream in self._sockets:
            stream.socket.close()

    async def open(self) -> WirePeer:
        """Connect as far as the WebSocket."""
        peer = WirePeer(await self.connect())
        await peer.open("/", SUBPROTOCOL)
        return peer

    async def enter(self, name: str = "mallory") -> WirePeer:
        """Connect, and join the witness's room."""
        peer = await self.open()
        await peer.stream.send_all(masked(hello(name)))
        await next_message(peer)
        return peer

    async def more_ticks(self, count: int = MORE_TICKS) -> None:
        """Until the witness has got ``count`` deltas more."""
        until = len(self.seen) + count
        while len(self.seen) < until:
            await self._another.wait()

    async def watch(self, client: RawClient) -> None:
        """Be the witness."""
        while True:
            message = await client.receive()
            if isinstance(message, Delta):
                self.seen.append(message.tick)
                await client.send(Ack(message.tick))
                self._another.set()
                self._another = trio.Event()

    async def alone(self) -> None:
        """Until only the witness is connected."""
        await until(lambda: self.server.figures().connections == 1)


async def next_message(peer: WirePeer) -> bytes:
    """Return the next whole message."""
    parts = b""
    while True:
        event = await peer.next_event()
        assert event is not None, "the connection ended"
        parts += bytes(event.data)  # type: ignore[attr-defined]
        if event.message_finished:  # type: ignore[attr-defined]
            return parts


@asynccontextmanager
async def attacked(*, tls: bool = False, **settings: Any) -> AsyncIterator[Attacked]:
    """Serve ``Steady`` in this block, at whose end the witness must have got every tick.

    And nobody else may be connected any more, nothing of ours crashed, and a new player can join.
    """
    with contextlib.ExitStack() as patches:
        # On a busy machine the witness acknowledges late, and is no slow reader for that.
        patches.enter_context(pytest.MonkeyPatch.context()).setattr(
            pace, "ACK_WINDOW_S", PATIENCE_S
        )
        if tls:
            settings |= patches.enter_context(_certificate())
        async with (
            open_server(
                {"steady": Steady, "guarded": Guarded},
                Settings(port=0, tls_port=0, **{**_USUAL, **settings}),
            ) as server,
            join(server) as honest,
            trio.open_nursery() as nursery,
        ):
            with trio.fail_after(PATIENCE_S):
                await honest.hello("witness")
                await honest.next_of(Welcome)
                it = Attacked(server, tls)
                patches.callback(it.close)
                nursery.start_soon(it.watch, honest)
                await it.more_ticks(1)
                yield it
                await it.alone()
                await it.more_ticks()
                await _come_late(server)
            nursery.cancel_scope.cancel()
            told = [tick for tick in it.room.told if it.seen[0] <= tick <= it.seen[-1]]
            missed = sorted({*told} - {*it.seen})
            assert missed == [], f"of {told[0]} … {told[-1]} the witness missed {missed}"
            assert it.seen == told
            assert server.figures().acceptor["crashed"] == 0


async def _come_late(server: Server) -> None:
    """Join as a new player; if so many came just now that it is told to wait, it waits."""
    while True:
        async with join(server) as late:
            await late.hello("late")
            answer = await late.receive()
            if isinstance(answer, Welcome):
                await late.next_of(Delta)
                return
        assert isinstance(answer, Bye)
        assert answer.retry_after_s is not None
        await trio.sleep(answer.retry_after_s)


@contextlib.contextmanager
def _certificate() -> Iterator[dict[str, Path]]:
    """Yield the settings of a certificate that clients of the tests trust."""
    leaf = authority().issue_cert("127.0.0.1")
    with tempfile.TemporaryDirectory() as directory:
        certificate, key = Path(directory) / "cert.pem", Path(directory) / "key.pem"
        certificate.write_bytes(b"".join(pem.bytes() for pem in leaf.cert_chain_pems))
        key.write_bytes(leaf.private_key_pem.bytes())
        yield {"certificate": certificate, "key": key}
