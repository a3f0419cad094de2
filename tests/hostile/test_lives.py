"""Connections that live and end in any way, interleaved in any order, beside an honest player.

A stateful hypothesis test: each connection goes on with what a good client would send, by any
number of bytes, until garbage, a half-close, a reset or an end comes between, at any point.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import attrs
import hypothesis.strategies as st
import pytest
import trio
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from gameserver.protocol.messages import Ack, CommandMessage, Ping, Resync, Say
from tests.hostile.honest_player import Attacked, attacked, hello, masked
from tests.support.broken_clients import head
from tests.support.examples import examples
from tests.support.sockets import PATIENCE_S

pytestmark = pytest.mark.long

#: All that a good client sends in a short life.
LIFE = (
    head()
    + masked(hello("mallory"))
    + masked(CommandMessage(seq=1, tick=0, rendered=0, acked=0, kind=0, values=[1]).encode())
    + masked(b"x", 0x8A)
    + masked(Ack(0).encode(), 0x02)
    + masked(b"p", 0x89)
    + masked(b"", 0x80)
    + masked(Ping(nonce=1, client_time=0.5).encode())
    + masked(Say("hello").encode())
    + masked(Resync().encode())
    + masked(b"\x03\xe8", 0x88)
)


class Background:
    """A server and its witness in a thread of their own."""

    def __init__(self) -> None:
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self._ready.wait()

    def _run(self) -> None:
        try:
            trio.run(self._serve)
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
            self._error = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        async with attacked() as self._attacked:
            self._token = trio.lowlevel.current_trio_token()
            self._stop = trio.Event()
            self._ready.set()
            await self._stop.wait()

    @property
    def port(self) -> int:
        return self._attacked.port

    def a_tick(self) -> None:
        """Until the witness got another tick."""
        trio.from_thread.run(self._attacked.more_ticks, 1, trio_token=self._token)

    def survives(self) -> None:
        """Until all but the witness are gone, and it got another tick."""
        trio.from_thread.run(_survives, self._attacked, trio_token=self._token)

    def stop(self) -> None:
        if self._thread.is_alive():
            with suppress(trio.RunFinishedError):
                self._token.run_sync_soon(self._stop.set)
        self._thread.join()
        if self._error is not None:
            raise self._error


async def _survives(it: Attacked) -> None:
    with trio.fail_after(PATIENCE_S):
        await it.alone()
        await it.more_ticks(1)


@contextmanager
def background() -> Iterator[Background]:
    server = Background()
    try:
        yield server
    finally:
        server.stop()


@attrs.define
class Connection:
    sock: socket.socket
    lived: int = 0
    may_send: bool = True


class Lives(RuleBasedStateMachine):
    server: Background

    def __init__(self) -> None:
        super().__init__()
        self.open: list[Connection] = []

    def _any(self, which: int) -> Connection:
        return self.open[which % len(self.open)]

    def _send(self, connection: Connection, data: bytes) -> None:
        if connection.may_send:
            with suppress(OSError):  # the server has ended it, or takes no more
                connection.sock.send(data)

    @precondition(lambda self: len(self.open) < 5)
    @rule()
    def connect(self) -> None:
        sock = socket.create_connection(("127.0.0.1", self.server.port))
        sock.settimeout(0)
        self.open.append(Connection(sock))

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 4), count=st.one_of(st.integers(1, 40), st.just(len(LIFE))))
    def live_on(self, which: int, count: int) -> None:
        connection = self._any(which)
        self._send(connection, LIFE[connection.lived : connection.lived + count])
        connection.lived += count

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 4), count=st.integers(len(head()), len(LIFE) - 1))
    def live_on_at_once(self, which: int, count: int) -> None:
        """Further than the greeting, most often into the game."""
        self.live_on(which, count)

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 4), data=st.binary(min_size=1, max_size=40))
    def say_garbage(self, which: int, data: bytes) -> None:
        self._send(self._any(which), data)

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 4))
    def read(self, which: int) -> None:
        with suppress(OSError):
            self._any(which).sock.recv(4096)

    @rule()
    def wait_a_tick(self) -> None:
        """Let the server come to it, whatever it was."""
        self.server.a_tick()

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 4))
    def half_close(self, which: int) -> None:
        connection = self._any(which)
        connection.may_send = False
        with suppress(OSError):
            connection.sock.shutdown(socket.SHUT_WR)

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 4), by_reset=st.booleans())
    def end(self, which: int, by_reset: bool) -> None:
        connection = self._any(which)
        self.open.remove(connection)
        if by_reset:
            linger = struct.pack("ii", 1, 0)
            connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        connection.sock.close()

    def teardown(self) -> None:
        for connection in self.open:
            connection.sock.close()
        self.server.survives()


def test_whatever_becomes_of_them_the_others_play_on() -> None:
    with background() as server:

        class Here(Lives):
            pass

        Here.server = server
        run_state_machine_as_test(
            Here, settings=settings(max_examples=examples(25), stateful_step_count=25)
        )
